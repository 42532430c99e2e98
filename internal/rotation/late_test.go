package rotation_test

import (
	"context"
	"testing"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/rotation/rotationtest"
)

// What make chaos found: a process that was stopped with an issued password in its hands, or on the way to it, wakes up
// when another has promoted the next rotation and not closed it yet.

// lateIntoAPromotedRotation stops worker one before its nth call of op, has another finish its rotation, begin one more
// and die between promotion and close, and lets worker one go on.
func lateIntoAPromotedRotation(t *testing.T, op string, nth int) *rotationtest.World {
	t.Helper()
	w, k := newWorker()
	two := &rotationtest.Worker{World: w, Name: "two"}
	meanwhile(w, op, nth, func() {
		takeOver(t, w, true)
		promoted := false
		w.Decide = func(c rotationtest.Call) rotationtest.Fault {
			if c.Op == "journals.save" && promoted {
				return rotationtest.CrashBefore
			}
			promoted = promoted || c.Op == "secrets.write"
			return rotationtest.None
		}
		two.Run(context.Background(), two.Issuer(true), rotation.Job{Slot: slot(w), Reason: rotation.ReasonDemand})
		w.Decide = nil
		if rec := two.Journal(); !promoted || rec.State != rotation.Open || rec.RotationID != w.Current().RotationID {
			t.Fatalf("promoted %v, the journal is %+v", promoted, rec)
		}
	})
	k.Run(context.Background(), k.Issuer(true), scheduled(w))
	return w
}

func TestAPasswordThatComesLateToAPromotedRotationNeedsNobody(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]struct {
		op  string
		nth int
	}{
		"its call came before the promotion": {"journals.save", 2},
		"its call came after the promotion":  {"issuer.issue", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := lateIntoAPromotedRotation(t, at.op, at.nth)
			two := &rotationtest.Worker{World: w, Name: "two"}
			rec := two.Journal()
			late, held := rec.Last().Value, false
			w.Advance(20 * time.Second)
			w.Decide = func(c rotationtest.Call) rotationtest.Fault {
				if c.Op == "issuer.issue" {
					for _, candidate := range two.Journal().Candidates {
						held = held || candidate.Value.Equal(late)
					}
				}
				return rotationtest.None
			}
			if r, _ := two.Run(context.Background(), two.Issuer(true), rotation.Job{Reason: rotation.ReasonResume}); !r.Rotated {
				t.Fatalf("got %+v: %s", r, two.Journal().Why)
			}
			if two.Journal().State != rotation.Closed || !w.Current().Password.Equal(w.Live()) {
				t.Errorf("the journal is %v; consumers have the live password: %v", two.Journal().State, w.Current().Password.Equal(w.Live()))
			}
			if !held {
				t.Error("the late password was in no journal before another was issued")
			}
		})
	}
}
