package queue_test

import (
	"context"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

// asynq's traps by which two runs of one task go on at once.

// asynq gives a task away while its handler still runs; what it can do is end the handler's context.
func TestAnAbandonedRunIsToldAndCountedAndSpoilsNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	started, release := make(chan context.Context, 2), make(chan struct{})
	r.serve(t, rotate(func(ctx context.Context, _ queue.Job) rotation.Result {
		started <- ctx
		<-release // a handler that does not look at its context
		return rotation.Result{Status: rotation.Failed}
	}))
	must(t, r.client.Enqueue(t.Context(), account, "a", time.Now(), rotation.ReasonScheduled, false))
	first := next(t, "the first run", started)
	must(t, asynq.NewInspectorFromRedisClient(r.rdb).CancelProcessing("a"))
	next(t, "the end of its context", first.Done())
	second := next(t, "the second run, while the first still goes on", started)
	if second.Err() != nil {
		t.Error("the second run begins with a context that has ended")
	}
	close(release)
	eventually(t, "the first is counted as abandoned, the second as failed", func() bool {
		return r.jobs.count("abandoned") == 1 && r.jobs.count("failed") == 1
	})
}

// What a lease is worth is a matter of the workers' clocks, and Redis can be emptied.
func TestATaskThatRunsTwiceAtOnceLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	for name, again := range map[string]func(*testing.T, *rig, rotate){
		"Redis was emptied": func(t *testing.T, r *rig, _ rotate) {
			t.Helper()
			must(t, r.admin.FlushAll(t.Context()).Err())
			must(t, r.client.Enqueue(t.Context(), account, "a", time.Now(), rotation.ReasonScheduled, false))
		},
		"the lease has lapsed for a worker whose clock is fast": func(t *testing.T, r *rig, h rotate) {
			t.Helper()
			r.serve(t, h) // at its start, and then every minute, it looks for tasks whose lease has lapsed
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			runs, attempts := make(chan chan struct{}, 8), make(chan int, 8)
			h := rotate(func(_ context.Context, job queue.Job) rotation.Result {
				attempts <- job.Attempt
				end := make(chan struct{})
				runs <- end
				<-end
				return rotation.Result{Status: rotation.Done}
			})
			r.serve(t, h)
			must(t, r.client.Enqueue(t.Context(), account, "a", time.Now(), rotation.ReasonScheduled, false))
			first := next(t, "the first run", runs)
			lapse(t, r)
			again(t, r, h)
			eventually(t, "the second run begins", func() bool {
				lapse(t, r) // the first worker's heartbeat keeps extending it
				return len(runs) > 0
			})
			second := <-runs
			close(first)
			eventually(t, "the first has ended", func() bool { return r.jobs.count("done") == 1 })
			close(second)
			eventually(t, "both have ended", func() bool { return r.jobs.count("done") == 2 && r.empty(t) })

			must(t, r.client.Enqueue(t.Context(), account, "a", time.Now(), rotation.ReasonScheduled, false))
			close(next(t, "a third run: the id is free", runs))
			eventually(t, "no task is left", func() bool { return r.empty(t) })
			for range 3 {
				if n := <-attempts; n != 0 {
					t.Errorf("attempt %d: nothing had failed", n)
				}
			}
		})
	}
}

// lapse makes the lease of the task that runs look as it does to a clock that is minutes ahead.
func lapse(t *testing.T, r *rig) {
	t.Helper()
	score := float64(time.Now().Add(-time.Minute).Unix())
	must(t, r.rdb.ZAddXX(t.Context(), "asynq:{"+account+"}:lease", redis.Z{Member: "a", Score: score}).Err())
}

// asynq looks for leases that have lapsed with each start of a server, by its machine's clock.
func TestAWorkerWhoseClockIsFastTakesNothingThatAnotherRuns(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const ahead = time.Hour
	shared := func() time.Time { return time.Now().Add(-ahead) }
	must(t, r.client.Enqueue(t.Context(), account, "a", time.Now(), rotation.ReasonScheduled, false))
	activate(t, r, "a", shared().Add(20*time.Second))
	for range 3 {
		stop := r.serve(t, rotate(done), func(s *queue.Server) { s.Now = shared })
		eventually(t, "its server has begun", func() bool { return len(servers(t, r)) == 1 })
		must(t, stop()) // which waits for the end of that search
	}
	const prefix = "asynq:{" + account + "}:"
	if active := r.rdb.LRange(t.Context(), prefix+"active", 0, -1).Val(); len(active) != 1 || r.jobs.count("done") > 0 {
		t.Errorf("active: %v; %d runs", active, r.jobs.count("done"))
	}
}

func TestALeaseIsTakenAndExtendedByTheClockThatAllShare(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const ahead = time.Hour // this machine's clock; were it behind, what it writes would be ahead of Redis's, which housekeeping ends
	shared := func() time.Time { return time.Now().Add(-ahead) }
	started, release := make(chan struct{}, 1), make(chan struct{})
	r.serve(t, rotate(func(context.Context, queue.Job) rotation.Result {
		started <- struct{}{}
		<-release
		return rotation.Result{Status: rotation.Done}
	}), func(s *queue.Server) { s.Now = shared })
	t.Cleanup(func() { close(release) })
	must(t, r.client.Enqueue(t.Context(), account, "a", time.Now(), rotation.ReasonScheduled, false))
	next(t, "the run", started)
	const key = "asynq:{" + account + "}:lease"
	left := func() time.Duration {
		return time.Unix(int64(r.rdb.ZScore(t.Context(), key, "a").Val()), 0).Sub(shared())
	}
	if d := left(); d <= 0 || d > time.Minute {
		t.Errorf("it lapses in %v", d)
	}
	must(t, r.rdb.ZAddXX(t.Context(), key, redis.Z{Member: "a", Score: 1}).Err())
	eventually(t, "it is extended", func() bool { d := left(); return d > 0 && d <= time.Minute })
}
