package queue_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

func TestAJobArrivesAsItWasAskedFor(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	got := make(chan queue.Job, 4)
	r.serve(t, rotate(func(_ context.Context, job queue.Job) rotation.Result {
		got <- job
		return rotation.Result{Status: rotation.Done}
	}))

	slot, err := r.client.Demand(t.Context(), account, queue.KindRotate, "alerts@example.com", rotation.Job{RequestedBy: "ops"})
	must(t, err)
	job := next(t, "the job", got)
	want := queue.Job{
		Job:  rotation.Job{Slot: slot, Reason: rotation.ReasonDemand, RequestedBy: "ops"},
		Kind: queue.KindRotate, Account: account, Credential: "alerts@example.com",
	}
	if job != want {
		t.Errorf("got %+v, want %+v", job, want)
	}

	must(t, r.client.Enqueue(t.Context(), account, "a", time.Time{}, rotation.ReasonResume, true))
	if job := next(t, "the resume", got); !job.Slot.IsZero() || job.Kind != queue.KindRotate {
		t.Errorf("a resume arrived as %+v", job)
	}
	must(t, r.client.Ask(t.Context(), account, "a", rotation.ReasonReplaced, 0))
	if job := next(t, "the recheck", got); job.Kind != queue.KindCheck {
		t.Errorf("a replaced run's wish arrived as %+v", job)
	}
	must(t, r.client.EnqueueContacts(t.Context(), account, "a", slot))
	if job := next(t, "the contacts", got); job.Kind != queue.KindContacts {
		t.Errorf("a contact verification arrived as %+v", job)
	}
	eventually(t, "no task is left", func() bool { return r.empty(t) })
}

func TestEnqueueOfATakenIDIsSuccessAndQueuesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for range 3 {
		must(t, r.client.Enqueue(t.Context(), account, "a", time.Now(), rotation.ReasonScheduled, false))
		must(t, r.client.EnqueueCheck(t.Context(), account, "a", time.Now()))
	}
	if n := r.tasks(t); n != 2 {
		t.Errorf("%d tasks; want one rotation and one check", n)
	}
}

// A dead worker's task is active for another minute or two.
func TestWhatIsDueIsNotSwallowedByATaskThatSeemsToRun(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	started, release := make(chan queue.Job, 2), make(chan struct{})
	r.serve(t, rotate(func(ctx context.Context, job queue.Job) rotation.Result {
		started <- job
		select {
		case <-release:
		case <-ctx.Done():
		}
		return rotation.Result{Status: rotation.Done}
	}))
	for id, reason := range map[string]rotation.Reason{"resumed": rotation.ReasonResume, "due": rotation.ReasonScheduled} {
		for _, run := range []string{"first", "second"} {
			must(t, r.client.Enqueue(t.Context(), account, id, time.Now(), reason, reason == rotation.ReasonResume))
			if job := next(t, "the "+run+" run of what is "+id, started); job.Credential != id {
				t.Errorf("got %+v", job)
			}
		}
	}
	close(release)
}

func TestADemandIsNeverSwallowedByARunningTask(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	slots, release := make(chan time.Time, 4), make(chan struct{})
	defer close(release)
	r.serve(t, rotate(func(_ context.Context, job queue.Job) rotation.Result {
		slots <- job.Slot
		<-release
		return rotation.Result{Status: rotation.Done}
	}))
	first, err := r.client.Demand(t.Context(), account, queue.KindRotate, "a", rotation.Job{})
	must(t, err)
	if got := next(t, "the first run", slots); !got.Equal(first) {
		t.Fatalf("first run has slot %v, want %v", got, first)
	}
	second, err := r.client.Demand(t.Context(), account, queue.KindRotate, "a", rotation.Job{})
	must(t, err)
	if got := next(t, "the second run", slots); !got.Equal(second) {
		t.Errorf("second run has slot %v, want %v", got, second)
	}
}

func TestADemandReplacesOneThatSleeps(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	slots := make(chan time.Time, 4)
	r.serve(t, rotate(func(_ context.Context, job queue.Job) rotation.Result {
		slots <- job.Slot
		return rotation.Result{Status: rotation.Waiting, After: time.Hour}
	}))
	_, err := r.client.Demand(t.Context(), account, queue.KindRotate, "a", rotation.Job{})
	must(t, err)
	next(t, "the first run", slots)
	eventually(t, "the first task sleeps", func() bool { return urgent(t, r).Retry == 1 })

	second, err := r.client.Demand(t.Context(), account, queue.KindRotate, "a", rotation.Job{})
	must(t, err)
	if got := next(t, "the second run", slots); !got.Equal(second) {
		t.Errorf("second run has slot %v, want %v", got, second)
	}
	eventually(t, "only the newer task is left", func() bool {
		d := urgent(t, r)
		return d.Retry == 1 && d.Pending+d.Active == 0
	})
}

