package rotation

import (
	"context"
	"fmt"
	"time"
)

// promote makes the last candidate what consumers read. The write carries the version of current that this run read
// or fenced at its start; on a mismatch or a lost reply, current decides: our id and our password there mean success.
//
// A crash before the write: the journal is open, the next run sends the same candidate again. After it: current
// carries the journal's id and last candidate, the next run closes.
func (r *run) promote(ctx context.Context, verified Verified) error {
	if err := r.checkBase(ctx); err != nil {
		return err
	}
	if _, err := r.confirm(ctx); err != nil {
		return err
	}
	ctx, cancel := outlive(ctx)
	defer cancel()
	for rounds, delay := 1, 50*time.Millisecond; ; rounds, delay = rounds+1, longer(delay, time.Second) {
		err := r.Secrets.Write(ctx, r.rec.Place, r.entry(verified))
		if err == nil {
			r.promotedNow()
			r.base.Version++
			return nil
		}
		if rounds == maxWrites {
			return wait(5*time.Second, fmt.Errorf("promote: %w", err))
		}
		if slept := r.Clock.Sleep(ctx, delay); slept != nil {
			return fmt.Errorf("promote: %w", err)
		}
		if done, err := r.readBack(ctx); done || err != nil {
			return err
		}
	}
}

// maxWrites is how often one run writes current: for as long as its context outlives the run's, about 10 s.
const maxWrites = 12

// readBack finds out, after a write of current that did not plainly succeed, whether it happened, and if not, whether
// it may be tried again over what stands there now.
func (r *run) readBack(ctx context.Context) (done bool, err error) {
	now, err := r.readCurrent(ctx, r.rec.Place)
	if err != nil {
		return false, fmt.Errorf("read current back: %w", err)
	}
	if now.Version < r.base.Version {
		_, err := r.confirm(ctx)
		return false, err // a stale read tells nothing
	}
	r.base = now
	if now.RotationID == r.rec.RotationID {
		if !now.Password.Equal(r.rec.Last().Value) {
			return false, r.quarantine(ctx, "another run of this rotation promoted another candidate: find the one that logs in")
		}
		r.promotedNow()
		return true, nil
	}
	if err := r.checkBase(ctx); err != nil {
		return false, err
	}
	// The order matters: current first, then the journal, right before the next write. A run that replaced us fences
	// current after its claim, and then the version of current that we hold is stale and that write fails.
	return false, r.reclaim(ctx)
}

// checkBase makes sure that promoting destroys nothing that another writer put there: current still holds the old
// password (or already ours), whatever happened to the user's other fields.
func (r *run) checkBase(ctx context.Context) error {
	if r.base.Password.Equal(r.rec.BasePassword) || r.base.Password.Equal(r.rec.Last().Value) {
		return nil
	}
	if r.putBack() {
		return nil // a password of the target that was changed: it is dead
	}
	if gone, err := r.foreignIdentityGone(ctx); gone || err != nil {
		return err
	}
	return r.quarantine(ctx, "current's password was not written by keyturn: it was changed in Vault while this rotation was open")
}

func (r *run) entry(verified Verified) Entry {
	last := r.rec.Last()
	e := r.base
	e.Password = last.Value
	if r.rec.Username != "" {
		e.Username = r.rec.Username
	}
	e.Target, e.ID, e.Fields = "", last.ID, r.rec.Fields
	if r.rec.Strategy == StrategyPair {
		e.Target = r.rec.Target
	}
	e.RotationID = r.rec.RotationID
	e.Candidate = last.Number
	e.RotatedAt = r.Clock.Now()
	e.Slot = r.rec.Slot
	if e.Slot.After(e.RotatedAt) {
		e.Slot = e.RotatedAt // a clock was ahead: it would make every later wish look served
	}
	e.JournalVersion = r.rec.Version
	e.Verified = verified
	return e
}

func (r *run) promotedNow() {
	r.promoted = true
	now := r.Clock.Now()
	if !r.accepted.IsZero() && !r.rec.lasting() { // else what consumers have works meanwhile
		r.Observer.Exposed(r.Credential, now.Sub(r.accepted))
	}
}
