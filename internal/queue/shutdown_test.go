package queue_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

func TestAShutdownLetsARunEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.grace = time.Minute
	started, release := make(chan context.Context, 1), make(chan struct{})
	stop := r.serve(t, rotate(func(ctx context.Context, _ queue.Job) rotation.Result {
		started <- ctx
		<-release
		return rotation.Result{Status: rotation.Done}
	}))
	must(t, r.client.Enqueue(t.Context(), account, "a", time.Now(), rotation.ReasonScheduled, false))
	ctx := next(t, "the run", started)
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	must(t, r.client.Enqueue(t.Context(), account, "b", time.Now(), rotation.ReasonScheduled, false))
	if ctx.Err() != nil {
		t.Error("the run's context ended at once")
	}
	close(release)
	must(t, next(t, "the end of Serve", stopped))
	if n := r.jobs.count("done"); n < 1 {
		t.Errorf("%d runs ended", n)
	}
}

func TestAShutdownEndsARunAfterItsGraceAndKeepsItsTask(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.grace = 50 * time.Millisecond
	started := make(chan struct{}, 2)
	stop := r.serve(t, rotate(func(ctx context.Context, _ queue.Job) rotation.Result {
		started <- struct{}{}
		<-ctx.Done()
		return rotation.Result{Status: rotation.Failed, Err: ctx.Err()}
	}))
	must(t, r.client.Enqueue(t.Context(), account, "a", time.Now(), rotation.ReasonScheduled, false))
	next(t, "the run", started)
	must(t, stop())
	if n := r.jobs.count("abandoned"); n != 0 {
		t.Error("the run was abandoned, though it ended when it was told")
	}
	attempts := make(chan int, 1)
	r.serve(t, rotate(func(_ context.Context, job queue.Job) rotation.Result {
		attempts <- job.Attempt
		return rotation.Result{Status: rotation.Done}
	}))
	if n := next(t, "the next worker's run", attempts); n != 0 {
		t.Errorf("attempt %d: a shutdown consumed one", n)
	}
}

func TestSettingsThatCannotWorkAreRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	good := queue.AccountSettings{Name: account, Concurrency: 2, Timeout: time.Minute}
	for name, change := range map[string]func(*queue.AccountSettings){
		"name":                func(a *queue.AccountSettings) { a.Name = "a b" },
		"too few at once":     func(a *queue.AccountSettings) { a.Concurrency = 1 },
		"too many at once":    func(a *queue.AccountSettings) { a.Concurrency = 65 },
		"no time-out":         func(a *queue.AccountSettings) { a.Timeout = 0 },
		"past asynq's limits": func(a *queue.AccountSettings) { a.Timeout = time.Hour },
	} {
		bad := good
		change(&bad)
		if err := queue.NewServer(r.rdb).Use([]queue.AccountSettings{bad}); err == nil {
			t.Errorf("%s: served", name)
		}
	}
}

func TestARunIsBoundedByItsAccountsTimeout(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := queue.NewServer(r.rdb)
	s.Breaker, s.Observer, s.Now, s.Log, s.Apart = r.breaker, r.jobs, time.Now, discard, calm
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	must(t, s.Use([]queue.AccountSettings{{Name: account, Concurrency: 2, Timeout: 50 * time.Millisecond, Grace: time.Second}}))
	go func() {
		served <- s.Serve(ctx, rotate(func(ctx context.Context, _ queue.Job) rotation.Result {
			<-ctx.Done()
			ended <- ctx.Err()
			return rotation.Result{Status: rotation.Waiting, After: time.Hour}
		}))
	}()
	must(t, r.client.Enqueue(t.Context(), account, "a", time.Now(), rotation.ReasonScheduled, false))
	if err := next(t, "the end of the run", ended); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	eventually(t, "it reports and is not abandoned", func() bool { return r.jobs.count("waiting") == 1 })
	cancel()
	must(t, <-served)
}
