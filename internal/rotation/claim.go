package rotation

import (
	"context"
	"fmt"
	"time"
)

// adopt resumes an open rotation, whoever opened it and for whatever slot. The claim is a write before anything else:
// from here on the next write of whoever held it fails.
func (r *run) adopt(ctx context.Context) (found, error) {
	if r.base.RotationID != "" && r.base.RotationID == r.rec.RotationID {
		return finished, r.finishPromoted(ctx)
	}
	rec := r.rec.clone()
	rec.Attempt++
	rec.Owner = r.Owner
	if err := r.save(ctx, rec); err != nil {
		return 0, fmt.Errorf("adopt the journal: %w", err)
	}
	if last := r.rec.Last(); last != nil && last.State == Accepted {
		r.accepted = last.At
	}
	return claimed, nil
}

// finishPromoted closes a rotation that another run promoted and did not close. Closing is a claim too: a late call may
// have landed since, and nothing is sent here that would undo it, so the close has to ask for a recheck.
func (r *run) finishPromoted(ctx context.Context) error {
	after, found := r.afterPromoted()
	switch late := r.Client.Issuer != nil && onlyValues(after); {
	case !found || len(after) > 0 && !late:
		return r.quarantine(ctx, "current carries this rotation's id with another password than its last candidate: "+
			"two runs promoted; find the one that logs in")
	case late:
		return r.handOver(ctx, after)
	}
	r.promoted = true
	r.rec.Attempt++
	return r.finish(ctx, r.base.Verified)
}

// save writes rec over the version that this run last saw or wrote: a mismatch is the loss of the claim.
func (r *run) save(ctx context.Context, rec Record) error {
	rec.TouchedAt = r.Clock.Now()
	version, err := r.Journals.Save(ctx, r.Credential, rec, r.rec.Version)
	if err != nil {
		return err
	}
	rec.Version = version
	r.rec, r.confirmed, r.unsure = rec, rec.TouchedAt, false
	return nil
}

// confirm makes sure, right before a step that cannot be undone, that the claim is still ours: a process that was
// paused since its last write may have been replaced. It reports whether it had to ask.
func (r *run) confirm(ctx context.Context) (asked bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, fail(0, err)
	}
	if r.Clock.Now().Sub(r.confirmed) < claimTrust {
		return false, nil
	}
	return true, r.reread(ctx)
}

// claimTrust is how long a write of one's own proves the claim.
const claimTrust = 5 * time.Second

func (r *run) reread(ctx context.Context) error {
	now, err := r.Journals.Load(ctx, r.Credential)
	if err != nil {
		return fmt.Errorf("confirm the claim: %w", err)
	}
	if now.Version != r.rec.Version {
		return ErrStale
	}
	r.confirmed, r.unsure = r.Clock.Now(), false
	return nil
}