func TestAWaitingScheduledTaskIsLeftForItsTurn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	must(t, r.client.Enqueue(t.Context(), account, "a", time.Now(), rotation.ReasonScheduled, false))
	_, err := r.client.Demand(t.Context(), account, queue.KindRotate, "a", rotation.Job{})
	must(t, err)
	depths, err := r.client.Depths(t.Context(), account)
	must(t, err)
	for _, d := range depths {
		if d.Pending != 1 {
			t.Errorf("%+v: want one pending task on either queue", d)
		}
	}
}

func TestARunsOwnWishIsNotSwallowedByItsOwnTask(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	reasons := make(chan rotation.Reason, 4)
	r.serve(t, rotate(func(ctx context.Context, job queue.Job) rotation.Result {
		reasons <- job.Reason
		if job.Reason == rotation.ReasonDemand {
			if err := r.client.Ask(ctx, account, job.Credential, rotation.ReasonDrift, 0); err != nil {
				t.Error(err)
			}
		}
		return rotation.Result{Status: rotation.Done}
	}))
	_, err := r.client.Demand(t.Context(), account, queue.KindRotate, "a", rotation.Job{})
	must(t, err)
	next(t, "the demand", reasons)
	if got := next(t, "the wish", reasons); got != rotation.ReasonDrift {
		t.Errorf("got %q", got)
	}
}

func TestWishesOfOneCredentialAreBounded(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var err error
	for range 20 {
		if err = r.client.Ask(t.Context(), account, "a", rotation.ReasonDrift, time.Hour); err != nil {
			break
		}
	}
	if !errors.Is(err, queue.ErrBusy) {
		t.Errorf("got %v, want ErrBusy", err)
	}
}

func TestJobsOnDemandGoFirst(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for i := range 50 {
		must(t, r.client.Enqueue(t.Context(), account, fmt.Sprintf("scheduled-%d", i), time.Now(), rotation.ReasonScheduled, false))
	}
	_, err := r.client.Demand(t.Context(), account, queue.KindRotate, "asked", rotation.Job{})
	must(t, err)
	first, judged := make(chan string, 64), make(chan struct{})
	defer close(judged)
	r.serve(t, rotate(func(_ context.Context, job queue.Job) rotation.Result {
		first <- job.Credential
		<-judged
		return rotation.Result{Status: rotation.Done}
	}))
	// Four run at once and none ends meanwhile, so it is among the first four, in whatever order their goroutines begin.
	for range 4 {
		if next(t, "a job", first) == "asked" {
			return
		}
	}
	t.Error("the job on demand waited behind scheduled ones")
}

func TestNamesThatWouldBreakAKeyAreRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, name := range []string{"", "a b", "a{b}", "a.now", "A", "a:b", "a~1"} {
		if err := r.client.Enqueue(t.Context(), name, "id", time.Now(), rotation.ReasonScheduled, false); !errors.Is(err, queue.ErrName) {
			t.Errorf("account %q: got %v", name, err)
		}
	}
	if err := r.client.Enqueue(t.Context(), account, "a~1", time.Now(), rotation.ReasonScheduled, false); err == nil {
		t.Error("an id with ~ was taken")
	}
}

func urgent(t *testing.T, r *rig) queue.Depth {
	t.Helper()
	depths, err := r.client.Depths(t.Context(), account)
	must(t, err)
	for _, d := range depths {
		if d.Urgent {
			return d
		}
	}
	t.Fatal("no urgent queue")
	return queue.Depth{}
}

func TestAnOutcomeSaysWhenItsJobComesBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.serve(t, rotate(func(_ context.Context, job queue.Job) rotation.Result {
		if job.Credential == "waits" {
			return rotation.Result{Status: rotation.Waiting, After: time.Hour}
		}
		return rotation.Result{Status: rotation.Done}
	}))
	for id, back := range map[string]time.Duration{"waits": time.Hour, "ends": 0} {
		_, err := r.client.Demand(t.Context(), account, queue.KindRotate, id, rotation.Job{})
		must(t, err)
		var o queue.Outcome
		eventually(t, "an outcome", func() bool {
			o, err = r.client.Outcome(t.Context(), account, queue.KindRotate, id)
			must(t, err)
			return o.Status != ""
		})
		switch wait := o.Until.Sub(o.At); {
		case back == 0 && !o.Until.IsZero():
			t.Errorf("%s: comes back at %v, and has ended", id, o.Until)
		case back > 0 && (wait < back || wait > back+time.Second):
			t.Errorf("%s: comes back after %v, want %v", id, wait, back)
		}
	}
}
