package rotation_test

import (
	"errors"
	"testing"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

func TestAPasswordIsAdoptedForTheTargetThatAPersonNames(t *testing.T) {
	t.Parallel()
	for target, right := range map[string]bool{"": true, "alerts@example.com": true, "other@example.com": false} {
		w, k := newWorker()
		live := secret.New("by-hand")
		w.ChangeByHand(live)
		job := rotation.Job{Slot: slot(w), Reason: rotation.ReasonAdopted}
		err := k.Machine().Adopt(t.Context(), k.Setter(true), job, rotation.Live{Password: live, Target: target})
		if (err == nil) != right {
			t.Errorf("%q: %v", target, err)
		}
	}
}

func TestThePasswordOfAPairIsAdoptedAfterTheMinimumInterval(t *testing.T) {
	t.Parallel()
	for since, right := range map[time.Duration]bool{-time.Second: true, 0: false, time.Minute - 1: false, time.Minute: true} {
		w, k := newWorker()
		stands(t, k, "", "ua")
		s := paired(k.Setter(true))
		w.Advance(grace)
		if result, _ := k.Run(t.Context(), s, scheduled(w)); !result.Rotated {
			t.Fatalf("got %+v", result)
		}
		live := secret.New("by-hand")
		w.ChangeByHand(live)
		w.Advance(w.Current().RotatedAt.Add(since).Sub(k.Machine().Clock.Now()))
		err := k.Machine().Adopt(t.Context(), s, rotation.Job{Slot: slot(w), Reason: rotation.ReasonAdopted}, rotation.Live{Password: live, Target: "b"})
		if errors.Is(err, rotation.ErrTooSoon) == right {
			t.Errorf("%s after the last rotation: %v", since, err)
		}
	}
}
