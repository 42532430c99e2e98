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
	Clock    Clock
	Observer Observer
	Log      *slog.Logger
	// NewID names a rotation (UUIDv7).
	NewID func() string
	// Generate makes a password; forbid lists strings that it must not contain.
	Generate func(p *policy.Policy, forbid ...string) (secret.Value, error)
	Owner    string // who runs, for people: host and process
	Timing   Timing
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
	rotated, left := false, calls{}
	for range 3 {
		r := &run{Machine: m, Subject: s, job: job, calls: left}
		err := r.rotate(ctx)
		rotated, left = rotated || r.promoted, r.calls
		if errors.Is(err, errAgain) {
			continue
		}
		return r.result(ctx, err, rotated)
	}
	return Result{Status: Waiting, After: time.Second, Rotated: rotated}
}

// run is one attempt at one credential. Its fields change as it goes; nothing of it is shared.
type run struct {
	*Machine
	Subject
	job Job

	rec       Record    // the journal as it stands, if it is still ours
	base      Entry     // current as this run read it
	confirmed time.Time // when the journal was last known to be ours
	calls     calls     // that the rate limit lets this run make
	heldAt    time.Time // when the hold was last taken; zero if it is given back
	created   bool      // this run opened the journal
	fresh     bool      // this run staged the last candidate and has not sent it
	sent      bool      // a call of this run may have arrived
	unsure    bool      // one may have since the journal was last known to be ours
	accepted  time.Time // when the provider accepted the last candidate
	unasked   error     // why the verifier could not be asked last
	promoted  bool
}

// errAgain asks Rotate for another round from the start.
var errAgain = errors.New("start again")

// stop ends a run with a result.
type stop struct{ Result }

func (s *stop) Error() string { return s.Status.String() }

func wait(d time.Duration, cause error) error {
	return &stop{Result{Status: Waiting, After: d, Err: cause}}
}

func fail(d time.Duration, cause error) error {
	return &stop{Result{Status: Failed, After: d, Err: cause}}
}

// rotate is the protocol; each step's file says what a crash there leaves behind.
func (r *run) rotate(ctx context.Context) error {
	// The hold comes first, so that even a job that dies in the line for its turn is made up for; then the line, so that
	// a backlog waits without an open journal. The turn itself is awaited right before the call.
	if err := r.hold(ctx, r.job.Reason == ReasonResume); err != nil {
		return err
	}
	if err := r.reserve(ctx); err != nil {
		return err
	}
	if served, err := r.begin(ctx); served || err != nil {
		return err
	}
	verified, err := r.obtain(ctx)
	if err != nil {
		return err
	}
	if err := r.promote(ctx, verified); err != nil {
		return err
	}
	if err := r.finish(ctx, verified); err != nil {
		return err
	}
	if r.job.Slot.After(r.rec.Slot) {
		return errAgain // what was resumed is older than what is asked for
	}
	return nil
}

// obtain repeats send and verify until a candidate may be promoted.
func (r *run) obtain(ctx context.Context) (Verified, error) {
	send := r.set
	if r.Client.Issuer != nil {
		send = r.issue
	}
	for {
		if err := send(ctx); err != nil {
			return "", err
		}
		verified, err := r.verify(ctx)
		if !errors.Is(err, errSendAgain) {
			return verified, err
		}
	}
}

// result turns how a run ended into what its queue does next.
func (r *run) result(ctx context.Context, err error, rotated bool) Result {
	result := Result{Status: Failed, Err: err}
	var s *stop
	var w *WaitError
	if err != nil && r.unsure {
		err = r.lookBack(ctx, err)
	}
	switch {
	case err == nil:
		result = Result{Status: Done}
	case errors.As(err, &s):
		result = s.Result
	case errors.As(err, &w):
		result = Result{Status: Waiting, After: w.After, Err: w}
	case errors.Is(err, ErrStale):
		r.replaced(ctx)
		result = Result{Status: Replaced, After: time.Second}
	case errors.Is(err, ErrNewerSchema):
		result = Result{Status: Waiting, After: time.Minute, Err: err}
	}
	if result.Status == Waiting || result.Status == Failed {
		r.park(ctx, result.After)
	}
	result.Rotated = rotated
	return result
}

// lookBack finds out, at the end of a run that failed with err, whether another had taken over before a call of this
// one arrived: nobody else would ever know of that call.
func (r *run) lookBack(ctx context.Context, err error) error {
	ctx, cancel := outlive(ctx)
	defer cancel()
	lost := r.reread(ctx)
	if errors.Is(lost, ErrStale) {
		return lost
	}
	if lost != nil {
		r.replaced(ctx) // nobody can tell, so it is checked
	}
	return err
}

// replaced handles the loss of the claim. Nothing stops a call that was already sent from arriving late, so somebody
// has to look once it no longer can.
func (r *run) replaced(ctx context.Context) {
	if !r.sent {
		return
	}
	r.after(ctx, "ask for a recheck", func(ctx context.Context) error {
		// Nothing in Vault tells that it is needed, so one failure must not be the last word.
		for delay := 50 * time.Millisecond; ; delay = min(2*delay, time.Second) {
			err := r.Agenda.Ask(ctx, r.Credential, ReasonReplaced, r.Timing.Recheck)
			if err == nil || r.Clock.Sleep(ctx, delay) != nil {
				return err
			}
		}
	})
}

// after runs what follows a step that already counts: under a context that outlives cancellation, and without a
// word to the rotation if it does not work, because all of it can be rebuilt from Vault.
func (r *run) after(ctx context.Context, what string, f func(context.Context) error) {
	ctx, cancel := outlive(ctx)
	defer cancel()
	if err := f(ctx); err != nil {
		r.Log.LogAttrs(ctx, slog.LevelWarn, "what follows a rotation is late", slog.String("step", what),
			slog.String("credential", r.Credential.ID), slog.String("rotation_id", r.rec.RotationID), slog.Any("error", err))
	}
}

// outlive gives a step that must not be cut short a few seconds past the end of ctx.
func outlive(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
}
