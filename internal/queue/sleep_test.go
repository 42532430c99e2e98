package queue_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

// A late call can arrive until the check that waits for it; a person's check before that says nothing about it.
func TestADemandDropsOlderDemandsAndNothingThatARunAskedFor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason rotation.Reason
		kind   queue.Kind
	}{
		{rotation.ReasonRecheck, queue.KindCheck},
		{rotation.ReasonReplaced, queue.KindCheck},
		{rotation.ReasonDrift, queue.KindRotate},
		{rotation.ReasonPolicy, queue.KindRotate},
	} {
		r := newRig(t)
		must(t, r.client.Ask(t.Context(), account, "a", c.reason, time.Hour))
		for range 3 {
			_, err := r.client.Demand(t.Context(), account, c.kind, "a", rotation.Job{RequestedBy: "ops"})
			must(t, err)
		}
		if d := urgent(t, r); d.Scheduled != 1 || d.Pending != 1 {
			t.Errorf("%s: %+v: want the wish of the run and the newest demand", c.reason, d)
		}
		must(t, r.client.Ask(t.Context(), account, "b", c.reason, 0))
		for range 3 {
			_, err := r.client.Demand(t.Context(), account, c.kind, "b", rotation.Job{RequestedBy: "ops"})
			must(t, err)
		}
		if d := urgent(t, r); d.Scheduled != 1 || d.Pending != 3 {
			t.Errorf("%s, at once: %+v: want the wish of the run and the newest demand of b too", c.reason, d)
		}
	}
}

func TestADemandThatInsistsIsDroppedOnlyForAnotherThatDoes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, c := range []struct {
		force bool
		want  int // that wait
	}{{false, 1}, {true, 1}, {false, 2}, {true, 1}} {
		_, err := r.client.Demand(t.Context(), account, queue.KindRotate, "a", rotation.Job{RequestedBy: "ops", Force: c.force})
		must(t, err)
		if d := urgent(t, r); d.Pending != c.want {
			t.Errorf("after a demand that insists, %v: %+v, want %d", c.force, d, c.want)
		}
	}
}

func TestADemandForLaterIsANewerWishThatNoDemandDrops(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	now, err := r.client.Demand(t.Context(), account, queue.KindRotate, "a", rotation.Job{Force: true})
	must(t, err)
	later, err := r.client.DemandLater(t.Context(), account, queue.KindRotate, "a", rotation.Job{Force: true}, time.Hour)
	must(t, err)
	if later.Before(now.Add(time.Hour)) {
		t.Errorf("slot %v is served by a rotation that was asked for before its time, %v", later, now.Add(time.Hour))
	}
	if d := urgent(t, r); d.Scheduled != 1 || d.Pending != 1 {
		t.Errorf("%+v: want one that waits for its time, and the one before it", d)
	}
	_, err = r.client.Demand(t.Context(), account, queue.KindRotate, "a", rotation.Job{Force: true})
	must(t, err)
	if d := urgent(t, r); d.Scheduled != 1 || d.Pending != 1 {
		t.Errorf("%+v: a demand dropped the one for later", d)
	}
}

func TestAResumeRunsTheTaskThatSleeps(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var runs atomic.Int64
	r.serve(t, rotate(func(context.Context, queue.Job) rotation.Result {
		runs.Add(1)
		return rotation.Result{Status: rotation.Waiting, After: time.Hour}
	}))
	_, err := r.client.Demand(t.Context(), account, queue.KindRotate, "a", rotation.Job{RequestedBy: "ops"})
	must(t, err)
	for want := range int64(3) {
		eventually(t, "the task sleeps", func() bool { return urgent(t, r).Retry == 1 && runs.Load() == want+1 })
		must(t, r.client.Enqueue(t.Context(), account, "a", time.Time{}, rotation.ReasonResume, true))
	}
	eventually(t, "it sleeps again", func() bool { d := urgent(t, r); return d.Retry == 1 && d.Pending+d.Active == 0 })
	if n := runs.Load(); n != 4 {
		t.Errorf("%d runs of a demand and three resumes", n)
	}
}

