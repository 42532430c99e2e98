package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

// rotate rotates, unless a change freeze is in the way.
func (h *handler) rotate(ctx context.Context, f *fleet, s rotation.Subject, job rotation.Job) rotation.Result {
	if held := h.frozen(ctx, f.engine.Machine.Journals, s.Credential, job); held != nil {
		return *held
	}
	return f.engine.Machine.Rotate(ctx, s, job)
}

// frozen is what becomes of a job that a change freeze holds back; nil where none does. Nothing was claimed yet. A freeze is
// for new rotations alone: what is open is resumed, what has to be repaired is repaired, and a person may insist.
func (h *handler) frozen(ctx context.Context, journals rotation.Journals, cred *rotation.Credential, job rotation.Job) *rotation.Result {
	waits := job.Reason == rotation.ReasonScheduled || job.Reason == rotation.ReasonPolicy
	asks := job.Reason == rotation.ReasonDemand && !job.Force
	if !waits && !asks {
		return nil
	}
	now := h.clock.Now()
	f := h.freezes.Of(cred, now)
	switch {
	case f == nil:
		return nil
	case job.Reason == rotation.ReasonScheduled:
		// A task that came back would count against what its account admits. The scheduler asks again when its claim lapses.
		return &rotation.Result{Status: rotation.Unresolved, Err: errors.New("frozen: " + f.Reason)}
	case waits:
		wait := &rotation.WaitError{After: f.After(now), Reason: "frozen: " + f.Reason}
		return &rotation.Result{Status: rotation.Waiting, After: wait.After, Err: wait}
	case f.Until.IsZero():
		return nil // what is frozen is not known, and a person asks
	}
	if rec, err := journals.Load(ctx, cred); err != nil || rec.State != rotation.Closed {
		return nil // it finishes what is open
	}
	err := fmt.Errorf("frozen until %s (%s): %w", f.Until.Format(time.RFC3339), f.Reason, queue.ErrFrozen)
	return &rotation.Result{Status: rotation.Unresolved, Err: err}
}
