package queue

import (
	"context"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/rotation"
)

// door is where the tasks of one asynq server come in. It knows what the server has in hand, which asynq does not tell,
// and can be shut: then the server finds its queues empty. So it can be stopped without giving up a run, and without
// taking a task while it stops.
type door struct {
	redis.UniversalClient

	mu     sync.Mutex
	closed bool
	inside int       // dequeues under way, and tasks that were taken and have not ended
	since  time.Time // the last coming or going
}

func newDoor(rdb redis.UniversalClient) *door {
	return &door{UniversalClient: rdb, since: rotation.WallClock{}.Now()}
}

// EvalSha implements redis.Scripter, which is what asynq dequeues with.
func (d *door) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	return d.pass(ctx, keys, func() *redis.Cmd { return d.UniversalClient.EvalSha(ctx, sha, keys, args...) })
}

// Eval implements redis.Scripter: for a script that Redis does not know yet.
func (d *door) Eval(ctx context.Context, script string, keys []string, args ...any) *redis.Cmd {
	return d.pass(ctx, keys, func() *redis.Cmd { return d.UniversalClient.Eval(ctx, script, keys, args...) })
}

func (d *door) pass(ctx context.Context, keys []string, run func() *redis.Cmd) *redis.Cmd {
	if _, ok := dequeues(keys); !ok {
		return run()
	}
	if !d.enter() {
		cmd := redis.NewCmd(ctx)
		cmd.SetErr(redis.Nil) // what an empty queue answers
		return cmd
	}
	cmd := run()
	if cmd.Err() != nil {
		d.back()
	} else {
		d.taken()
	}
	return cmd
}

// enter lets a dequeue in, unless the door is shut.
func (d *door) enter() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return false
	}
	d.inside++
	return true
}

// back is the end of a dequeue that found nothing.
func (d *door) back() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.inside = max(0, d.inside-1)
}

// taken notes that a task came in.
func (d *door) taken() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.since = rotation.WallClock{}.Now()
}

// ended notes that a task that was taken has ended.
func (d *door) ended() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.inside = max(0, d.inside-1)
	d.since = rotation.WallClock{}.Now()
}

// shut closes the door if nothing is inside and nothing came or went for a time. A task that asynq could not read never
// ends; it counts until no run could last any longer.
func (d *door) shut(quiet time.Duration) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	still := rotation.WallClock{}.Now().Sub(d.since)
	d.closed = still >= quiet && d.inside == 0 || still > backstop
	return d.closed
}

// open undoes shut, because there is something to do after all.
func (d *door) open() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed, d.inside, d.since = false, 0, rotation.WallClock{}.Now()
}
