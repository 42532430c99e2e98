package rotation

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"keyturn/internal/policy"
	"keyturn/internal/secret"
)

// Machine runs rotations. It holds no state between runs and no lock: all that must survive stands in Vault. Safe for
// concurrent use.
type Machine struct {
	Journals Journals
	Secrets  Secrets
	Limiter  Limiter
	Agenda   Agenda
	Notices  Notices
	Keys     Keys // nil where no credential is a management key
	Clock    Clock
	Observer Observer
	Log      *slog.Logger
	// NewID names a rotation (UUIDv7).
	NewID func() string
	// Generate makes a password; forbid lists strings that it must not contain.
	Generate func(p *policy.Policy, forbid ...string) (secret.Value, error)
	Owner    string // who runs, for people: host and process
	Timing   Timing
	// Step is told when a step begins, and returns the context to go on with and what to call when the step ends; nil: no
	// one follows. It must return at once.
	Step func(ctx context.Context, name string) (context.Context, func(error))
}

// Timing bounds how long a run does what.
type Timing struct {
	Call        time.Duration // hard limit of one provider call
	Resume      time.Duration // a journal untouched for so long is resumed; longer than Call
	MinInterval time.Duration // between two promotions of one credential; longer than any late call can live
	Recheck     time.Duration // after a close, until a late call can no longer arrive
}

// Subject is a credential with what acts on it.
type Subject struct {
	Credential *Credential
	Client     Client
	Verifier   Verifier // nil: verification is off
}

// Rotate brings the credential to a promotion for the job's slot, resuming what an earlier run left open. It may be
// called for one credential any number of times at once, in any number of processes.
func (m *Machine) Rotate(ctx context.Context, s Subject, job Job) Result {
	// Three rounds: one may close what a crash left promoted, one may finish an older rotation.
	rotated, left, id := false, calls{}, ""
	for range 3 {
		r := &run{Machine: m, Subject: s, job: job, calls: left}
		again, err := r.rotate(ctx)
		rotated, left, id = rotated || r.promoted, r.calls, r.rec.RotationID
		if !again || err != nil {
			return r.result(ctx, err, rotated)
		}
	}
	return Result{Status: Waiting, After: time.Second, Rotated: rotated, RotationID: id}
}

// run is one attempt at one credential. Its fields change as it goes; nothing of it is shared.
type run struct {
	*Machine
	Subject
	job Job

	rec       Record        // the journal as it stands, if it is still ours
	base      Entry         // current as this run read it
	confirmed time.Time     // when the journal was last known to be ours
	calls     calls         // that the rate limit lets this run make
	heldAt    time.Time     // when the hold was last taken; zero if it is given back
	slowest   time.Duration // answer of the verifier, where it took long
	created   bool          // this run opened the journal
	fresh     bool          // this run staged the last candidate and has not sent it
	sent      bool          // a call of this run may have arrived
	unsure    bool          // one may have since the journal was last known to be ours
	accepted  time.Time     // when the provider accepted the last candidate
	unasked   error         // why the verifier could not be asked last
	promoted  bool
	quietAt   time.Time // of a pair: when no late call can arrive any more
	inDoubt   bool      // the last call's outcome is unknown
	tidied    bool      // this run knows which identities there are
	freed     bool      // and has taken some away
	stillUsed bool      // a process may still call with the management key that is to be disabled
	skewed    *Error    // why a step of a retirement failed: this worker's clock is off
}

// rotate is the protocol; each step's file says what a crash there leaves behind. It asks for another round where what
// it found or finished is not yet what the job asks for.
func (r *run) rotate(ctx context.Context) (again bool, err error) {
	if err := r.step(ctx, "get in line", r.getInLine); err != nil {
		return false, err
	}
	var what found
	if err := r.step(ctx, "stage", func(ctx context.Context) (err error) {
		what, err = r.begin(ctx)
		return err
	}); err != nil || what == served {
		return false, err
	}
	if what == startOver {
		return true, nil
	}
	ctx = WithID(ctx, r.rec.RotationID)
	verified, err := r.obtain(ctx)
	if err != nil {
		return false, err
	}
	if err := r.complete(ctx, verified); err != nil {
		return false, err
	}
	return r.job.Slot.After(r.rec.Slot), nil // what was resumed may be older than what is asked for
}

// getInLine takes what a rotation needs before it touches its journal.
func (r *run) getInLine(ctx context.Context) error {
	// The hold comes first, so that even a job that dies in the line for its turn is made up for; then the line, so that
	// a backlog waits without an open journal. The turn itself is awaited right before the call.
	resumes := r.job.Reason == ReasonResume
	if err := r.hold(ctx, resumes); err != nil {
		return err
	}
	// What is open may need no call any more: then a pause that the provider asked for holds nothing up.
	if resumes {
		return r.book(ctx, Resumed)
	}
	err := r.book(ctx, Rotation)
	if err == nil {
		err = r.reserve(ctx)
	}
	if held := (*WaitError)(nil); errors.As(err, &held) && held.After > askPatience && r.leftOpen(ctx) {
		return r.book(ctx, Resumed) // the line is for what has not begun
	}
	return err
}

// leftOpen reports whether another run has left the journal open. That a job was not made to resume it says nothing: one that
// came back from a worker that died was not, nor was a check.
func (r *run) leftOpen(ctx context.Context) bool {
	rec, err := r.Journals.Load(ctx, r.Credential)
	return err == nil && rec.State == Open
}

// step does one step of the protocol, and tells who follows.
func (r *run) step(ctx context.Context, name string, do func(context.Context) error) error {
	if r.Step == nil {
		return do(ctx)
	}
	ctx, ended := r.Step(ctx, name)
	err := do(ctx)
	cause := err
	if s := (*stop)(nil); errors.As(err, &s) {
		cause = s.Err
	}
	ended(cause)
	return err
}

// obtain repeats send and verify until a candidate may be promoted.
func (r *run) obtain(ctx context.Context) (Verified, error) {
	if r.rec.lasting() && r.rec.Reason == ReasonAdopted {
		return r.obtainAdopted(ctx)
	}
	name, send := "set", r.set
	switch {
	case r.rec.Strategy == StrategyOverlap:
		name, send = "mint", r.mint
	case r.Client.Issuer != nil:
		name, send = "issue", r.issue
	}
	for {
		if err := r.quiet(ctx); err != nil {
			return "", err
		}
		if err := r.step(ctx, name, send); err != nil {
			return "", err
		}
		var verified Verified
		if err := r.step(ctx, "verify", func(ctx context.Context) (err error) {
			verified, err = r.verify(ctx)
			return err
		}); err != nil || verified != "" {
			return verified, err
		}
		// Accepted and not live: send again.
	}
}

// complete brings the last candidate to consumers and ends the rotation.
func (r *run) complete(ctx context.Context, verified Verified) error {
	if err := r.step(ctx, "promote", func(ctx context.Context) error { return r.promote(ctx, verified) }); err != nil {
		return err
	}
	return r.step(ctx, "close", func(ctx context.Context) error { return r.finish(ctx, verified) })
}
