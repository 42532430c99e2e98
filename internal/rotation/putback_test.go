package rotation_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/rotation/rotationtest"
)

// What consumers use is refused until then.
func TestAnEnableThatFailsIsTriedAgainSoon(t *testing.T) {
	t.Parallel()
	w, k, s, c, d := disabling(t)
	k.Run(t.Context(), s, retire)
	w.PutBack()
	d.failing["enable"] = &rotation.Error{Kind: rotation.InDoubt}
	w.TakeAsked()
	if k.Run(t.Context(), s, look); !slices.Contains(w.TakeAsked(), rotation.ReasonRetire) {
		t.Error("a check asks for no one who comes back")
	}
	if result, _ := k.Run(t.Context(), s, retire); result.Status != rotation.Waiting || result.After > time.Minute {
		t.Fatalf("%+v", result)
	}
	delete(d.failing, "enable")
	c.take()
	if k.Run(t.Context(), s, retire); !strings.Contains(c.take(), "enable identity-0") {
		t.Error("it stays disabled")
	}
}

func TestWhatAPersonPutsBackWhileARotationIsOpenIsEnabledAgain(t *testing.T) {
	t.Parallel()
	w, k, s, c, d := disabling(t)
	k.Run(t.Context(), s, retire)
	w.Decide = func(call rotationtest.Call) rotationtest.Fault {
		if call.Op == "minter.mint" {
			return rotationtest.CrashAfter
		}
		return rotationtest.None
	}
	k.Run(t.Context(), s, rotation.Job{Slot: k.Current().Slot.Add(time.Hour), Reason: rotation.ReasonScheduled})
	w.Decide = nil
	if w.Journal().State != rotation.Open {
		t.Fatalf("%+v", w.Journal())
	}
	w.PutBack()
	d.failing["enable"] = &rotation.Error{Kind: rotation.InDoubt} // while the rotation ends
	for range 4 {
		w.Advance(10 * time.Second)
		k.Run(t.Context(), s, rotation.Job{Reason: rotation.ReasonRecheck})
	}
	delete(d.failing, "enable")
	c.take()
	for range 4 {
		w.Advance(time.Minute)
		k.Run(t.Context(), s, look)
	}
	if calls := c.take(); w.Current().ID == "identity-0" && !slices.Contains(strings.Split(calls, ", "), "enable identity-0") {
		t.Errorf("consumers use one that is disabled: %s, %+v", calls, w.Journal().Identities)
	}
}

// Processes take up none that is about to be disabled.
func TestAManagementKeyThatAPersonPutsBackStays(t *testing.T) {
	t.Parallel()
	for name, job := range map[string]rotation.Job{"a check": look, "a rotation": {Reason: rotation.ReasonDemand}} {
		for _, used := range []bool{true, false} {
			w, k, s, c, keys := managing(t)
			keys.used = used // if so, it is about to be disabled; else it is
			k.Run(t.Context(), s, retire)
			w.PutBack()
			if job.Reason == rotation.ReasonDemand {
				job.Slot = k.Current().Slot.Add(time.Hour)
			}
			k.Run(t.Context(), s, job)
			if !slices.Contains(keys.stayed, "identity-0") {
				t.Errorf("%s, used %v: it stays out of use (%s)", name, used, c.take())
			}
		}
	}
}

func TestAManagementKeyThatWasToLeaveBeforeItsTimeStaysWhenAPersonPutsItBack(t *testing.T) {
	t.Parallel()
	w, k, s, _, keys := managing(t)
	k.Run(t.Context(), s, retire)
	w.Advance(time.Minute)
	keys.missed = true
	k.Run(t.Context(), s, retire) // it waits for another grace
	keys.used, keys.missed, keys.stayed = true, false, nil
	k.Run(t.Context(), s, rotation.Job{Reason: rotation.ReasonRetire, Force: true})
	w.PutBack()
	if k.Run(t.Context(), s, look); !slices.Contains(keys.stayed, "identity-0") {
		t.Errorf("left %q, stayed %q", keys.left, keys.stayed)
	}
}
