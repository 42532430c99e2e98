package rotation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// In one run a fresh candidate is replaced at most so often, because a provider that refuses everything would
// otherwise be asked for ever.
const maxRefusals = 3

// doubtDelays are the waits before the same candidate is sent again after a lost reply: short, because consumers may
// be holding a dead password. What is left after them waits in the queue.
var doubtDelays = [...]time.Duration{100 * time.Millisecond, 500 * time.Millisecond, 2 * time.Second}

// set sends the last candidate until the provider accepts one.
func (r *run) set(ctx context.Context) error {
	// With a verifier, an acceptance on record need not be repeated to find out whether it is live.
	if last := r.rec.Last(); last != nil && last.State == Accepted && r.Verifier != nil && !r.accepted.IsZero() {
		return nil
	}
	refusals, doubts := 0, 0
	for {
		first := r.fresh
		refused, err := r.send(ctx, func(ctx context.Context) error {
			return r.Client.Setter.Set(ctx, r.rec.Target, r.rec.Last().Value)
		})
		switch {
		case err != nil:
			return err
		case refused == nil:
			return nil
		case refused.Kind == Repeat:
			applied, err := r.repeat(ctx, first)
			if applied || err != nil {
				return err
			}
			if refusals++; refusals > maxRefusals {
				return fail(time.Minute, refused)
			}
		case refused.Kind == Rejected:
			if refusals++; refusals > maxRefusals {
				return r.quarantine(ctx, fmt.Sprintf("rule: the provider rejected %d passwords in a row (%s)", refusals, refused.Code))
			}
			if err := r.replaceRejected(ctx, refused); err != nil {
				return err
			}
		case refused.Kind == InDoubt:
			if err := r.doubt(ctx, refused, doubts); err != nil {
				return err
			}
			doubts++
		default:
			return r.refused(ctx, refused, first)
		}
	}
}

// send makes one provider call: at its turn, under a confirmed claim, within the hard limit. The first result is
// the provider's answer where it is not a plain yes, the second ends the run.
func (r *run) send(ctx context.Context, call func(context.Context) error) (*Error, error) {
	if err := r.ready(ctx); err != nil {
		return nil, err
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
		r.sent, r.unsure, r.accepted = true, true, now
		return nil, nil
	}
	refused := asError(err)
	r.sent = r.sent || refused.Kind != NotSent
	r.unsure = r.unsure || refused.Kind == InDoubt
	return refused, nil
}

// ready returns at the instant at which the call is to be made. To look at the journal takes time, so the turn is asked
// about again after it.
func (r *run) ready(ctx context.Context) error {
	if err := r.reserve(ctx); err != nil {
		return err
	}
	r.keepHold(ctx)
	for {
		if err := r.await(ctx); err != nil {
			r.closeUnused(ctx, r.fresh)
			return err
		}
		if asked, err := r.confirm(ctx); !asked || err != nil {
			return err
		}
	}
}

// asError treats whatever is not classified as in doubt.
func asError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Kind: InDoubt, Op: "call", Err: err}
}

// repeat handles the answer that the new password equals the current one.
func (r *run) repeat(ctx context.Context, first bool) (applied bool, err error) {
	if !first {
		// Our random candidate can only equal the current password because an earlier, lost call of it landed.
		if len(r.rec.Candidates) == 1 {
			r.accepted = r.Clock.Now()
			return true, nil
		}
		if r.Verifier != nil {
			verdict, err := r.ask(ctx, r.rec.Last().Value)
			if err != nil {
				return false, err
			}
			if verdict == Works {
				r.accepted = r.Clock.Now()
				return true, nil
			}
		}
	}
	return false, r.appendCandidate(ctx)
}

// replaceRejected appends a fresh candidate. The rejected one stays: this refusal proves nothing about earlier sends.
func (r *run) replaceRejected(ctx context.Context, e *Error) error {
	r.rec = r.rec.clone()
	if last := r.rec.Last(); last.State == Staged {
		last.State = RefusedByRule
	}
	r.rec.LastError = refusal(e, r.Clock.Now())
	return r.appendCandidate(ctx)
}

// doubt journals that the last send may have landed, and waits a little before the next: soon, because consumers may
// be holding a dead password. What is known of a sent candidate is written under a cancelled context too.
func (r *run) doubt(ctx context.Context, e *Error, n int) error {
	if rec := r.rec.clone(); !rec.Doubted || rec.Last().State != Doubtful {
		rec.Doubted = true
		rec.Last().State = Doubtful
		rec.LastError = refusal(e, r.Clock.Now())
		ctx, cancel := outlive(ctx)
		defer cancel()
		if err := r.save(ctx, rec); err != nil {
			return fmt.Errorf("mark in doubt: %w", err)
		}
	}
	if n >= len(doubtDelays) {
		return fail(e.RetryAfter, e)
	}
	if err := r.Clock.Sleep(ctx, doubtDelays[n]); err != nil {
		return fail(0, e)
	}
	return nil
}

func refusal(e *Error, at time.Time) *Refusal {
	return &Refusal{Kind: e.Kind.String(), Code: e.Code, RequestID: e.RequestID, At: at}
}

// refused handles the answers that end a run, whatever the mode of the provider.
func (r *run) refused(ctx context.Context, e *Error, first bool) error {
	switch e.Kind {
	case RateLimited:
		after := max(e.RetryAfter, time.Second)
		r.after(ctx, "penalise the limiter", func(ctx context.Context) error {
			return r.Limiter.Penalise(ctx, r.Credential.Account, after)
		})
		return wait(after, e)
	case Unauthorized:
		r.after(ctx, "open the breaker", func(ctx context.Context) error {
			return r.Agenda.Block(ctx, r.Credential.Account, e)
		})
		r.closeUnused(ctx, first)
		return wait(30*time.Second, e)
	case ClockSkew:
		r.closeUnused(ctx, first)
		return wait(30*time.Second, e)
	case NotSent:
		r.closeUnused(ctx, first)
		return fail(e.RetryAfter, e)
	case Target:
		if r.answered() && !slices.ContainsFunc(r.rec.Candidates, func(c Candidate) bool { return c.State == Accepted }) {
			// None of them was accepted: nothing here can be live.
			r.rec = r.rec.clone()
			r.rec.Candidates = nil
		}
		return r.quarantine(ctx, "target: "+e.Error())
	case Unavailable, InDoubt, Repeat, Rejected:
		return fail(e.RetryAfter, e)
	default:
		return fail(0, e)
	}
}

// closeUnused closes a journal whose one candidate provably never landed, so that an outage does not leave thousands
// open; any other stays open.
func (r *run) closeUnused(ctx context.Context, first bool) {
	if r.created && first && !r.rec.Doubted && len(r.rec.Candidates) == 1 {
		r.after(ctx, "close an unused journal", r.giveUp)
	}
}
