package rotation_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/rotation/rotationtest"
)

// ops runs one job and lists its port calls.
func ops(w *rotationtest.World, k *rotationtest.Worker, s rotation.Subject, fault func(rotationtest.Call) rotationtest.Fault) (all []string, result rotation.Result) {
	w.Decide = func(c rotationtest.Call) rotationtest.Fault {
		all = append(all, c.Op)
		return fault(c)
	}
	result, _ = k.Run(context.Background(), s, scheduled(w))
	return all, result
}

func TestNothingComesBetweenATurnAndItsCall(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"setter.set", "issuer.issue"} {
		w, k := newWorker()
		subject := k.Setter(true)
		if call == "issuer.issue" {
			subject = k.Issuer(true)
		}
		slow := 3 // turns that come so late that the journal is looked at once more
		all, result := ops(w, k, subject, func(c rotationtest.Call) rotationtest.Fault {
			if c.Op == "turns.await" && slow > 0 {
				slow--
				w.Advance(6 * time.Second)
			}
			return rotationtest.None
		})
		at := slices.Index(all, call)
		if result.Status != rotation.Done || slow > 0 || at < 1 {
			t.Fatalf("%+v after %v", result, all)
		}
		if all[at-1] != "turns.await" || all[at-2] != "journals.save" {
			t.Errorf("%v: want the journal, the turn and then the call", all)
		}
	}
}

func TestAReadBackWaitsForItsTurn(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	subject := k.Setter(true)
	subject.Credential.Verify.Mode = rotation.VerifyProvider
	all, result := ops(w, k, subject, func(rotationtest.Call) rotationtest.Fault { return rotationtest.None })
	at := slices.Index(all, "verifier.verify")
	if result.Status != rotation.Done || at < 1 || all[at-1] != "turns.await" {
		t.Errorf("%+v after %v", result, all)
	}
	if slices.Index(all[slices.Index(all, "limiter.take")+1:], "limiter.take") >= 0 {
		t.Errorf("%v: the read-back got in line by itself, while consumers held a dying password", all)
	}
}

func TestATurnThatNeverCameLeavesNoJournalOpen(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	_, result := ops(w, k, k.Setter(false), func(c rotationtest.Call) rotationtest.Fault {
		if c.Op == "turns.await" {
			return rotationtest.ErrorBefore
		}
		return rotationtest.None
	})
	if rec := w.Journal(); result.Status == rotation.Done || rec.State != rotation.Closed || len(rec.Candidates) > 0 {
		t.Errorf("%v, and the journal is %v with %d candidates", result.Status, rec.State, len(rec.Candidates))
	}
}
