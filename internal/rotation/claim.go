package rotation

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// adopt resumes an open rotation, whichever run opened it and for whatever slot. It is two writes (P-fence): the claim,
// after which the next write of the journal by the run that held it fails, and then the fence, after which its
// promotion fails too. A crash between them leaves a claim by a dead run; the next one claims again.
func (r *run) adopt(ctx context.Context) (found, error) {
	if r.base.RotationID != "" && r.base.RotationID == r.rec.RotationID {
		return startOver, r.finishPromoted(ctx)
	}
	if err := r.checkOwner(); err != nil {
		return 0, err
	}
	if r.putBack() || r.movedOn() {
		return startOver, r.closePutBack(ctx)
	}
	if last := r.rec.Last(); r.Verifier == nil || last == nil || last.State != Accepted {
		if err := r.reserve(ctx); err != nil {
			return 0, err // before the claim, which costs two writes
		}
	}
	rec, err := r.upgraded(ctx)
	if err != nil {
		return 0, err
	}
	rec.Attempt++
	rec.Owner = r.Owner
	r.quietAt, rec.QuietAt = r.quietFrom(rec.QuietAt), time.Time{}
	last, now := rec.Last(), r.Clock.Now()
	if last != nil && last.State == Accepted && last.At.After(now) {
		last.At = now // a clock was ahead: what it wrote is believed up to now
	}
	if err := r.save(ctx, rec); err != nil {
		return 0, fmt.Errorf("adopt the journal: %w", err)
	}
	if last != nil && last.State == Accepted {
		r.accepted = last.At
	}
	switch err := r.fence(ctx); {
	case errors.Is(err, ErrStale):
		return startOver, nil // current was written since: it may be the promotion
	case err != nil:
		return 0, err
	}
	return claimed, nil
}

// fence writes current back as it was read. A run that read that version can no longer promote.
func (r *run) fence(ctx context.Context) error {
	if err := r.Secrets.Fence(ctx, r.rec.Place, r.base); err != nil {
		return fmt.Errorf("fence current: %w", err)
	}
	r.base.Version++
	r.base.Deleted = false
	return nil
}

// checkOwner makes sure that an open rotation is finished by a client of the account and of the kind that it was opened
// for. Configurations differ while they are rolled out, so it waits at first; a person has to move the credential back.
func (r *run) checkOwner() error {
	mode := ModeSetter
	if r.issuer(&r.rec) {
		mode = ModeIssuer
	}
	if r.rec.Strategy == StrategyOverlap && r.Client.Minter == nil {
		mode = ModeSetter // whatever the client is, it cannot finish this
	}
	account := r.rec.Account
	if account == "" {
		account = r.Credential.Account // schema 1 does not say
	}
	if account == r.Credential.Account && r.rec.mode() == mode {
		return nil
	}
	return wait(time.Minute, fmt.Errorf("its open rotation belongs to account %s (%s), and the configuration has it at account %s (%s): "+
		"move it back until the rotation has ended, or abandon the rotation", account, r.rec.mode(), r.Credential.Account, mode))
}

// upgraded is a copy of the journal in today's schema. A record of schema 1 names the base's version only.
func (r *run) upgraded(ctx context.Context) (Record, error) {
	rec := r.rec.clone()
	if rec.Schema >= 2 {
		rec.Schema = Schema
		return rec, nil
	}
	var err error
	if rec.BasePassword, err = r.oldPassword(ctx); err != nil {
		return rec, fmt.Errorf("read the old password: %w", err)
	}
	rec.Schema, rec.Account, rec.Mode = Schema, r.Credential.Account, rec.mode()
	return rec, nil
}

// finishPromoted closes a rotation that another run promoted and did not close. Closing is a claim too: a late call may
// have landed since, and nothing is sent here that would undo it, so the close has to ask for a recheck.
func (r *run) finishPromoted(ctx context.Context) error {
	after, found := r.afterPromoted()
	late := r.issuer(&r.rec) && onlyValues(after)
	switch {
	case found && late && r.rec.lasting(): // they are of no use; the recheck tells whether one is live
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

// staleLooks is how often a write is tried again that was refused although this run holds the newest version that the
// node knows of: a standby checks against its own copy, which may lag.
const staleLooks = 3

// save writes rec over the version that this run last saw or wrote: a mismatch is the loss of the claim, unless the node
// that refuses knows of nothing newer.
func (r *run) save(ctx context.Context, rec Record) error {
	if rec.Schema == Schema {
		rec.Schema = rec.lowest()
	}
	for looks := 0; ; looks++ {
		rec.TouchedAt = r.Clock.Now()
		version, err := r.Journals.Save(ctx, r.Credential, rec, r.rec.Version)
		if err == nil {
			rec.Version = version
			r.rec, r.confirmed, r.unsure = rec, rec.TouchedAt, false
			return nil
		}
		if !errors.Is(err, ErrStale) || looks == staleLooks {
			return err
		}
		now, loadErr := r.Journals.Load(ctx, r.Credential)
		switch {
		case loadErr != nil:
			return fmt.Errorf("read the journal after a refused write: %w", loadErr)
		case now.Version > r.rec.Version:
			return err
		}
		if slept := r.Clock.Sleep(ctx, time.Second); slept != nil {
			return fail(0, slept)
		}
	}
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
	return true, r.reclaim(ctx)
}

// claimTrust is how long a write of one's own proves the claim.
const claimTrust = 5 * time.Second

// reclaim proves the claim by a write: what is read may be an earlier version (P-stale-read).
func (r *run) reclaim(ctx context.Context) error {
	if err := r.save(ctx, r.rec.clone()); err != nil {
		return fmt.Errorf("confirm the claim: %w", err)
	}
	return nil
}
