package rotation

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// finish closes the journal of a promoted rotation. The run that closes it also moves the due time and emits the event.
//
// A crash before the close: current carries the journal's id and last candidate, the next run comes straight here. So it is
// where the recheck cannot be asked for.
// After it: the due time moves when the slot's job runs again and finds itself served.
func (r *run) finish(ctx context.Context, verified Verified) error {
	ctx, cancel := outlive(ctx)
	defer cancel()
	closed := r.closing()
	closed.Slot = r.rec.Slot
	now := r.Clock.Now()
	if closed.RecheckAt.Before(now) {
		closed.RecheckAt = time.Time{} // no late call of the rotation before can arrive any more
	}
	if r.rec.Attempt > 1 || r.rec.Doubted {
		// A late call of an earlier send may still arrive and overwrite what was promoted.
		closed.RecheckAt = now.Add(r.Timing.Recheck)
		// Redis may answer a moment later and have lost nothing, and then nothing else would ask for it.
		if err := r.Agenda.Ask(ctx, r.Credential, ReasonRecheck, r.Timing.Recheck); err != nil {
			return wait(5*time.Second, fmt.Errorf("ask for a recheck: %w", err))
		}
	}
	done := r.rec
	if err := r.save(ctx, closed); err != nil {
		return fmt.Errorf("close the journal: %w", err)
	}
	r.askRetire(ctx, closed.Identities.Used)
	r.settle(ctx, Ending{
		State: Closed, Promoted: true, RotationID: done.RotationID, Slot: done.Slot, Reason: done.Reason,
		// From before the close: whatever rotates after it is later, however long this run stands still here.
		RotatedAt: now, Version: r.base.Version, Attempt: done.Attempt, Verified: verified, RecheckAt: closed.RecheckAt,
		RequestedBy: done.RequestedBy,
	})
	r.Log.LogAttrs(ctx, slog.LevelInfo, "rotated", slog.String("credential", r.Credential.ID), slog.String("rotation_id", done.RotationID),
		slog.String("reason", string(done.Reason)), slog.Int("attempt", done.Attempt), slog.String("verified", string(verified)),
		slog.String("requested_by", done.RequestedBy))
	if verified == VerifiedNo {
		r.notice(ctx, NoticeUnverified, "consumers read a password that was not seen to work; the next check tells")
	}
	if p := r.Credential.Policy; p != nil && done.Policy != p.Fingerprint() {
		r.after(ctx, "ask for a rotation under the new policy", func(ctx context.Context) error {
			return r.Agenda.Ask(ctx, r.Credential, ReasonPolicy, r.leastInterval())
		})
	}
	return nil
}

// closing is the record that closes this rotation: no values, never a deletion. Deleting has no check-and-set, and a
// late one would erase the next rotation's journal.
func (r *run) closing() Record {
	closed := Record{
		Schema: Schema, State: Closed, RotationID: r.rec.RotationID, Reason: r.rec.Reason, Attempt: r.rec.Attempt,
		Owner: r.Owner, RequestedBy: r.rec.RequestedBy, OpenedAt: r.rec.OpenedAt, Version: r.rec.Version,
		Account: r.rec.Account, Mode: r.rec.Mode, Target: r.rec.Target, Place: r.rec.Place, CurrentVersion: r.base.Version,
		LastError: r.rec.LastError, LostGenerations: r.rec.LostGenerations, Repairs: r.rec.Repairs, RecheckAt: r.rec.RecheckAt,
	}
	if !r.promoted {
		closed.BaseTarget = r.rec.BaseTarget // what consumers use still
	}
	closed.closeIdentities(&r.rec, r.used(), r.Clock.Now())
	return closed
}

// giveUp closes a journal whose one candidate provably never landed. The slot stays unserved.
func (r *run) giveUp(ctx context.Context) error {
	if err := r.save(ctx, r.closing()); err != nil {
		return err
	}
	r.askRetire(ctx, r.rec.Identities.Used)
	r.settleServed(ctx) // as before this run: for an older slot than the job's
	return nil
}

// quarantine stops the rotation until a person looks. All candidates stay in the journal.
func (r *run) quarantine(ctx context.Context, why string) error {
	return r.quarantineAs(ctx, r.rec.clone(), why)
}

// quarantineAs is quarantine with another record than the one that stands.
func (r *run) quarantineAs(ctx context.Context, rec Record, why string) error {
	ctx, cancel := outlive(ctx)
	defer cancel()
	rec.State, rec.Why, rec.Since = Quarantined, why, r.Clock.Now()
	if err := r.save(ctx, rec); err != nil {
		return fmt.Errorf("quarantine: %w", err)
	}
	r.Log.LogAttrs(ctx, slog.LevelError, "quarantined", slog.String("credential", r.Credential.ID),
		slog.String("rotation_id", rec.RotationID), slog.String("why", why), slog.String("requested_by", rec.RequestedBy))
	r.settleQuarantine(ctx, false)
	return &stop{Result{Status: Ended, Err: fmt.Errorf("quarantined: %s", why)}}
}

func (r *run) settleQuarantine(ctx context.Context, found bool) {
	r.settle(ctx, Ending{
		State: Quarantined, RotationID: r.rec.RotationID, Slot: r.rec.Slot, Reason: r.rec.Reason,
		RotatedAt: r.base.RotatedAt, Version: r.base.Version, Verified: r.base.Verified, Attempt: r.rec.Attempt, Why: r.rec.Why,
		RequestedBy: r.rec.RequestedBy, Found: found,
	})
}
