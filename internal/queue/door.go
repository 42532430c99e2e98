package queue

import (
	"context"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/redisx"
	"keyturn/internal/rotation"
)

// door is where the tasks of one asynq server come in. It knows what the server has in hand, which asynq does not tell,
// and can be shut: then the server finds its queues empty. So it can be stopped without giving up a run, and without
// taking a task while it stops.
//
// Where jobs wait for the account's rate it also leaves some to other workers. They come back with each full second, because
// asynq knows no shorter time, and the worker that looks first would take them all within milliseconds.
type door struct {
	redis.UniversalClient
	ahead
	apart func() time.Duration // how far apart the calls of the account are that wait for each other; 0: none waits

	mu     sync.Mutex
	closed bool
	inside int                     // dequeues under way, and tasks that were taken and have not ended
	since  time.Time               // the last coming or going
	next   time.Time               // when the next task may be taken that is not urgent
	tails  map[string]*redisx.Tail // what runs left for the end of their tasks, by the tasks' keys
}

// spread is the share of the time between two calls that passes between two tasks of a worker: so one alone still takes more
// than the rate lets go, and others look meanwhile.
const spread = 4

func newDoor(rdb redis.UniversalClient, apart func() time.Duration) *door {
	return &door{UniversalClient: rdb, apart: apart, since: rotation.WallClock{}.Now(), tails: map[string]*redisx.Tail{}}
}

// EvalSha implements redis.Scripter, which is what asynq dequeues with, and writes the end of a task.
func (d *door) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	run := func() *redis.Cmd { return d.UniversalClient.EvalSha(ctx, sha, keys, args...) }
	if key, ok := ends(keys); ok {
		return d.finish(ctx, key, run, func(p redis.Pipeliner) *redis.Cmd { return p.EvalSha(ctx, sha, keys, args...) })
	}
	return d.pass(ctx, keys, run)
}

// Eval implements redis.Scripter: for a script that Redis does not know yet.
func (d *door) Eval(ctx context.Context, script string, keys []string, args ...any) *redis.Cmd {
	return d.pass(ctx, keys, func() *redis.Cmd { return d.UniversalClient.Eval(ctx, script, keys, args...) })
}

func (d *door) pass(ctx context.Context, keys []string, run func() *redis.Cmd) *redis.Cmd {
	queue, ok := dequeues(keys)
	if !ok {
		return run()
	}
	urgent := isNow(queue)
	if cmd, ok := d.joint(ctx, urgent); ok {
		return cmd
	}
	if !urgent {
		d.leave(ctx)
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
		d.taken(urgent)
	}
	return cmd
}

// leave waits while the next task is for others to take.
func (d *door) leave(ctx context.Context) {
	d.mu.Lock()
	rest := d.next.Sub(rotation.WallClock{}.Now())
	d.mu.Unlock()
	if rest <= 0 {
		return
	}
	timer := time.NewTimer(rest)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
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
func (d *door) taken(urgent bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.since = rotation.WallClock{}.Now()
	if !urgent {
		d.next = d.since.Add(min(d.apart()/spread, pollEvery))
	}
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
