package rotation_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/rotation/rotationtest"
	"keyturn/internal/secret"
)

// rotated is a world whose credential was rotated just now and whose clock then goes back by an hour: what was written
// is yet to come.
func rotated(t *testing.T, s func(*rotationtest.Worker) rotation.Subject) (*rotationtest.World, *rotationtest.Worker) {
	t.Helper()
	w, k := newWorker()
	if result, _ := k.Run(t.Context(), s(k), scheduled(w)); !result.Rotated {
		t.Fatalf("got %+v", result)
	}
	w.Advance(-time.Hour)
	return w, k
}

func unverified(k *rotationtest.Worker) rotation.Subject { return k.Setter(false) }

// now is a wish of this moment.
func now(k *rotationtest.Worker, reason rotation.Reason) rotation.Job {
	return rotation.Job{Slot: k.Machine().Clock.Now(), Reason: reason}
}

// TestARotationOfTheFutureKeepsACredentialWaitingForOneInterval: rotated_at is an hour ahead.
func TestARotationOfTheFutureKeepsACredentialWaitingForOneInterval(t *testing.T) {
	t.Parallel()
	w, k := rotated(t, unverified)
	interval := k.Machine().Timing.MinInterval
	first, _ := k.Run(t.Context(), k.Setter(false), now(k, rotation.ReasonDemand))
	if first.Status != rotation.Waiting || first.After > interval || !strings.Contains(first.Err.Error(), "a clock has gone back") {
		t.Fatalf("got %+v", first)
	}
	w.Advance(interval)
	if second, _ := k.Run(t.Context(), k.Setter(false), now(k, rotation.ReasonDemand)); !second.Rotated {
		t.Errorf("got %+v", second)
	}
}

// TestASlotOfTheFutureServesNoWish: neither a demand nor the repair of a drift is done because a slot is an hour ahead.
func TestASlotOfTheFutureServesNoWish(t *testing.T) {
	t.Parallel()
	for _, reason := range []rotation.Reason{rotation.ReasonDemand, rotation.ReasonDrift, rotation.ReasonScheduled} {
		w, k := newWorker()
		ahead := rotation.Job{Slot: now(k, reason).Slot.Add(time.Hour), Reason: reason}
		if result, _ := k.Run(t.Context(), k.Setter(false), ahead); !result.Rotated {
			t.Fatalf("got %+v", result)
		}
		if slot := w.Current().Slot; slot.After(now(k, reason).Slot) {
			t.Errorf("current carries the slot %s, which is yet to come", slot)
		}
		w.Advance(2 * time.Minute)
		before := w.Current().RotationID
		if result, _ := k.Run(t.Context(), k.Setter(false), now(k, reason)); !result.Rotated || w.Current().RotationID == before {
			t.Errorf("%s: got %+v", reason, result)
		}
	}
}

// TestAWishOfTheFutureIsServedByTheRotationThatWasBegunForIt: another run has finished it, and Redis's clock is two months ahead.
func TestAWishOfTheFutureIsServedByTheRotationThatWasBegunForIt(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	ahead := rotation.Job{Slot: now(k, rotation.ReasonScheduled).Slot.Add(60 * 24 * time.Hour), Reason: rotation.ReasonScheduled}
	if result, _ := k.Run(t.Context(), k.Setter(false), ahead); !result.Rotated {
		t.Fatalf("got %+v", result)
	}
	w.Advance(10 * time.Minute)
	if result, _ := k.Run(t.Context(), k.Setter(false), ahead); result.Status != rotation.Done || result.Rotated {
		t.Errorf("the same wish again: got %+v", result)
	}
	for _, end := range w.Endings {
		if !end.Slot.Equal(ahead.Slot) {
			t.Errorf("the due time counts from %s: for the clock that is ahead, it is due at once", end.Slot)
		}
	}
	w.Advance(48 * time.Hour)
	if result, _ := k.Run(t.Context(), k.Setter(false), ahead); !result.Rotated {
		t.Errorf("a later wish for that instant: got %+v", result)
	}
}

