package rotation

import (
	"context"
	"fmt"
	"time"
)

// doubtDelays are the waits before the same candidate is sent again after a lost reply: short, because consumers may
// be holding a dead password. What is left after them waits in the queue.
var doubtDelays = [...]time.Duration{100 * time.Millisecond, 500 * time.Millisecond, 2 * time.Second}

// set sends the last candidate until the provider accepts one.
func (r *run) set(ctx context.Context) error {
	// With a verifier, an acceptance on record need not be repeated to find out whether it is live.
	if last := r.rec.Last(); last != nil && last.State == Accepted && r.Verifier != nil && !r.accepted.IsZero() {
		return nil
	}
	refusals, rejected, doubts := 0, 0, 0
	for {
		here := situation{fresh: r.fresh, alone: len(r.rec.Candidates) == 1, verifier: r.Verifier != nil}
		here.again, here.refusals, here.rejected = r.rec.Last().Sends > 0, refusals, rejected
		answer, err := r.send(ctx, func(ctx context.Context) error {
			return r.Client.Setter.Set(ctx, r.rec.Target, r.rec.Last().Value)
		})
		if err != nil {
			return err
		}
		next := here.after(answer.refusal)
		if next == stepAsk {
			if next, err = r.askApplied(ctx); err != nil {
				return err
			}
		}
		switch next {
		case stepVerify:
			r.accepted = answer.at
			return nil
		case stepAppend:
			refusals, rejected = refusals+1, rejected+1
			if answer.refusal.Kind != Rejected {
				rejected = 0
			}
			err = r.appendAnother(ctx, answer)
		case stepResend:
			doubts++
			err = r.doubt(ctx, answer.refusal, doubts-1)
		default:
			return r.endSend(ctx, next, answer.refusal)
		}
		if err != nil {
			return err
		}
	}
}

// askApplied finds out whether the last candidate was applied by an earlier send of it.
func (r *run) askApplied(ctx context.Context) (step, error) {
	verdict, err := r.ask(ctx, r.rec.Last().Value)
	if err == nil && verdict == Works {
		return stepVerify, nil
	}
	return stepAppend, err
}

// appendAnother appends a fresh candidate. The one before stays: a refusal proves nothing about earlier sends.
func (r *run) appendAnother(ctx context.Context, a answer) error {
	if a.refusal.Kind == Rejected {
		r.rec = r.rec.clone()
		if last := r.rec.Last(); last.State == Staged {
			last.State = RefusedByRule
		}
		r.rec.LastError = refusal(a.refusal, a.at)
	}
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
	since := r.Clock.Now().Sub(r.rec.OpenedAt)
	if since <= giveUpAfter {
		if err := r.quietFor(ctx, retryFor(since)); err != nil {
			return err
		}
	}
	pause := e.RetryAfter
	if n < len(doubtDelays) {
		pause = max(pause, doubtDelays[n])
	}
	// A resumed rotation sends once a run: the queue's pauses grow.
	if !r.created || n >= len(doubtDelays) || pause > maxNap {
		return r.comeBack(ctx, e)
	}
	if err := r.Clock.Sleep(ctx, pause); err != nil {
		return fail(0, e)
	}
	return nil
}

func refusal(e *Error, at time.Time) *Refusal {
	return &Refusal{Kind: e.Kind.String(), Code: e.Code, RequestID: e.RequestID, At: at}
}