func TestAResumeLeavesTheWishForLaterToItsTimeAndTheBlockedToTheBreaker(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	must(t, r.client.Ask(t.Context(), account, "later", rotation.ReasonDrift, time.Hour))
	must(t, r.client.Enqueue(t.Context(), account, "later", time.Time{}, rotation.ReasonResume, true))
	if d := urgent(t, r); d.Scheduled != 1 || d.Pending != 1 {
		t.Errorf("%+v: want a wish for later and a resume", d)
	}
	blockMany(t, r, 1)
	r.serve(t, rotate(done))
	eventually(t, "all are blocked", func() bool { return urgent(t, r).Retry == 2 })
	runs := r.jobs.count("blocked")
	for range 5 {
		must(t, r.client.Enqueue(t.Context(), account, "c-0", time.Time{}, rotation.ReasonResume, true))
	}
	if d := urgent(t, r); d.Retry != 2 || d.Pending+d.Active != 0 || r.jobs.count("blocked") != runs {
		t.Errorf("%+v, %d runs: a resume wakes what the breaker sent away", d, r.jobs.count("blocked")-runs)
	}
}

func TestAnActiveTaskWithoutALeaseIsTakenAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const prefix = "asynq:{" + account + ".now}:"
	for range 8 {
		_, err := r.client.Demand(t.Context(), account, queue.KindRotate, "a", rotation.Job{RequestedBy: "ops"})
		must(t, err)
		// Taken, and the lease lost.
		must(t, r.admin.LMove(t.Context(), prefix+"pending", prefix+"active", "RIGHT", "LEFT").Err())
	}
	for _, id := range r.admin.LRange(t.Context(), prefix+"active", 0, -1).Val() {
		must(t, r.admin.HSet(t.Context(), prefix+"t:"+id, "state", "active").Err())
	}
	if _, err := r.client.Demand(t.Context(), account, queue.KindRotate, "a", rotation.Job{RequestedBy: "ops"}); !errors.Is(err, queue.ErrBusy) {
		t.Fatalf("eight of them do not block the credential: %v", err)
	}
	r.serve(t, rotate(done))
	eventually(t, "all ran", func() bool { return r.jobs.count("done") == 8 && r.empty(t) })
	_, err := r.client.Demand(t.Context(), account, queue.KindRotate, "a", rotation.Job{RequestedBy: "ops"})
	must(t, err)
}

func TestAQueueThatAPersonPausedIsToldAndCanBeLifted(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	open(t, r) // whose pause is no person's
	must(t, r.client.Paused(t.Context(), account))
	for _, name := range []string{account, account + ".now"} {
		must(t, r.rdb.Set(t.Context(), "asynq:{"+name+"}:paused", "1760000000", 0).Err())
		if err := r.client.Paused(t.Context(), account); !errors.Is(err, queue.ErrPaused) || !strings.Contains(err.Error(), "queue "+name+":") {
			t.Errorf("%s: %v", name, err)
		}
		_, err := r.client.Unpause(t.Context(), account)
		must(t, err)
		must(t, r.client.Paused(t.Context(), account))
	}
	must(t, r.rdb.Set(t.Context(), pausedKey, "breaker", 0).Err())
	_, err := r.client.Unpause(t.Context(), account)
	must(t, err)
	if r.rdb.Exists(t.Context(), pausedKey).Val() != 1 {
		t.Error("the breaker's pause was lifted")
	}
}

