package queue_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

// asked counts the dequeues that reached Redis, or tried.
type asked struct {
	mu    sync.Mutex
	times []time.Time
}

func (*asked) DialHook(next redis.DialHook) redis.DialHook { return next }

func (a *asked) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if args := cmd.Args(); len(args) > 3 {
			if first, _ := args[3].(string); strings.HasSuffix(first, "}:pending") {
				a.mu.Lock()
				a.times = append(a.times, time.Now())
				a.mu.Unlock()
			}
		}
		return next(ctx, cmd)
	}
}

func (*asked) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (a *asked) since(start time.Time) []time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, at := range a.times {
		if at.After(start) {
			return append([]time.Time(nil), a.times[i:]...)
		}
	}
	return nil
}

func TestADequeueThatRedisRefusesIsRepeatedSlowlyAndToldInItsWords(t *testing.T) {
	t.Parallel()
	for reason, c := range map[string]struct{ on, off []any }{
		"OOM":        {[]any{"CONFIG", "SET", "maxmemory", "1"}, []any{"CONFIG", "SET", "maxmemory", "0"}},
		"NOREPLICAS": {[]any{"CONFIG", "SET", "min-replicas-to-write", "1"}, []any{"CONFIG", "SET", "min-replicas-to-write", "0"}},
		"NOPERM":     {[]any{"ACL", "SETUSER", devenvtest.RedisUser, "-@scripting"}, []any{"ACL", "SETUSER", devenvtest.RedisUser, "+@scripting"}},
	} {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			r, a := newRig(t), &asked{}
			var server *queue.Server
			r.rdb.AddHook(a)
			r.serve(t, rotate(done), func(s *queue.Server) { server = s })
			must(t, r.client.Enqueue(t.Context(), account, "a", time.Time{}, rotation.ReasonResume, true))
			eventually(t, "it works", func() bool { return r.jobs.count("done") == 1 })
			must(t, server.Ready())

			must(t, r.admin.Do(t.Context(), c.on...).Err())
			eventually(t, "it is unready", func() bool { return server.Ready() != nil })
			unready := time.Now()
			if err := server.Ready(); !strings.Contains(err.Error(), reason) || !strings.Contains(err.Error(), account) {
				t.Errorf("it says %v", err)
			}
			// With pauses of 100 ms and twice as long each time, six take more than three seconds.
			const six = 3 * time.Second
			eventually(t, "it asked six times more", func() bool { return len(a.since(unready)) >= 2*6 || time.Since(unready) > six })
			if n := len(a.since(unready)); time.Since(unready) <= six {
				t.Errorf("asked %d times in %v", n, time.Since(unready))
			}
			must(t, r.admin.Do(t.Context(), c.off...).Err())
			must(t, r.client.Enqueue(t.Context(), account, "b", time.Time{}, rotation.ReasonResume, true))
			eventually(t, "it is ready and works", func() bool { return server.Ready() == nil && r.jobs.count("done") == 2 })
		})
	}
}

func TestAServerStopsSoonThoughRedisIsDead(t *testing.T) {
	t.Parallel()
	for _, busy := range []bool{false, true} {
		server := devenvtest.Redis(t)
		r := rigOn(t, asKeyturn(server))
		started, release := make(chan struct{}, 1), make(chan struct{})
		stop := r.serve(t, rotate(func(ctx context.Context, _ queue.Job) rotation.Result {
			started <- struct{}{}
			select {
			case <-ctx.Done():
			case <-release:
			}
			return rotation.Result{Status: rotation.Failed}
		}))
		if busy {
			must(t, r.client.Enqueue(t.Context(), account, "a", time.Time{}, rotation.ReasonResume, true))
			next(t, "the run", started)
		}
		must(t, server.Stop())
		ended := make(chan error, 1)
		go func() { ended <- stop() }()
		select {
		case err := <-ended:
			must(t, err)
		case <-time.After(20 * time.Second): // with a grace of one
			t.Fatalf("busy %t: it waits for a Redis that is away", busy)
		}
	}
}
