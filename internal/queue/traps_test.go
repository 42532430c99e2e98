package queue_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"keyturn/internal/devenv"
	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

// Each test holds against one way in which asynq, left to itself, loses or repeats work.

// asynq writes the end of a task once; when that write meets a Redis that is down, the task is left active and runs
// again when its lease has lapsed. So it is enough to see that nothing is left active.
func TestARestartOfRedisForThreeSecondsRunsNothingTwice(t *testing.T) {
	t.Parallel()
	server := devenvtest.RedisWith(t, devenv.RedisOptions{Dir: t.TempDir()})
	r := rigOn(t, asKeyturn(server))
	const tasks = 400
	for i := range tasks {
		must(t, r.client.Enqueue(t.Context(), account, fmt.Sprintf("c-%d", i), time.Now(), rotation.ReasonScheduled, false))
	}
	var mu sync.Mutex
	runs := map[string]int{}
	half, down := make(chan struct{}), make(chan struct{})
	r.serve(t, rotate(func(_ context.Context, job queue.Job) rotation.Result {
		mu.Lock()
		runs[job.Credential]++
		n := len(runs)
		mu.Unlock()
		if n == tasks/2 {
			close(half)
		}
		if n >= tasks/2 {
			<-down // so that runs end while Redis is away
		}
		return rotation.Result{Status: rotation.Done}
	}))
	next(t, "half of the runs", half)
	must(t, server.Stop())
	close(down)
	<-time.After(3 * time.Second) // the outage
	must(t, server.Restart(t.Context()))
	eventually(t, "no task is left", func() bool { return r.empty(t) })
	mu.Lock()
	defer mu.Unlock()
	for id, n := range runs {
		if n != 1 {
			t.Errorf("%s ran %d times", id, n)
		}
	}
	if len(runs) != tasks {
		t.Errorf("%d of %d tasks ran", len(runs), tasks)
	}
}

// The same with SIGKILL, for a run that ends while Redis is away and for one that outlasts the outage.
func TestAKillOfRedisForThreeSecondsRunsNothingTwice(t *testing.T) {
	t.Parallel()
	server := devenvtest.RedisWith(t, devenv.RedisOptions{
		Dir: t.TempDir(), Args: []string{"--appendfsync", "always"}, // so that the kill itself loses nothing
	})
	r := rigOn(t, asKeyturn(server))
	started := make(chan string, 8)
	ends := map[string]chan struct{}{"meanwhile": make(chan struct{}), "afterwards": make(chan struct{})}
	r.serve(t, rotate(func(_ context.Context, job queue.Job) rotation.Result {
		started <- job.Credential
		<-ends[job.Credential]
		return rotation.Result{Status: rotation.Done}
	}))
	for id := range ends {
		must(t, r.client.Enqueue(t.Context(), account, id, time.Now(), rotation.ReasonScheduled, false))
		next(t, "its run", started)
	}
	must(t, server.Kill())
	close(ends["meanwhile"])
	<-time.After(3 * time.Second) // the outage
	must(t, server.Restart(t.Context()))
	close(ends["afterwards"])
	eventually(t, "no task is left", func() bool { return r.empty(t) })
	if n := len(started); n != 0 {
		t.Errorf("%d runs too many", n)
	}
}

// At its last attempt asynq archives a task whatever its error says.
func TestWaitingNeverConsumesAnAttempt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	attempts := make(chan int, 8)
	var mu sync.Mutex
	results := []rotation.Status{rotation.Waiting, rotation.Replaced, rotation.Failed, rotation.Waiting, rotation.Done}
	r.serve(t, rotate(func(_ context.Context, job queue.Job) rotation.Result {
		mu.Lock()
		defer mu.Unlock()
		attempts <- job.Attempt
		res := rotation.Result{Status: results[0]}
		results = results[1:]
		return res
	}))
	must(t, r.client.Enqueue(t.Context(), account, "a", time.Now(), rotation.ReasonScheduled, false))
	for i, want := range []int{0, 0, 0, 1, 1} {
		if got := next(t, "a run", attempts); got != want {
			t.Errorf("run %d is attempt %d, want %d", i, got, want)
		}
	}
	eventually(t, "the task has ended", func() bool { return r.empty(t) })
}

