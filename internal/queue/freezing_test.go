package queue_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

var frozenUntil = time.Date(2027, 1, 7, 0, 0, 0, 0, time.UTC)

func TestAFreezeReachesAWorkerAsItWasAskedFor(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	want := queue.Freezing{Account: "ses", Owner: "payments", Labels: map[string]string{"tier": "gold"}, Until: frozenUntil, Reason: "year end"}
	got := make(chan queue.Job, 1)
	r.serve(t, acts{t, func(job queue.Job) rotation.Result {
		got <- job
		return rotation.Result{Status: rotation.Done}
	}})
	id, slot, err := r.client.DemandFreeze(t.Context(), account, want, "ann@console")
	must(t, err)
	job := <-got
	if job.Kind != queue.KindFreeze || job.RequestedBy != "ann@console" || job.Freeze == nil || fmt.Sprint(*job.Freeze) != fmt.Sprint(want) {
		t.Errorf("%+v, %+v", job, job.Freeze)
	}
	eventually(t, "it is answered", func() bool {
		o, err := r.client.Outcome(t.Context(), account, queue.KindFreeze, id)
		must(t, err)
		return o.Slot.Equal(slot) && o.Final && o.Status == "done"
	})
}

func TestOfWhatIsAskedAboutOneScopeTheNewestCounts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	scopes := []queue.Freezing{{Account: "ses"}, {Owner: "ses"}, {Account: "ses", Labels: map[string]string{"a": "b"}}, {}}
	for _, f := range scopes {
		f.Until, f.Reason = frozenUntil, "audit"
		_, _, err := r.client.DemandFreeze(t.Context(), account, f, "ann@console")
		must(t, err)
	}
	_, _, err := r.client.DemandFreeze(t.Context(), account, scopes[0], "bob@console") // a thaw
	must(t, err)
	got := make(chan queue.Job, 10)
	r.serve(t, acts{t, func(job queue.Job) rotation.Result {
		got <- job
		return rotation.Result{Status: rotation.Failed, Err: fmt.Errorf("canary-51f0: %w", queue.ErrNotFrozen)}
	}})
	eventually(t, "no job is left", func() bool { return r.empty(t) })
	close(got)
	seen, jobs := map[string]time.Time{}, 0
	for job := range got {
		jobs++
		seen[job.Freeze.Account+" "+job.Freeze.Owner+fmt.Sprint(job.Freeze.Labels)] = job.Freeze.Until
	}
	if at, ok := seen["ses map[]"]; jobs != len(scopes) || len(seen) != len(scopes) || !ok || !at.IsZero() {
		t.Errorf("%d jobs: %v", jobs, seen)
	}
}

func TestAFreezeThatIsTooLongToSayIsRefusedBeforeItIsQueued(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	f := queue.Freezing{Labels: map[string]string{}, Until: frozenUntil, Reason: "audit"}
	for i := range 30 {
		f.Labels[fmt.Sprint("label", i)] = strings.Repeat("x", 30)
	}
	if _, _, err := r.client.DemandFreeze(t.Context(), account, f, "ann@console"); err == nil || !strings.Contains(err.Error(), "want at most 1024") {
		t.Errorf("%v", err)
	}
	if !r.empty(t) {
		t.Error("it is queued")
	}
}
