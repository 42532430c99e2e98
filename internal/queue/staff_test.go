package queue_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

func settings(name string, concurrency int) queue.AccountSettings {
	return queue.AccountSettings{Name: name, Concurrency: concurrency, Timeout: time.Minute, Grace: time.Minute}
}

// held is a handler whose runs end when they are let go.
type held struct {
	started, release chan string
	over             <-chan struct{} // the test has ended
}

func newHeld(t *testing.T) held {
	t.Helper()
	return held{make(chan string, 10), make(chan string), t.Context().Done()}
}

func (h held) run(ctx context.Context, job queue.Job) rotation.Result {
	h.started <- job.Account + "/" + job.Credential
	select {
	case <-h.release:
	case <-h.over:
	case <-ctx.Done():
		return rotation.Result{Status: rotation.Failed, Err: ctx.Err()}
	}
	return rotation.Result{Status: rotation.Done}
}

// takesNone waits until the account's server takes no job any more, and only waits for its runs.
func (r *rig) takesNone(t *testing.T) {
	t.Helper()
	eventually(t, "no job is taken any more", func() bool { return strings.Contains(r.logs.String(), "Waiting for all workers to finish") })
}

func TestAnAccountThatIsAddedIsServedAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var server *queue.Server
	r.serve(t, rotate(done), hurry(time.Minute, noSweep), func(s *queue.Server) { server = s })
	must(t, r.client.Enqueue(t.Context(), account, "a", time.Now(), rotation.ReasonScheduled, false))
	must(t, r.client.Enqueue(t.Context(), "added", "b", time.Now(), rotation.ReasonScheduled, false))
	eventually(t, "the first account's job is done", func() bool { return r.jobs.count("done") == 1 })
	must(t, r.admin.Del(t.Context(), "keyturn:doorbell").Err()) // no worker had the account when it rang
	must(t, server.Use([]queue.AccountSettings{settings(account, 4), settings("added", 2)}))
	eventually(t, "that of the one that was added is done", func() bool { return r.jobs.count("done") == 2 })
}

func TestAnAccountThatIsRemovedEndsItsRunsAndTakesNoOther(t *testing.T) {
	t.Parallel()
	r, h := newRig(t), newHeld(t)
	r.grace = time.Minute
	var server *queue.Server
	r.serve(t, rotate(h.run), func(s *queue.Server) { server = s })
	must(t, r.client.Enqueue(t.Context(), account, "runs", time.Now(), rotation.ReasonScheduled, false))
	next(t, "the run", h.started)
	must(t, server.Use(nil))
	r.takesNone(t)
	must(t, r.client.Enqueue(t.Context(), account, "waits", time.Now(), rotation.ReasonScheduled, false))
	h.release <- "runs"
	eventually(t, "what it leaves is told", func() bool {
		return strings.Contains(r.logs.String(), `"an account is served no more, and jobs wait in its queues","account":"`+account+`","jobs":1`)
	})
	if r.jobs.count("done") != 1 || r.tasks(t) != 1 {
		t.Errorf("%d runs are done, and %d jobs wait", r.jobs.count("done"), r.tasks(t))
	}
	must(t, server.Use([]queue.AccountSettings{settings(account, 4)}))
	if got := next(t, "the run of what waited, when the account is back", h.started); got != account+"/waits" {
		t.Errorf("%s", got)
	}
	h.release <- "waits"
}

func TestOtherSettingsCountWhenTheRunsThatThereAreHaveEnded(t *testing.T) {
	t.Parallel()
	r, h := newRig(t), newHeld(t)
	r.grace = time.Minute
	var server *queue.Server
	r.serveAccounts(t, rotate(h.run), nil, func(s *queue.Server) { server = s })
	must(t, server.Use([]queue.AccountSettings{settings(account, 2)}))
	for _, id := range []string{"a", "b", "c", "d"} {
		must(t, r.client.Enqueue(t.Context(), account, id, time.Now(), rotation.ReasonScheduled, false))
	}
	next(t, "the first run", h.started)
	next(t, "the second run", h.started)
	must(t, server.Use([]queue.AccountSettings{settings(account, 3)}))
	r.takesNone(t)
	select {
	case id := <-h.started:
		t.Errorf("%s begins beside the runs that there are", id)
	case <-time.After(500 * time.Millisecond): // ten times as long as it lets its queues alone
	}
	must(t, server.Use([]queue.AccountSettings{settings(account, 4)})) // before the one in between has begun
	h.release <- "one"
	h.release <- "two"
	next(t, "the third run", h.started)
	next(t, "the fourth run", h.started)
	h.release <- "three"
	h.release <- "four"
	eventually(t, "all are done", func() bool { return r.jobs.count("done") == 4 && r.empty(t) })
}

func TestAccountsThatCannotBeServedChangeNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var server *queue.Server
	r.serve(t, rotate(done), func(s *queue.Server) { server = s })
	err := server.Use([]queue.AccountSettings{settings("one", 1), settings("two", 1000)})
	if err == nil || !strings.Contains(err.Error(), "account one: concurrency 1") || !strings.Contains(err.Error(), "account two: concurrency 1000") {
		t.Errorf("%v", err)
	}
	must(t, r.client.Enqueue(t.Context(), account, "a", time.Now(), rotation.ReasonScheduled, false))
	eventually(t, "the account is served as before", func() bool { return r.jobs.count("done") == 1 })
}
