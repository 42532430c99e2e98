package rotation

import (
	"context"
	"fmt"
	"time"
)

// found is what a run finds when it begins.
type found int

const (
	claimed  found = iota + 1 // the journal is open and this run's: go on
	served                    // nothing is left to do
	finished                  // a rotation that was promoted before is closed now: start over
)

// look reads the journal, then current: without a claim. The order matters: a rotation that completes in between leaves
// a journal that is older than current, and the next write of that journal fails.
func (r *run) look(ctx context.Context) (err error) {
	if r.rec, err = r.Journals.Load(ctx, r.Credential); err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	place := r.Credential.Place
	if r.rec.State != Closed {
		place = r.rec.Place
	}
	if r.base, err = r.Secrets.Read(ctx, place); err != nil {
		return fmt.Errorf("read current: %w", err)
	}
	return nil
}

// begin finds out what stands and takes the claim: it opens a journal or adopts the open one.
func (r *run) begin(ctx context.Context) (found, error) {
	if err := r.look(ctx); err != nil {
		return 0, err
	}
	switch r.rec.State {
	case Quarantined:
		return 0, r.standQuarantined(ctx)
	case Open:
		return r.adopt(ctx)
	case Closed:
		if !r.job.Slot.After(r.base.Slot) {
			r.settleServed(ctx)
			return served, nil
		}
		return claimed, r.open(ctx)
	default:
		return 0, fail(0, fmt.Errorf("journal: unknown state %d", r.rec.State))
	}
}

// settleServed repairs what a crash after the close left undone: the due time and the hold.
func (r *run) settleServed(ctx context.Context) {
	r.settle(ctx, Ending{
		State: Closed, RotationID: r.base.RotationID, Slot: r.base.Slot, Reason: r.job.Reason,
		RotatedAt: r.base.RotatedAt, Version: r.base.Version, Verified: r.base.Verified, RecheckAt: r.rec.RecheckAt,
	})
}

func (r *run) standQuarantined(ctx context.Context) error {
	r.settleQuarantine(ctx)
	return &stop{Result{Status: Ended, Err: fmt.Errorf("in quarantine since %s: %s", r.rec.Since.UTC().Format(time.RFC3339), r.rec.Why)}}
}

// open starts a rotation. A lost reply here leaves an open journal that the next run resumes; its candidate was never
// sent, and sending it then is harmless.
func (r *run) open(ctx context.Context) error {
	now := r.Clock.Now()
	if last := r.lastRotated(now); last.Add(r.Timing.MinInterval).After(now) {
		r.settleServed(ctx)
		if last.After(now) {
			return wait(r.Timing.MinInterval, fmt.Errorf("current says that it was rotated at %s, which is yet to come: "+
				"a clock has gone back, and a late call of that rotation could still arrive", last.UTC().Format(time.RFC3339)))
		}
		return wait(last.Add(r.Timing.MinInterval).Sub(now),
			fmt.Errorf("rotated less than %s ago: a late call of that rotation could still arrive", r.Timing.MinInterval))
	}
	rec := r.opening()
	first, err := r.nextCandidate(rec)
	if err != nil {
		return err
	}
	rec.Candidates = []Candidate{first}
	if err := r.save(ctx, rec); err != nil {
		return fmt.Errorf("open the journal: %w", err)
	}
	r.created, r.fresh = true, true
	return nil
}

// lastRotated is when the last rotation ended. A worker whose clock was ahead wrote a time that is yet to come, which
// would keep the credential waiting for as long; Vault's own clock then says when it was.
func (r *run) lastRotated(now time.Time) time.Time {
	last, written := r.base.RotatedAt, r.base.CreatedAt
	if last.After(now) && !written.IsZero() && written.Before(last) {
		return written
	}
	return last
}
