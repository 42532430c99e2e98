package rotation

import (
	"context"
	"time"
)

// calls are the turns of a run: how many it took, and how many of them are used up.
type calls struct {
	turns       Turns
	taken, used int
}

// reserve makes sure that a turn for the next provider call, and for a read-back after it, is in hand.
func (r *run) reserve(ctx context.Context) error {
	n := r.Credential.Calls()
	if r.Credential.Overlap != nil {
		n = 1 // the others come later, if at all
	}
	return r.take(ctx, n)
}

// take takes n turns if none is left.
func (r *run) take(ctx context.Context, n int) error {
	if r.calls.used < r.calls.taken {
		return nil
	}
	// A run that has a journal open, or finds one, or that is waited for, goes before a backlog.
	urgent := r.rec.State == Open || !r.confirmed.IsZero() || r.job.Reason == ReasonDemand || r.job.Reason == ReasonResume
	turns, err := r.Limiter.Take(ctx, r.Credential.Account, n, urgent)
	if err != nil {
		return ranOut(ctx, err)
	}
	r.calls = calls{turns: turns, taken: n}
	return nil
}

// await returns at the instant of the next call.
func (r *run) await(ctx context.Context) error {
	return ranOut(ctx, r.calls.turns.Await(ctx, r.calls.used))
}

// ranOut tells time that ran out in the line for a call from a failure of the credential.
func ranOut(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return wait(time.Second, err)
	}
	return err
}