// An archived task would hold its id for 90 days, and a quarantined credential could never be rotated again.
func TestWhatEndsFreesItsID(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ran := make(chan struct{}, 8)
	r.serve(t, rotate(func(context.Context, queue.Job) rotation.Result {
		ran <- struct{}{}
		return rotation.Result{Status: rotation.Ended, Err: fmt.Errorf("quarantined")}
	}))
	for range 2 {
		must(t, r.client.Enqueue(t.Context(), account, "a", time.Now(), rotation.ReasonScheduled, false))
		next(t, "a run", ran)
		eventually(t, "the task has ended", func() bool { return r.empty(t) })
	}
	if dump := r.dump(t); strings.Contains(dump, "archived") {
		t.Error("a task was archived")
	}
}

// A task at its last retry is archived whatever its error says, one that is retained keeps its id, and the lock of a unique
// one outlives it.
func TestATaskHasNoLastRetryAndTakesNothingButItsID(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	must(t, r.client.Enqueue(t.Context(), account, "a", time.Now(), rotation.ReasonScheduled, false))
	_, err := r.client.Demand(t.Context(), account, queue.KindRotate, "a", rotation.Job{})
	must(t, err)
	inspect := asynq.NewInspectorFromRedisClient(r.rdb)
	queues, err := inspect.Queues()
	must(t, err)
	for _, name := range queues {
		tasks, err := inspect.ListPendingTasks(name)
		must(t, err)
		for _, task := range tasks {
			if task.MaxRetry < math.MaxInt32 || task.Retention != 0 {
				t.Errorf("%s: %d retries, kept for %s", name, task.MaxRetry, task.Retention)
			}
		}
		if len(tasks) != 1 {
			t.Errorf("%s: %d tasks", name, len(tasks))
		}
	}
	if len(queues) != 2 || strings.Contains(r.dump(t), ":unique:") {
		t.Errorf("queues %v, or a lock of asynq's", queues)
	}
}

func TestATaskArchivedByHandIsRemoved(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	must(t, r.client.Enqueue(t.Context(), account, "a", time.Now(), rotation.ReasonScheduled, false))
	must(t, asynq.NewInspectorFromRedisClient(r.rdb).ArchiveTask(account, "a"))
	ran := make(chan struct{}, 1)
	r.serve(t, rotate(func(context.Context, queue.Job) rotation.Result {
		ran <- struct{}{}
		return rotation.Result{Status: rotation.Done}
	}))
	eventually(t, "its id is free", func() bool {
		must(t, r.client.Enqueue(t.Context(), account, "a", time.Now(), rotation.ReasonScheduled, false))
		n, err := r.client.Backlog(t.Context(), account)
		must(t, err)
		return n > 0 || len(ran) > 0
	})
	next(t, "a run", ran)
}

// A worker that was killed leaves a task active with a lease that lapses; the worker that finds it retries it with
// ErrLeaseExpired, which says nothing about the job.
func TestATaskOfAKilledWorkerRunsAgainWithoutLosingAnAttempt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	must(t, r.client.Enqueue(t.Context(), account, "a", time.Now(), rotation.ReasonScheduled, false))
	activate(t, r, "a", time.Now().Add(-time.Minute))
	attempts := make(chan int, 1)
	r.serve(t, rotate(func(_ context.Context, job queue.Job) rotation.Result {
		attempts <- job.Attempt
		return rotation.Result{Status: rotation.Done}
	}))
	if n := next(t, "the run", attempts); n != 0 {
		t.Errorf("attempt %d, want 0", n)
	}
}

// A long-lived client adds a queue to asynq's list once; its tools do not see a queue that is not there.
func TestQueuesAreListedAgainAfterRedisWasEmptied(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	inspect := asynq.NewInspectorFromRedisClient(r.rdb)
	must(t, r.client.Enqueue(t.Context(), account, "a", time.Now(), rotation.ReasonScheduled, false))
	must(t, r.admin.FlushAll(t.Context()).Err())
	must(t, r.client.Enqueue(t.Context(), account, "a", time.Now(), rotation.ReasonScheduled, false))
	if queues, err := inspect.Queues(); err != nil || len(queues) != 0 {
		t.Fatalf("the trap is gone: %v, %v", queues, err)
	}
	// Once a server is there they are listed without anybody's doing.
	r.serve(t, rotate(done))
	eventually(t, "both queues are listed", func() bool {
		queues, err := inspect.Queues()
		must(t, err)
		return len(queues) == 2
	})
}

