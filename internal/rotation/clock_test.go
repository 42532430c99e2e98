package rotation_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/rotation/rotationtest"
)

// written are Secrets that a Vault with a clock of its own created at a time.
type written struct {
	rotation.Secrets
	at time.Time
}

func (s written) Read(ctx context.Context, place rotation.Place) (rotation.Entry, error) {
	e, err := s.Secrets.Read(ctx, place)
	e.CreatedAt = s.at
	return e, err
}

// rotated is a world whose credential was rotated just now and whose clock then goes back by an hour.
func rotated(t *testing.T) (*rotationtest.World, *rotationtest.Worker, rotation.Job) {
	t.Helper()
	w, k := newWorker()
	if result, _ := k.Run(t.Context(), k.Setter(false), scheduled(w)); !result.Rotated {
		t.Fatalf("got %+v", result)
	}
	next := rotation.Job{Slot: w.Current().Slot.Add(time.Second), Reason: rotation.ReasonDemand}
	w.Advance(-time.Hour)
	return w, k, next
}

func TestAClockThatWasAheadKeepsNoCredentialWaiting(t *testing.T) {
	t.Parallel()
	w, k, next := rotated(t)
	m := k.Machine()
	m.Secrets = written{m.Secrets, w.Current().RotatedAt.Add(-2 * time.Hour)} // the worker's clock had been ahead, Vault's not
	if result := m.Rotate(t.Context(), k.Setter(false), next); !result.Rotated {
		t.Errorf("got %+v", result)
	}
}

func TestAClockThatJumpsBackIsNamedAndTheWaitIsBounded(t *testing.T) {
	t.Parallel()
	_, k, next := rotated(t)
	m := k.Machine()
	result := m.Rotate(t.Context(), k.Setter(false), next)
	if result.Status != rotation.Waiting || result.After > m.Timing.MinInterval || result.Err == nil || !strings.Contains(result.Err.Error(), "a clock has gone back") {
		t.Errorf("got %+v", result)
	}
}
