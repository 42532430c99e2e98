package rotation

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// answer is what came of one provider call.
type answer struct {
	refusal *Error // nil for a plain yes
	at      time.Time
}

// send makes one provider call: at its turn, under a confirmed claim, within the hard limit. An error means that it was
// not made.
func (r *run) send(ctx context.Context, call func(context.Context) error) (answer, error) {
	if err := r.ready(ctx); err != nil {
		return answer{}, err
	}
	r.calls.used++
	r.fresh = false
	start := r.Clock.Now()
	limited, cancel := context.WithTimeout(ctx, r.Timing.Call)
	defer cancel()
	err := call(limited)
	now := r.Clock.Now()
	r.Observer.Called(r.Credential, "change", err, now.Sub(start))
	if err == nil {
		r.sent, r.unsure, r.inDoubt = true, true, false
		return answer{at: now}, nil
	}
	refused := AsError(err)
	r.say(ctx, refused)
	r.sent = r.sent || refused.Kind != NotSent
	if r.inDoubt = refused.Kind == InDoubt; r.inDoubt {
		r.unsure = true
		r.unquiet()
	}
	return answer{refusal: refused, at: now}, nil
}

// ready returns at the instant at which the call is to be made. To look at the journal takes time, so the turn is asked
// about again after it.
func (r *run) ready(ctx context.Context) error {
	if err := r.quiet(ctx); err != nil {
		return err
	}
	if err := r.reserve(ctx); err != nil {
		return err
	}
	r.keepHold(ctx)
	for {
		if err := r.await(ctx); err != nil {
			r.closeUnused(ctx)
			return err
		}
		if asked, err := r.confirm(ctx); !asked || err != nil {
			return err
		}
	}
}

// endSend ends a run with an answer after which nothing more is sent for now, whatever the mode of the provider.
func (r *run) endSend(ctx context.Context, s step, e *Error) error {
	switch s {
	case stepRule:
		return r.quarantine(ctx, fmt.Sprintf("rule: the provider rejected %d passwords in a row (%s)", maxRefusals+1, e.Code))
	case stepTarget:
		if r.unused() {
			r.rec = r.rec.clone()
			r.rec.Candidates = nil
		}
		return r.quarantine(ctx, "target: "+e.Error())
	case stepPause:
		return fail(time.Minute, e)
	case stepLeave:
		r.closeUnused(ctx)
	default:
	}
	r.tellNeighbours(ctx, e)
	switch e.Kind {
	case RateLimited:
		return wait(max(e.RetryAfter, time.Second), e)
	case ClockSkew:
		return waitForOther(e)
	case Unauthorized:
		return wait(30*time.Second, e)
	default:
		return r.comeBack(ctx, e)
	}
}

// comeBack ends a run whose provider gave no answer that counts. After a day of that a person has to look: whatever the
// provider was asked may be live, and consumers may have a dead password.
func (r *run) comeBack(ctx context.Context, e *Error) error {
	since := r.Clock.Now().Sub(r.rec.OpenedAt)
	switch {
	case r.rec.State == Open && since > giveUpAfter:
		return r.quarantine(ctx, "provider: for a day it gave no answer that counts: "+e.Error())
	case r.rec.State == Open:
		return fail(max(min(e.RetryAfter, maxRetryAfter), retryFor(since)), e)
	default:
		return fail(min(e.RetryAfter, maxRetryAfter), e)
	}
}

// maxRetryAfter is how long a provider may ask a rotation to wait that has a candidate which may be live.
const maxRetryAfter = 5 * time.Minute

// tellNeighbours has the whole account heed what one credential was told.
func (r *run) tellNeighbours(ctx context.Context, e *Error) {
	switch e.Kind {
	case RateLimited:
		r.after(ctx, "penalise the limiter", func(ctx context.Context) error {
			return r.Limiter.Penalise(ctx, r.Credential.Account, max(e.RetryAfter, time.Second))
		})
	case Unauthorized:
		r.after(ctx, "open the breaker", func(ctx context.Context) error {
			return r.Agenda.Block(ctx, r.Credential.Account, e)
		})
	default:
	}
}

// unused reports that nothing in the journal can be live: this run created it, no send of it had an unknown outcome,
// and no candidate was accepted.
func (r *run) unused() bool {
	return r.answered() && !r.rec.anyAccepted()
}

// closeUnused closes a journal in which nothing can be live, so that an outage does not leave thousands open. Any other
// stays open.
func (r *run) closeUnused(ctx context.Context) {
	if r.unused() {
		r.after(ctx, "close an unused journal", r.giveUp)
	}
}

// say logs an answer with what a person has to look for it by: the credential, and the provider's id of the request. Too
// many requests and a provider that is not reached are everyday, and counted.
func (r *run) say(ctx context.Context, refused *Error) {
	level := slog.LevelInfo
	if refused.Kind == RateLimited || refused.Kind == NotSent {
		level = slog.LevelDebug
	}
	r.Log.LogAttrs(ctx, level, "a provider's answer is no plain success", slog.String("account", r.Credential.Account),
		slog.String("credential", r.Credential.ID), slog.String("rotation_id", r.rec.RotationID),
		slog.String("code", refused.Code), slog.String("request_id", refused.RequestID), slog.Any("error", refused))
}
