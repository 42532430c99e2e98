package queue

import (
	"context"
	_ "embed"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/rotation"
)

//go:embed take.lua
var takeSource string

var takeScript = redis.NewScript(takeSource)

// ahead takes the next task of an account before asynq asks for it, where that saves a round trip: what waits in both queues is
// one question, and the end of a task asks it too. Then there is a slot for it, and asynq comes for it at once.
//
// It is not used on a cluster, where a transaction and a script have keys of one queue only, nor while calls wait for the
// account's rate: then tasks are left to other workers one by one.
type ahead struct {
	leases
	account string
	slots   int // tasks at once; 0: it is not used

	// Guarded by door.mu.

	held   []task
	looked bool // a look at both queues found nothing, and asynq is about to ask the second one
}

// task is one that was taken and not yet handed to asynq.
type task struct {
	urgent      bool
	id, message string
	at          time.Time
}

const (
	leaseFor = 30 * time.Second // as asynq has it
	// freshFor is how long a task may be held. asynq counts its lease from when it gets it, which must not be later than by what
	// its recoverer allows. One that is older, of a process that stood still, is left to that.
	freshFor = 10 * time.Second
)

// ask has Redis take the next task; how runs the script.
func (a *ahead) ask(how func(keys []string, args []any) *redis.Cmd) *redis.Cmd {
	var keys []string
	args := []any{rotation.WallClock{}.Now().Add(leaseFor).Unix()}
	for _, queue := range queuesOf(a.account) {
		for _, name := range []string{"pending", "paused", "active", "lease"} {
			keys = append(keys, engineKey(queue, name))
		}
		args = append(args, engineKey(queue, "t:"))
	}
	return how(keys, args)
}

// answer reads what ask got.
func answer(cmd *redis.Cmd) (t task, ok bool) {
	parts, err := cmd.Slice()
	if err != nil || len(parts) != 3 {
		return t, false
	}
	n, _ := parts[0].(int64)
	t.id, _ = parts[1].(string)
	t.message, ok = parts[2].(string)
	t.urgent, t.at = n == 1, rotation.WallClock{}.Now()
	return t, ok
}

// joint answers asynq's dequeue of one queue by a look at both, or by what is held. It does not where asynq is to ask itself.
func (d *door) joint(ctx context.Context, urgent bool) (cmd *redis.Cmd, answered bool) {
	if d.slots == 0 {
		return nil, false
	}
	if cmd, answered := d.fromHeld(ctx, urgent); answered {
		return cmd, true
	}
	if !urgent || d.apart() > 0 || !d.enter() {
		return nil, false
	}
	cmd = d.ask(func(keys []string, args []any) *redis.Cmd { return takeScript.Run(ctx, d.leases, keys, args...) })
	t, found := answer(cmd)
	if !found {
		d.back()
		d.mu.Lock()
		d.looked = true
		d.mu.Unlock()
		return cmd, true
	}
	d.hold(ctx, t)
	cmd, _ = d.fromHeld(ctx, urgent)
	return cmd, true
}

// fromHeld answers a dequeue as far as it is known what there is.
func (d *door) fromHeld(ctx context.Context, urgent bool) (cmd *redis.Cmd, known bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	looked := d.looked
	d.looked = false
	cmd = redis.NewCmd(ctx)
	kept := d.held[:0]
	for _, t := range d.held {
		switch {
		case rotation.WallClock{}.Now().Sub(t.at) > freshFor:
			d.inside = max(0, d.inside-1)
		case cmd.Val() == nil && t.urgent == urgent:
			cmd.SetVal(t.message)
		default:
			kept = append(kept, t)
		}
	}
	d.held = kept
	if cmd.Val() == nil {
		cmd.SetErr(redis.Nil)
		return cmd, urgent && len(kept) > 0 || !urgent && looked
	}
	return cmd, true
}

// hold keeps a task for asynq, or gives it back where the server stops.
func (d *door) hold(ctx context.Context, t task) {
	d.taken(t.urgent)
	d.mu.Lock()
	closed := d.closed
	if !closed {
		d.held = append(d.held, t)
	}
	d.mu.Unlock()
	if closed {
		d.giveBack(ctx, t)
	}
}

// vacant reserves the slot of a task that has ended, if there is one.
func (d *door) vacant() bool {
	if d.slots == 0 || d.apart() > 0 {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || d.inside >= d.slots {
		return false
	}
	d.inside++
	return true
}

// finish writes the end of a task, before it what its run left, and after it takes the next one: all in one round trip.
func (d *door) finish(ctx context.Context, key string, alone func() *redis.Cmd, within func(redis.Pipeliner) *redis.Cmd) *redis.Cmd {
	write, written := d.leftBy(key)
	next := d.vacant()
	if write == nil && !next {
		return alone()
	}
	var left int
	var end, took *redis.Cmd
	cmds, _ := d.TxPipelined(ctx, func(p redis.Pipeliner) error {
		if write != nil {
			write(ctx, p)
		}
		left = p.Len()
		end = within(p)
		if next {
			took = d.ask(func(keys []string, args []any) *redis.Cmd {
				return takeScript.EvalSha(ctx, p, keys, d.shared(keys, args)...)
			})
		}
		return nil
	})
	if next {
		if t, found := answer(took); found {
			d.hold(ctx, t)
		} else {
			d.back() // also where Redis does not know the script yet: the next dequeue tells it
		}
	}
	if write != nil {
		written(firstError(cmds[:left]))
	}
	if _, refused := end.Err().(redis.Error); refused { //nolint:errorlint // go-redis wraps no answer
		return alone() // what refuses the transaction may let a task end
	}
	return end
}

func firstError(cmds []redis.Cmder) error {
	for _, cmd := range cmds {
		if err := cmd.Err(); err != nil {
			return err
		}
	}
	return nil
}

// stop shuts the door for good, and gives back what asynq has not come for.
func (d *door) stop(ctx context.Context) {
	d.mu.Lock()
	held := d.held
	d.closed, d.held = true, nil
	d.mu.Unlock()
	for _, t := range held {
		d.giveBack(ctx, t)
	}
}

// giveBackScript does what asynq's own requeue does.
var giveBackScript = redis.NewScript(`
if redis.call('ZREM', KEYS[2], ARGV[1]) == 0 or redis.call('LREM', KEYS[1], 0, ARGV[1]) == 0 then return 0 end
redis.call('RPUSH', KEYS[3], ARGV[1])
redis.call('HSET', KEYS[4], 'state', 'pending')
return 1`)

// giveBack puts a task where it was taken. If that fails, its lease lapses. It may have: then it is not ours to give.
func (d *door) giveBack(ctx context.Context, t task) {
	d.back()
	if (rotation.WallClock{}).Now().Sub(t.at) > freshFor {
		return
	}
	queue := d.account
	if t.urgent {
		queue = nowQueue(d.account)
	}
	keys := []string{engineKey(queue, "active"), engineKey(queue, "lease"), engineKey(queue, "pending"), engineKey(queue, "t:"+t.id)}
	ctx, cancel := outlive(ctx)
	defer cancel()
	_ = giveBackScript.Run(ctx, d.UniversalClient, keys, t.id).Err()
}

// ends tells asynq's end of a task by the keys of its script.
func ends(keys []string) (task string, ok bool) {
	if len(keys) != 5 {
		return "", false
	}
	queue, ok := strings.CutSuffix(strings.TrimPrefix(keys[0], "asynq:{"), "}:active")
	return keys[2], ok && keys[1] == engineKey(queue, "lease") && keys[4] == engineKey(queue, "processed")
}