// A task whose hash was evicted is dequeued as a hash without a message: it never runs, is never recovered, and holds
// its id.
func TestAGhostIsReapedAndItsIDIsFree(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	must(t, r.client.Enqueue(t.Context(), account, "a", time.Now(), rotation.ReasonScheduled, false))
	must(t, r.rdb.Del(t.Context(), "asynq:{"+account+"}:t:a").Err())
	stop := r.serve(t, rotate(done))
	eventually(t, "the ghost is active", func() bool {
		n, err := r.rdb.LLen(t.Context(), "asynq:{"+account+"}:active").Result()
		must(t, err)
		return n == 1
	})
	must(t, stop())
	must(t, r.client.Enqueue(t.Context(), account, "a", time.Now(), rotation.ReasonScheduled, false))
	if n := r.jobs.count("done"); n != 0 {
		t.Fatalf("the trap is gone: it ran %d times", n)
	}

	must(t, r.rdb.ZAdd(t.Context(), "asynq:{"+account+"}:lease", redis.Z{Member: "a", Score: float64(time.Now().Add(-2 * time.Minute).Unix())}).Err())
	r.serve(t, rotate(done))
	eventually(t, "the ghost is gone", func() bool { // or what is enqueued took another id
		return r.rdb.Exists(t.Context(), "asynq:{"+account+"}:t:a", "asynq:{"+account+"}:active", "asynq:{"+account+"}:lease").Val() == 0
	})
	must(t, r.client.Enqueue(t.Context(), account, "a", time.Now(), rotation.ReasonScheduled, false))
	eventually(t, "its job runs", func() bool { return r.jobs.count("done") > 0 })
}

// asynq's own GetQueueInfo fails as a whole when one sampled task has vanished.
func TestDepthsAreCountedWhereATaskHasVanished(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, id := range []string{"a", "b"} {
		must(t, r.client.Enqueue(t.Context(), account, id, time.Now(), rotation.ReasonScheduled, false))
	}
	must(t, r.rdb.Del(t.Context(), "asynq:{"+account+"}:t:a").Err())
	if _, err := asynq.NewInspectorFromRedisClient(r.rdb).GetQueueInfo(account); err == nil {
		t.Log("asynq's own count works again: the collector could be simpler")
	}
	if n, err := r.client.Backlog(t.Context(), account); err != nil || n != 2 {
		t.Errorf("backlog %d, %v", n, err)
	}
}

// An account whose provider hangs must cost the others nothing.
func TestAHangingAccountDoesNotHoldUpAnother(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	release := make(chan struct{})
	ran := make(chan string, 64)
	r.serveAccounts(t, rotate(func(_ context.Context, job queue.Job) rotation.Result {
		if job.Account == account {
			<-release
		} else {
			ran <- job.Credential
		}
		return rotation.Result{Status: rotation.Done}
	}), []string{account, "mail-2"})
	for i := range 20 {
		must(t, r.client.Enqueue(t.Context(), account, fmt.Sprintf("c-%d", i), time.Now(), rotation.ReasonScheduled, false))
	}
	for i := range 20 {
		must(t, r.client.Enqueue(t.Context(), "mail-2", fmt.Sprintf("c-%d", i), time.Now(), rotation.ReasonScheduled, false))
	}
	for range 20 {
		next(t, "a run of the other account", ran)
	}
	close(release)
}

// activate does to a pending task what a worker does that dequeues it.
func activate(t *testing.T, r *rig, id string, lease time.Time) {
	t.Helper()
	prefix := "asynq:{" + account + "}:"
	must(t, r.rdb.RPopLPush(t.Context(), prefix+"pending", prefix+"active").Err())
	must(t, r.rdb.HSet(t.Context(), prefix+"t:"+id, "state", "active").Err())
	must(t, r.rdb.ZAdd(t.Context(), prefix+"lease", redis.Z{Member: id, Score: float64(lease.Unix())}).Err())
}
