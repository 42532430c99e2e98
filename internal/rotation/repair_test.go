package rotation_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/rotation/rotationtest"
	"keyturn/internal/secret"
)

// quarantine drives the one credential of a new world into quarantine, with candidates that the provider refused.
func quarantine(t *testing.T) (*rotationtest.World, *rotationtest.Worker) {
	t.Helper()
	w, k := newWorker()
	w.Answer = always(rotation.Rejected)
	if result, _ := k.Run(context.Background(), k.Setter(true), scheduled(w)); result.Status != rotation.Ended {
		t.Fatalf("got %+v", result)
	}
	w.Answer = nil
	w.Advance(time.Minute)
	return w, k
}

func TestReleaseKeepsEveryCandidateAndTheNextRunResumes(t *testing.T) {
	t.Parallel()
	w, k := quarantine(t)
	before := len(w.Journal().Candidates)
	if err := k.Machine().Release(t.Context(), k.Setter(true)); err != nil {
		t.Fatal(err)
	}
	if rec := w.Journal(); rec.State != rotation.Open || len(rec.Candidates) != before {
		t.Fatalf("journal %v with %d candidates, want open with %d", rec.State, len(rec.Candidates), before)
	}
	if result, _ := k.Run(context.Background(), k.Setter(true), scheduled(w)); !result.Rotated {
		t.Errorf("got %+v", result)
	}
	if err := k.Machine().Release(t.Context(), k.Setter(true)); !errors.Is(err, rotation.ErrNotQuarantined) {
		t.Errorf("releasing a healthy credential gave %v", err)
	}
}

func TestRecoverPromotesWhatLogsIn(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		live func(*rotationtest.World) secret.Value
		kept bool // it is not replaced by a new one
	}{
		"a candidate of the journal":   {func(w *rotationtest.World) secret.Value { return w.Journal().Candidates[1].Value }, true},
		"what current holds":           {func(*rotationtest.World) secret.Value { return rotationtest.Old }, true},
		"what an older version holds":  {func(*rotationtest.World) secret.Value { return secret.New("older") }, true},
		"nothing that anybody held on": {func(*rotationtest.World) secret.Value { return secret.New("unknown") }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, k := quarantine(t)
			live := tt.live(w)
			w.ChangeByHand(live)
			result := k.Machine().Recover(t.Context(), k.Setter(true), scheduled(w), []secret.Value{secret.New("older")})
			if result.Status != rotation.Done {
				t.Fatalf("got %+v", result)
			}
			if !w.Current().Password.Equal(w.Live()) || w.Journal().State != rotation.Closed {
				t.Errorf("consumers do not read the live password, or the journal is %v", w.Journal().State)
			}
			if w.Live().Equal(live) != tt.kept {
				t.Errorf("the password that was live is kept: %v", !tt.kept)
			}
		})
	}
}

func TestRecoverWithoutAVerifierSetsANewPassword(t *testing.T) {
	t.Parallel()
	w, k := quarantine(t)
	result := k.Machine().Recover(t.Context(), k.Setter(false), scheduled(w), nil)
	if result.Status != rotation.Done || !w.Current().Password.Equal(w.Live()) || w.Live().Equal(rotationtest.Old) {
		t.Errorf("got %+v", result)
	}
}

func TestRecoverOfAnIssuerIssuesAgainWhereNothingWorks(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	w.ChangeByHand(secret.New("unknown"))
	result := k.Machine().Recover(t.Context(), k.Issuer(true), scheduled(w), nil)
	if result.Status != rotation.Done || !w.Current().Password.Equal(w.Live()) {
		t.Errorf("got %+v", result)
	}
}

func TestAbandonForgetsTheCandidatesAndRotatesAgainLater(t *testing.T) {
	t.Parallel()
	w, k := quarantine(t)
	if err := k.Machine().Abandon(t.Context(), k.Setter(true)); err != nil {
		t.Fatal(err)
	}
	if rec := w.Journal(); rec.State != rotation.Closed || len(rec.Candidates) != 0 {
		t.Errorf("journal %v with %d candidates", rec.State, len(rec.Candidates))
	}
	if err := k.Machine().Abandon(t.Context(), k.Setter(true)); !errors.Is(err, rotation.ErrNothingOpen) {
		t.Errorf("abandoning nothing gave %v", err)
	}
	if result, _ := k.Run(context.Background(), k.Setter(true), scheduled(w)); !result.Rotated {
		t.Errorf("got %+v", result)
	}
}

func TestRecoverSendsNothingOnRefusalsThatAreNotBelieved(t *testing.T) {
	t.Parallel()
	w, k := quarantine(t)
	s, sends := k.Setter(true), 0
	s.Verifier = answers(func(string, secret.Value) (rotation.Verdict, error) { return rotation.Unbelieved, nil })
	w.Decide = func(c rotationtest.Call) rotationtest.Fault {
		if c.Op == "setter.set" {
			sends++
		}
		return rotationtest.None
	}
	result := k.Machine().Recover(t.Context(), s, scheduled(w), nil)
	if result.Status != rotation.Failed || sends > 0 || w.Journal().State != rotation.Quarantined {
		t.Errorf("got %+v after %d sends, and the journal is %v", result, sends, w.Journal().State)
	}
}

// A run that was stopped right before it promotes knows nothing of the abandoning, and its password is dead by the time it
// goes on.
func TestARunWhoseRotationWasAbandonedPromotesNothing(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	two := &rotationtest.Worker{World: w, Name: "two"}
	w.Decide = func(c rotationtest.Call) rotationtest.Fault {
		if c.Op == "secrets.write" {
			w.Decide = nil
			if err := two.Machine().Abandon(t.Context(), two.Setter(false)); err != nil {
				t.Fatal(err)
			}
		}
		return rotationtest.None
	}
	k.Run(context.Background(), k.Setter(false), scheduled(w))
	if !w.Current().Password.Equal(rotationtest.Old) {
		t.Error("current was written by a run without a claim")
	}
}
