package rotation_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/rotation/rotationtest"
	"keyturn/internal/secret"
)

// What the exploration found in the state machine, each in the smallest schedule that shows it.

// meanwhile stops worker one right before its nth call of op, lets others go on, and then lets it go on too.
func meanwhile(w *rotationtest.World, op string, nth int, others func()) {
	w.Decide = func(c rotationtest.Call) rotationtest.Fault {
		if c.Worker == "one" && c.Op == op {
			if nth--; nth == 0 {
				others()
			}
		}
		return rotationtest.None
	}
}

// takeOver resumes and finishes the open rotation as another worker, rotates once more, and lets a recheck's time pass.
func takeOver(t *testing.T, w *rotationtest.World, issuer bool) {
	t.Helper()
	two := &rotationtest.Worker{World: w, Name: "two"}
	subject := two.Setter(false)
	if issuer {
		subject = two.Issuer(false)
	}
	w.Advance(20 * time.Second)
	for _, job := range []rotation.Job{{Reason: rotation.ReasonResume}, {Slot: slot(w).Add(time.Hour), Reason: rotation.ReasonDemand}} {
		if r, _ := two.Run(context.Background(), subject, job); !r.Rotated {
			t.Fatalf("the takeover did not rotate: %+v", r)
		}
		w.Advance(2 * time.Minute)
	}
	w.TakeAsked()
}

// faultOnce makes worker one's next call of op fail.
func faultOnce(w *rotationtest.World, op string) {
	failed := false
	w.Decide = func(c rotationtest.Call) rotationtest.Fault {
		if c.Worker == "one" && c.Op == op && !failed {
			failed = true
			return rotationtest.ErrorBefore
		}
		return rotationtest.None
	}
}

func TestALateRunThatCannotReadTheJournalStillAsksForARecheck(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	meanwhile(w, "setter.set", 1, func() {
		takeOver(t, w, false)
		faultOnce(w, "journals.load")
	})
	k.Run(context.Background(), k.Setter(false), scheduled(w))
	if !slices.Contains(w.TakeAsked(), rotation.ReasonReplaced) {
		t.Error("nobody will look whether the late call won")
	}
}

func TestALateRunAsksForARecheckUntilItIsHeard(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	meanwhile(w, "setter.set", 1, func() {
		takeOver(t, w, false)
		faultOnce(w, "agenda.ask")
	})
	k.Run(context.Background(), k.Setter(false), scheduled(w))
	if !slices.Contains(w.TakeAsked(), rotation.ReasonReplaced) {
		t.Error("nobody will look whether the late call won")
	}
}

func TestALateIssuedPasswordIsNotPromotedAsTheNextRotationsOwn(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	two := &rotationtest.Worker{World: w, Name: "two"}
	meanwhile(w, "journals.save", 2, func() { // with a password in hand
		takeOver(t, w, true)
		w.Decide = func(c rotationtest.Call) rotationtest.Fault {
			if c.Op == "issuer.issue" {
				return rotationtest.CrashBefore
			}
			return rotationtest.None
		}
		two.Run(context.Background(), two.Issuer(false), rotation.Job{Slot: slot(w), Reason: rotation.ReasonDemand})
		w.Decide = nil
	})
	k.Run(context.Background(), k.Issuer(false), scheduled(w))
	w.Advance(20 * time.Second)
	if r, _ := two.Run(context.Background(), two.Issuer(false), rotation.Job{Reason: rotation.ReasonResume}); !r.Rotated {
		t.Fatalf("got %+v", r)
	}
	if !w.Current().Password.Equal(w.Live()) {
		t.Error("consumers got the password that the late reply brought")
	}
}

// writeJournal changes the newest record by hand.
func writeJournal(t *testing.T, k *rotationtest.Worker, change func(*rotation.Record)) {
	t.Helper()
	rec := k.Journal()
	change(&rec)
	if _, err := k.Machine().Journals.Save(context.Background(), nil, rec, rec.Version); err != nil {
		t.Error(err)
	}
}

func TestAnIssuedPasswordWhoseReplyWasLostIsNotPromotedOverAQuarantine(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	saves := 0
	w.Decide = func(c rotationtest.Call) rotationtest.Fault {
		if c.Op != "journals.save" {
			return rotationtest.None
		}
		switch saves++; saves {
		case 2: // of the password
			return rotationtest.LostReply
		case 3:
			writeJournal(t, k, func(rec *rotation.Record) { rec.State = rotation.Quarantined })
		}
		return rotationtest.None
	}
	k.Run(context.Background(), k.Issuer(false), scheduled(w))
	if !w.Current().Password.Equal(rotationtest.Old) || w.Journal().State != rotation.Quarantined {
		t.Error("it went on under a claim that it had lost")
	}
}

