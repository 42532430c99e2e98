package main

import (
	"context"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// notes is where people find what the last check of a password said, and what waits to be retired.
type notes interface {
	Checked(ctx context.Context, cred *rotation.Credential, verdict rotation.Verdict) error
	Retires(ctx context.Context, cred *rotation.Credential, w rotation.Retirement) error
}

// noteTimeout is how long a note for people may take.
const noteTimeout = 5 * time.Second

// check runs a check, and notes for people what the verifier said.
func (h *handler) check(ctx context.Context, f *fleet, s rotation.Subject, job rotation.Job) rotation.Result {
	if s.Verifier == nil {
		return f.engine.Machine.Check(ctx, s, job)
	}
	heard := &hearing{Verifier: s.Verifier, call: f.engine.Machine.Timing.Call}
	s.Verifier = heard
	result := f.engine.Machine.Check(ctx, s, job)
	verdict, asked := heard.first, heard.asked
	if result.Rotated {
		verdict = heard.last // about what consumers read now
	}
	if !asked {
		return result
	}
	h.note(ctx, s.Credential, result, func(ctx context.Context) error { return h.notes.Checked(ctx, s.Credential, verdict) })
	return result
}

// noteRetirement notes for people what a run left to be retired.
func (h *handler) noteRetirement(ctx context.Context, cred *rotation.Credential, result rotation.Result) {
	if w := result.Retiring; w != nil {
		h.note(ctx, cred, result, func(ctx context.Context) error { return h.notes.Retires(ctx, cred, *w) })
	}
}

// note may take longer than the run: what ended that may have been its time.
func (h *handler) note(ctx context.Context, cred *rotation.Credential, result rotation.Result, write func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(rotation.WithID(ctx, result.RotationID)), noteTimeout)
	defer cancel()
	if err := write(ctx); err != nil {
		h.log.WarnContext(ctx, "what a run found is not noted", "credential", cred.ID, "error", err)
	}
}

// hearing is a Verifier that remembers what was said about the first password, which is the one that consumers read, and
// about the last. It belongs to one run.
type hearing struct {
	rotation.Verifier
	first, last rotation.Verdict
	asked       bool
	call        time.Duration // the longest that a question takes where the verifier says nothing else
}

// Verify implements rotation.Verifier.
func (v *hearing) Verify(ctx context.Context, login string, password secret.Value) (rotation.Verdict, error) {
	verdict, err := v.Verifier.Verify(ctx, login, password)
	if !v.asked {
		v.first, v.asked = verdict, true
	}
	v.last = verdict
	return verdict, err
}

// Reserve implements rotation.Reserver: a verifier that books nothing bears any number of questions.
func (v *hearing) Reserve(ctx context.Context, login string, n int, urgency rotation.Urgency) error {
	if r, ok := v.Verifier.(rotation.Reserver); ok {
		return r.Reserve(ctx, login, n, urgency)
	}
	return nil
}

// Timeout implements rotation.Timed.
func (v *hearing) Timeout() time.Duration {
	if t, ok := v.Verifier.(rotation.Timed); ok {
		return t.Timeout()
	}
	return v.call
}
