package rotation_test

import (
	"context"
	"testing"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// paused is the limiter of an account whose provider has asked for a pause.
type paused struct{ rotation.Limiter }

func (paused) Take(context.Context, string, int, bool) (rotation.Turns, error) {
	return nil, &rotation.WaitError{After: time.Hour, Reason: "the provider asked for a pause"}
}

// TestWhatWasAcceptedDoesNotWaitForAPauseOfTheProvider: a run ended after the acceptance, and what is left to do takes no
// call of the provider.
func TestWhatWasAcceptedDoesNotWaitForAPauseOfTheProvider(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	s := k.Setter(true)
	ctx, cancel := context.WithCancel(t.Context())
	s.Verifier = answers(func(string, secret.Value) (rotation.Verdict, error) {
		cancel()
		return rotation.Unknown, nil
	})
	if result, _ := k.Run(ctx, s, scheduled(w)); result.Rotated || w.Journal().State != rotation.Open {
		t.Fatalf("got %+v", result)
	}
	w.Advance(5 * time.Minute)
	m := k.Machine()
	m.Limiter = paused{m.Limiter}
	if result := m.Rotate(t.Context(), s, rotation.Job{Reason: rotation.ReasonResume}); !result.Rotated || w.Current().Verified != rotation.VerifiedNo {
		t.Errorf("got %+v", result)
	}
}

// TestWhatHasToBeSentWaitsForAPauseOfTheProviderWithoutAClaim: each claim would be two writes for nothing.
func TestWhatHasToBeSentWaitsForAPauseOfTheProviderWithoutAClaim(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	dieInTheCall(w, k, k.Setter(true))
	before := w.Journal().Version
	w.Advance(time.Minute)
	m := k.Machine()
	m.Limiter = paused{m.Limiter}
	result := m.Rotate(t.Context(), k.Setter(true), rotation.Job{Reason: rotation.ReasonResume})
	if result.Status != rotation.Waiting || result.After != time.Hour || w.Journal().Version != before {
		t.Errorf("got %+v, journal %d", result, w.Journal().Version)
	}
}
