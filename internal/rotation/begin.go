package rotation

import (
	"context"
	"fmt"
	"time"
)

// begin finds out what stands and takes the claim: it opens a journal or adopts the open one. It reports true where
// nothing is left to do. The journal is read before current, and opening uses the version read here, so that a
// rotation that completes in between is noticed.
func (r *run) begin(ctx context.Context) (served bool, err error) {
	if r.rec, err = r.Journals.Load(ctx, r.Credential); err != nil {
		return false, fmt.Errorf("read the journal: %w", err)
	}
	place := r.Credential.Place
	if r.rec.State == Open {
		place = r.rec.Place
	}
	if r.base, err = r.Secrets.Read(ctx, place); err != nil {
		return false, fmt.Errorf("read current: %w", err)
	}
	switch r.rec.State {
	case Quarantined:
		return false, r.standQuarantined(ctx)
	case Open:
		return false, r.adopt(ctx)
	case Closed:
		if !r.job.Slot.After(r.base.Slot) {
			r.settleServed(ctx)
			return true, nil
		}
		return false, r.open(ctx)
	default:
		return false, fail(0, fmt.Errorf("journal: unknown state %d", r.rec.State))
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

// adopt resumes an open rotation, whoever opened it and for whatever slot. The claim is a write before anything else:
// from here on the next write of whoever held it fails.
func (r *run) adopt(ctx context.Context) error {
	if r.base.RotationID != "" && r.base.RotationID == r.rec.RotationID {
		after, found := r.afterPromoted()
		switch late := r.Client.Issuer != nil && onlyValues(after); {
		case !found || len(after) > 0 && !late:
			return r.quarantine(ctx, "current carries this rotation's id with another password than its last candidate: "+
				"two runs promoted; find the one that logs in")
		case late:
			return r.handOver(ctx, after)
		}
		// A crash fell between promote and close. Closing is a claim too: a late call may have landed since, and
		// nothing is sent here that would undo it, so the close has to ask for a recheck.
		r.promoted = true
		r.rec.Attempt++
		if err := r.finish(ctx, r.base.Verified); err != nil {
			return err
		}
		return errAgain
	}
	rec := r.rec.clone()
	rec.Attempt++
	rec.Owner = r.Owner
	if err := r.save(ctx, rec); err != nil {
		return fmt.Errorf("adopt the journal: %w", err)
	}
	if last := r.rec.Last(); last != nil && last.State == Accepted {
		r.accepted = last.At
	}
	return nil
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

// opening is the record that opens a rotation; the caller adds the first candidate.
func (r *run) opening() Record {
	rec := Record{
		Schema: Schema, State: Open, RotationID: r.NewID(), Slot: r.job.Slot, Reason: r.job.Reason, Attempt: 1,
		Owner: r.Owner, OpenedAt: r.Clock.Now(), BaseVersion: r.base.Version, Version: r.rec.Version,
	}
	rec.configure(r.Credential)
	if r.Credential.Policy != nil {
		rec.Policy = r.Credential.Policy.Fingerprint()
	}
	return rec
}

// nextCandidate makes what is appended before a call: a password for a Setter, an intent for an Issuer.
func (r *run) nextCandidate(rec Record) (Candidate, error) {
	c := Candidate{Number: rec.nextNumber(), State: Staged, At: r.Clock.Now()}
	if r.Client.Issuer != nil {
		c.State = Intent
		return c, nil
	}
	value, err := r.Generate(r.Credential.Policy, rec.Username, rec.Target)
	if err != nil {
		return c, fail(0, fmt.Errorf("generate a password: %w", err))
	}
	c.Value = value
	return c, nil
}

// appendCandidate adds the next candidate to the journal. Candidates are never replaced or removed: an earlier one
// may be the live one, whatever the provider answered to a later send.
func (r *run) appendCandidate(ctx context.Context) error {
	rec := r.rec.clone()
	if len(rec.Candidates) >= maxCandidates {
		return r.quarantine(ctx, fmt.Sprintf("%d candidates were tried and none could be promoted", len(rec.Candidates)))
	}
	c, err := r.nextCandidate(rec)
	if err != nil {
		return err
	}
	rec.Candidates = append(rec.Candidates, c)
	if err := r.save(ctx, rec); err != nil {
		return fmt.Errorf("append a candidate: %w", err)
	}
	r.fresh = true
	return nil
}

// maxCandidates bounds the journal against a provider that never stops refusing.
const maxCandidates = 24

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

// hold keeps duplicates of this job waiting.
func (r *run) hold(ctx context.Context, force bool) error {
	if err := r.Agenda.Hold(ctx, r.Credential, r.Timing.Resume, force); err != nil {
		return err
	}
	r.heldAt = r.Clock.Now()
	return nil
}

// keepHold renews the hold of a run that takes long, so that nobody resumes what is not dead.
func (r *run) keepHold(ctx context.Context) {
	if !r.heldAt.IsZero() && r.Clock.Now().Sub(r.heldAt) > r.Timing.Resume/3 {
		r.after(ctx, "renew the hold", func(ctx context.Context) error { return r.hold(ctx, true) })
	}
}

// park gives the hold back and leaves an open journal alone until this job returns.
func (r *run) park(ctx context.Context, d time.Duration) {
	if r.heldAt.IsZero() {
		return
	}
	r.heldAt = time.Time{}
	d = max(d, r.Timing.Resume)
	if r.rec.State == Closed {
		d = 0
	}
	r.after(ctx, "park", func(ctx context.Context) error { return r.Agenda.Park(ctx, r.Credential, d) })
}

// settle notes the end of a rotation; the hold goes with it.
func (r *run) settle(ctx context.Context, end Ending) {
	r.heldAt = time.Time{}
	r.after(ctx, "settle", func(ctx context.Context) error { return r.Agenda.Settle(ctx, r.Credential, end) })
}