func TestManyLateIssuedPasswordsMakeNoneOfThemTheNewest(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	crashes := func(c rotationtest.Call) rotationtest.Fault {
		if c.Op == "issuer.issue" {
			return rotationtest.CrashBefore
		}
		return rotationtest.None
	}
	w.Decide = crashes
	k.Run(context.Background(), k.Issuer(false), scheduled(w))
	w.Decide = nil
	writeJournal(t, k, func(rec *rotation.Record) {
		for _, late := range []string{"late-1", "late-2", "late-3", "late-4"} {
			rec.Candidates = append(rec.Candidates, rotation.Candidate{
				Number: 1, Value: secret.New(late), State: rotation.Accepted, Synced: true, At: rec.OpenedAt,
			})
		}
	})
	w.Advance(20 * time.Second)
	k.Run(context.Background(), k.Issuer(false), rotation.Job{Reason: rotation.ReasonResume})
	if !w.Current().Password.Equal(w.Live()) {
		t.Error("consumers got a password that came late")
	}
}

func TestARunThatWasStoppedWhileItRenewedItsHoldLooksAtTheJournalBeforeItSends(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	sent := false
	meanwhile(w, "limiter.take", 1, func() {
		w.Advance(6 * time.Second) // so that the hold is renewed before the call
		meanwhile(w, "agenda.hold", 1, func() {
			takeOver(t, w, false)
			w.Decide = func(c rotationtest.Call) rotationtest.Fault {
				sent = sent || c.Op == "setter.set"
				return rotationtest.None
			}
		})
	})
	k.Run(context.Background(), k.Setter(false), scheduled(w))
	if sent {
		t.Error("it sent without a claim")
	}
}

// deaf is a provider that accepts and changes nothing.
func deaf(context.Context, string, secret.Value) error { return nil }

// judge is a verifier that answers by the password.
type judge func(secret.Value) rotation.Verdict

func (j judge) Verify(_ context.Context, _ string, password secret.Value) (rotation.Verdict, error) {
	return j(password), nil
}

func TestOneUnansweredQuestionDoesNotOutweighTheRefusalsBeforeIt(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	s := k.Setter(true)
	asked := 0
	s.Client.Setter = setter(func(ctx context.Context, target string, password secret.Value) error {
		asked = 0
		return deaf(ctx, target, password)
	})
	s.Credential.Verify.Propagation = 50 * time.Millisecond
	s.Verifier = judge(func(password secret.Value) rotation.Verdict {
		if password.Equal(rotationtest.Old) {
			return rotation.Works
		}
		if asked++; asked == 1 {
			return rotation.Refused
		}
		return rotation.Unknown
	})
	k.Run(context.Background(), s, scheduled(w))
	if asked < 2 || !w.Current().Password.Equal(rotationtest.Old) {
		t.Errorf("after %d questions consumers got a password that was refused", asked)
	}
}

func TestConsumersKeepAPasswordThatNobodyCouldBeAskedAbout(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	s := k.Setter(true)
	s.Client.Setter = setter(deaf)
	s.Credential.Verify.Propagation = 50 * time.Millisecond
	s.Verifier = judge(func(password secret.Value) rotation.Verdict {
		if password.Equal(rotationtest.Old) {
			return rotation.Unknown
		}
		return rotation.Refused
	})
	k.Run(context.Background(), s, scheduled(w))
	if !w.Current().Password.Equal(rotationtest.Old) {
		t.Error("consumers got a password that is known to be refused")
	}
}

// A late call may have landed between the promotion and the crash, and whoever closes sends nothing that would undo it.
func TestARotationThatAnotherRunClosesIsLookedAtOnceMore(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	w.Decide = func(c rotationtest.Call) rotationtest.Fault {
		if c.Op == "secrets.write" {
			return rotationtest.CrashAfter
		}
		return rotationtest.None
	}
	k.Run(context.Background(), k.Setter(false), scheduled(w))
	w.Decide = nil
	w.TakeAsked()
	w.Advance(20 * time.Second)
	k.Run(context.Background(), k.Setter(false), rotation.Job{Reason: rotation.ReasonReplaced})
	if rec := w.Journal(); rec.State != rotation.Closed || rec.RecheckAt.IsZero() || !slices.Contains(w.TakeAsked(), rotation.ReasonRecheck) {
		t.Errorf("closed for good: %+v", rec)
	}
}
