package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/rotation"
)

// guard stands between a server and Redis. It gives what asynq lacks: a pause after a dequeue that Redis refused, without
// which asynq asks tens of thousands of times a second, and an end to waiting for a Redis that is away once the server is
// to stop.
type guard struct {
	serving atomic.Pointer[context.Context] // ends when the server is to stop
	away    atomic.Bool                     // the last command got no answer

	mu      sync.Mutex
	refused map[string]refusal // by queue
	some    atomic.Bool        // refused is not empty
}

// refusal is a queue from which Redis lets nothing be taken.
type refusal struct {
	err   error
	times int
}

const (
	firstPause, longestPause = 100 * time.Millisecond, 5 * time.Second
	// lastWords is how long a command may take while the server stops, which is enough for a restart of Redis, and
	// lastTry the same where Redis is known to be away.
	lastWords, lastTry = 4 * time.Second, 500 * time.Millisecond
)

func newGuard() *guard {
	g := &guard{refused: map[string]refusal{}}
	g.until(context.Background())
	return g
}

// until has the server stop when ctx ends.
func (g *guard) until(ctx context.Context) { g.serving.Store(&ctx) }

// ready is why Redis lets no job be taken, in its own words.
func (g *guard) ready() error {
	if !g.some.Load() {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	reasons := map[string][]string{}
	for queue, r := range g.refused {
		reasons[r.err.Error()] = append(reasons[r.err.Error()], queue)
	}
	errs := make([]error, 0, len(reasons))
	for reason, queues := range reasons {
		slices.Sort(queues)
		errs = append(errs, fmt.Errorf("no job can be taken from %s: %s", strings.Join(queues, ", "), reason))
	}
	return errors.Join(errs...)
}

// DialHook implements redis.Hook.
func (*guard) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook implements redis.Hook.
func (g *guard) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		bound, release := g.bound(ctx)
		err := next(bound, cmd)
		release()
		g.heard(err)
		if queue, ok := dequeued(cmd); ok {
			g.judge(ctx, queue, err)
		}
		return err
	}
}

// ProcessPipelineHook implements redis.Hook.
func (g *guard) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		bound, release := g.bound(ctx)
		err := next(bound, cmds)
		release()
		g.heard(err)
		return err
	}
}

// bound lets a command that is under way when the server stops, or comes later, last for a little only.
func (g *guard) bound(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	var late *time.Timer
	var mu sync.Mutex
	stop := context.AfterFunc(*g.serving.Load(), func() {
		left := lastWords
		if g.away.Load() {
			left = lastTry
		}
		mu.Lock()
		defer mu.Unlock()
		if ctx.Err() == nil {
			late = time.AfterFunc(left, cancel)
		}
	})
	return ctx, func() {
		stop()
		mu.Lock()
		defer mu.Unlock()
		cancel()
		if late != nil {
			late.Stop()
		}
	}
}

// heard learns whether Redis answers at all.
func (g *guard) heard(err error) {
	var answer redis.Error
	if away := err != nil && !errors.As(err, &answer); away != g.away.Load() {
		g.away.Store(away)
	}
}

// judge keeps asynq waiting after a dequeue that failed, longer each time.
func (g *guard) judge(ctx context.Context, queue string, err error) {
	if err == nil || errors.Is(err, redis.Nil) || redis.HasErrorPrefix(err, "NOSCRIPT") {
		if g.some.Load() {
			g.mu.Lock()
			delete(g.refused, queue)
			g.some.Store(len(g.refused) > 0)
			g.mu.Unlock()
		}
		return
	}
	serving := *g.serving.Load()
	if serving.Err() != nil {
		return
	}
	g.mu.Lock()
	r := refusal{err: err, times: g.refused[queue].times + 1}
	g.refused[queue] = r
	g.some.Store(true)
	g.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(serving, cancel)() //nolint:contextcheck // the pause ends with the command's context or with the server
	_ = rotation.WallClock{}.Sleep(ctx, min(firstPause<<min(r.times-1, 10), longestPause))
}

// forget has queues of which nothing is taken any more say nothing.
func (g *guard) forget(queues ...string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, queue := range queues {
		delete(g.refused, queue)
	}
	g.some.Store(len(g.refused) > 0)
}

// dequeued tells asynq's dequeue by its keys; its script cannot be had. It is part of asynq's storage format.
func dequeued(cmd redis.Cmder) (queue string, ok bool) {
	args := cmd.Args()
	if len(args) < 5 || cmd.Name() != "evalsha" && cmd.Name() != "eval" {
		return "", false
	}
	pending, _ := args[3].(string)
	paused, _ := args[4].(string)
	return dequeues([]string{pending, paused})
}

// dequeues tells asynq's dequeue by the keys of a script.
func dequeues(keys []string) (queue string, ok bool) {
	if len(keys) < 2 {
		return "", false
	}
	queue, ok = strings.CutSuffix(strings.TrimPrefix(keys[0], "asynq:{"), "}:pending")
	return queue, ok && keys[1] == engineKey(queue, "paused")
}