// ahead is the clock of a worker whose machine is a month ahead of all others.
type ahead struct{ rotation.Clock }

func (c ahead) Now() time.Time { return c.Clock.Now().Add(30 * 24 * time.Hour) }

// TestWhatAFastWorkerWroteIsDueFromWhenVaultTookIt: what is settled without a rotation must not be put off by a period that
// counts from now, because no instant is believed.
func TestWhatAFastWorkerWroteIsDueFromWhenVaultTookIt(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	fast := k.Machine()
	fast.Clock = ahead{fast.Clock}
	job := scheduled(w)
	if result := fast.Rotate(t.Context(), k.Setter(false), job); !result.Rotated {
		t.Fatalf("got %+v", result)
	}
	wrote := w.Current().CreatedAt
	w.Advance(24 * time.Hour)
	if result, _ := k.Run(t.Context(), k.Setter(false), job); result.Status != rotation.Done || result.Rotated {
		t.Fatalf("got %+v", result)
	}
	if end := w.Endings[len(w.Endings)-1]; !end.RotatedAt.Equal(wrote) {
		t.Errorf("settled as rotated at %s, want %s", end.RotatedAt, wrote)
	}
	if result, _ := k.Run(t.Context(), k.Setter(false), job); result.Rotated {
		t.Errorf("the same wish again: got %+v", result)
	}
}

// TestAnAcceptanceOfTheFutureIsAskedAboutNoMoreThanAnyOther: one worker's clock was an hour ahead when the provider
// accepted, and another one goes on.
func TestAnAcceptanceOfTheFutureIsAskedAboutNoMoreThanAnyOther(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	s := k.Setter(true)
	s.Credential.Verify.Propagation = 2 * time.Minute
	asked := 0
	s.Verifier = answers(func(string, secret.Value) (rotation.Verdict, error) {
		asked++
		return rotation.Refused, nil
	})
	job := scheduled(w)
	w.Advance(time.Hour)
	k.Run(t.Context(), s, job)
	w.Advance(-time.Hour)
	for range 20 {
		result, _ := k.Run(context.Background(), s, rotation.Job{Reason: rotation.ReasonResume})
		if result.Status == rotation.Done || result.Status == rotation.Ended {
			break
		}
		w.Advance(max(result.After, time.Second))
	}
	if asked > 40 {
		t.Errorf("%d questions", asked)
	}
	if rec := w.Journal(); rec.State == rotation.Open {
		t.Error("the rotation is still open")
	}
}

// TestARecheckOfTheFutureIsDueAtMostOneRecheckFromNow: recheck_at is an hour ahead.
func TestARecheckOfTheFutureIsDueAtMostOneRecheckFromNow(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	dieInTheCall(w, k, k.Setter(true))
	w.Advance(20 * time.Second)
	if result, _ := k.Run(t.Context(), k.Setter(true), rotation.Job{Reason: rotation.ReasonResume}); !result.Rotated {
		t.Fatalf("got %+v", result)
	}
	w.Advance(-time.Hour)
	var waited time.Duration
	for range 5 {
		result, _ := k.Run(t.Context(), k.Setter(true), now(k, rotation.ReasonRecheck))
		if result.Status == rotation.Done {
			break
		}
		waited += result.After
		w.Advance(result.After)
	}
	if limit := k.Machine().Timing.Recheck; waited > limit {
		t.Errorf("waited %s, more than %s", waited, limit)
	}
}

// TestARunWhoseClockGoesBackDoesNotAskWithoutAPause: it went back by an hour while the password was not live everywhere.
func TestARunWhoseClockGoesBackDoesNotAskWithoutAPause(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	s, asked := k.Setter(true), 0
	s.Verifier = answers(func(string, secret.Value) (rotation.Verdict, error) {
		if asked++; asked == 1 {
			w.Advance(-time.Hour)
		}
		return rotation.Unknown, nil
	})
	if result, _ := k.Run(t.Context(), s, scheduled(w)); result.Status != rotation.Waiting {
		t.Errorf("got %+v", result)
	}
	if asked > 20 {
		t.Errorf("the verifier was asked %d times", asked)
	}
}
