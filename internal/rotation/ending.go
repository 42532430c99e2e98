package rotation

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// stop ends a run with a result.
type stop struct{ Result }

func (s *stop) Error() string { return s.Status.String() }

func wait(d time.Duration, cause error) error {
	return &stop{Result{Status: Waiting, After: d, Err: cause}}
}

func fail(d time.Duration, cause error) error {
	return &stop{Result{Status: Failed, After: d, Err: cause}}
}

func unresolved(cause error) error {
	return &stop{Result{Status: Unresolved, Err: cause}}
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
	result.Rotated, result.RotationID = rotated, r.rec.RotationID
	if i := &r.rec.Identities; r.rec.State == Closed && r.rec.Version > 0 && (i.Grace != 0 || r.Credential.Overlap != nil) {
		result.Retiring = &Retirement{First: i.First()}
	}
	return result
}

// lookBack finds out, at the end of a run that failed with err, whether another had taken over before a call of this
// one arrived: no other run would ever know of that call.
func (r *run) lookBack(ctx context.Context, err error) error {
	ctx, cancel := outlive(ctx)
	defer cancel()
	lost := r.reclaim(ctx)
	if errors.Is(lost, ErrStale) {
		return lost
	}
	if lost != nil {
		r.replaced(ctx) // that is unknown, so it is checked
	}
	return err
}

// replaced handles the loss of the claim. Nothing stops a call that was already sent from arriving late, so a check
// has to follow once it no longer can.
func (r *run) replaced(ctx context.Context) {
	if !r.sent {
		return
	}
	after := r.Timing.Recheck
	if r.rec.lasting() && !r.inDoubt {
		after = 0 // what it did has arrived
	}
	r.after(ctx, "ask for a recheck", func(ctx context.Context) error {
		// Nothing in Vault tells that it is needed, so one failure must not be the last word.
		for delay := 50 * time.Millisecond; ; delay = longer(delay, time.Second) {
			err := r.Agenda.Ask(ctx, r.Credential, ReasonReplaced, after)
			if err == nil || r.Clock.Sleep(ctx, delay) != nil {
				return err
			}
		}
	})
}

// notice tells people what they should know, in the log and as an event.
func (r *run) notice(ctx context.Context, kind NoticeKind, detail string) {
	n := Notice{Kind: kind, RotationID: r.rec.RotationID, Reason: r.job.Reason, RequestedBy: r.job.RequestedBy, Detail: detail}
	r.Log.LogAttrs(ctx, slog.LevelWarn, "a credential needs attention", slog.String("credential", r.Credential.ID),
		slog.String("account", r.Credential.Account), slog.String("kind", string(kind)), slog.String("rotation_id", n.RotationID),
		slog.String("reason", string(n.Reason)), slog.String("detail", detail))
	r.after(ctx, "give a notice", func(ctx context.Context) error { return r.Notices.Note(ctx, r.Credential, n) })
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