func TestWhatWaitsRunsWhenAPauseIsLifted(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var lifted atomic.Bool
	r.serve(t, rotate(func(context.Context, queue.Job) rotation.Result {
		if lifted.Load() {
			return rotation.Result{Status: rotation.Done}
		}
		return rotation.Result{Status: rotation.Waiting, After: 24 * time.Hour}
	}))
	must(t, r.client.Enqueue(t.Context(), account, "a", time.Now(), rotation.ReasonScheduled, false))
	_, err := r.client.Demand(t.Context(), account, queue.KindRotate, "b", rotation.Job{RequestedBy: "ops"})
	must(t, err)
	eventually(t, "both sleep", func() bool {
		n, err := r.client.Depths(t.Context(), account)
		must(t, err)
		return n[0].Retry+n[1].Retry == 2
	})
	lifted.Store(true)
	if n, err := r.client.Unpause(t.Context(), account); err != nil || n != 2 {
		t.Errorf("woke %d: %v", n, err)
	}
	eventually(t, "both ran", func() bool { return r.jobs.count("done") == 2 })
}

// While a mail server is mute, a check that a rotation asked for comes back for a day. Eight that wait would keep the next
// rotation from its end.
func TestACheckThatWaitsServesAllThatRunsAskForTheSameReason(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const prefix = "asynq:{" + account + ".now}:"
	score := func(set, id string) time.Duration {
		return time.Until(time.Unix(int64(r.rdb.ZScore(t.Context(), prefix+set, id).Val()), 0))
	}
	for range 20 {
		must(t, r.client.Ask(t.Context(), account, "a", rotation.ReasonRecheck, time.Hour))
	}
	must(t, r.client.Ask(t.Context(), account, "a", rotation.ReasonReplaced, time.Hour))
	_, err := r.client.Demand(t.Context(), account, queue.KindCheck, "a", rotation.Job{RequestedBy: "ops"})
	must(t, err)
	if d := urgent(t, r); d.Scheduled != 2 || d.Pending != 1 {
		t.Errorf("%+v: want a check for each reason, and a person's", d)
	}
	must(t, r.client.Ask(t.Context(), account, "a", rotation.ReasonRecheck, time.Minute))
	must(t, r.client.Ask(t.Context(), account, "a", rotation.ReasonRecheck, 2*time.Hour))
	if d := score("scheduled", "check:a"); d < 50*time.Second || d > 2*time.Minute {
		t.Errorf("it comes in %v: the earliest that was asked for counts", d)
	}
	if d := score("scheduled", "check:a~1"); d < 50*time.Minute {
		t.Errorf("the one for another reason comes in %v", d)
	}
	must(t, r.client.Ask(t.Context(), account, "a", rotation.ReasonReplaced, time.Minute))
	must(t, r.client.Ask(t.Context(), account, "a", rotation.ReasonReplaced, 2*time.Hour))
	if d := score("scheduled", "check:a~1"); d < 110*time.Minute {
		t.Errorf("the one for a run that was replaced comes in %v, when a late call of the last one could still arrive", d)
	}
}

func TestARecheckThatComesBackLaterIsPulledForTheNextOne(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	runs := make(chan struct{}, 4)
	r.serve(t, rotate(func(context.Context, queue.Job) rotation.Result {
		runs <- struct{}{}
		return rotation.Result{Status: rotation.Waiting, After: time.Hour}
	}))
	for range 3 {
		must(t, r.client.Ask(t.Context(), account, "a", rotation.ReasonRecheck, 0))
		next(t, "a run", runs)
		eventually(t, "it sleeps", func() bool { d := urgent(t, r); return d.Retry == 1 && d.Pending+d.Active == 0 })
	}
}

func TestACheckThatRunsServesNoWishThatCameSince(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	runs, release := make(chan struct{}, 4), make(chan struct{})
	r.serve(t, rotate(func(context.Context, queue.Job) rotation.Result {
		runs <- struct{}{}
		<-release
		return rotation.Result{Status: rotation.Done}
	}))
	must(t, r.client.Ask(t.Context(), account, "a", rotation.ReasonRecheck, 0))
	next(t, "a run", runs)
	must(t, r.client.Ask(t.Context(), account, "a", rotation.ReasonRecheck, 0))
	next(t, "a run for the newer wish", runs)
	close(release)
	eventually(t, "both ended", func() bool { return r.empty(t) })
}
