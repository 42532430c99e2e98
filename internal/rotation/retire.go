package rotation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// ReasonRetire is a job that takes away identities which are of no use any more.
const ReasonRetire Reason = "retire"

// maxRetired is how many identities one run takes away: the next one goes on.
const maxRetired = 5

// listed asks the provider which identities the open rotation's overlap has, or the credential's where none is open. That
// changes nothing, and needs no claim.
func (r *run) listed(ctx context.Context, i *Identities) (ids []string, err error) {
	err = r.outside(ctx, "list", func(ctx context.Context) (err error) {
		ids, err = r.Client.Minter.Identities(ctx, i.Target, i.Owner, r.turn)
		return err
	})
	var refused *Error
	if errors.As(err, &refused) {
		r.closeUnused(ctx)
		err = r.endSend(ctx, stepReturn, refused)
	}
	return ids, err
}

// retire takes one identity away, and reports whether that is certain. It needs no claim, because what is to be retired
// never comes back into use.
func (r *run) retire(ctx context.Context, target, id string) (gone bool) {
	return r.turned(ctx, "retire", Retiring{ID: id, Target: target}, r.Client.Minter.Retire)
}

// outside makes calls to the provider that change no password.
func (r *run) outside(ctx context.Context, op string, call func(context.Context) error) error {
	start := r.Clock.Now()
	err := call(ctx)
	r.Observer.Called(r.Credential, op, err, r.Clock.Now().Sub(start))
	return err
}

// turn returns when the next call may be made.
func (r *run) turn(ctx context.Context) error {
	if err := r.reserve(ctx); err != nil {
		return err
	}
	r.keepHold(ctx)
	if err := r.await(ctx); err != nil {
		return err
	}
	r.calls.used++
	return nil
}

// due lists those to be retired now, at most a few: only where they were made, because another account or target does not
// have them. With Force no grace is waited for, and none where consumers use one again that was disabled, or was to be.
func (r *run) due() (all []Retiring) {
	now := r.Clock.Now()
	for _, w := range r.rec.Identities.Retire {
		ripe := r.job.Force || !w.NotBefore.After(now) || w.ID == r.base.ID && (w.mayBeOff() || r.manages())
		if w.Account == r.Credential.Account && ripe && len(all) < maxRetired {
			all = append(all, w)
		}
	}
	return all
}

// retireDue takes away what has waited long enough, but never what current names, and nothing while current has a password
// that names no identity: it may be of any. What it took away leaves the record with its next write.
func (r *run) retireDue(ctx context.Context) error {
	all := r.due()
	if len(all) == 0 || r.Client.Minter == nil {
		return nil
	}
	place := r.Credential.Place
	if r.rec.State != Closed {
		place = r.rec.Place
	}
	// A person may have written current since this run read it.
	now, err := r.readCurrent(ctx, place)
	if err != nil {
		return fmt.Errorf("read current: %w", err)
	}
	if now.RotationID == "" && now.ID == "" && !now.Password.IsZero() {
		return nil
	}
	for _, w := range all {
		if ok, err := r.takeAway(ctx, w, now, place); !ok || err != nil {
			return err
		}
	}
	return nil
}

// tend looks after the identities of a credential of which no rotation is open: it notes those that are unknown, takes
// away what has waited long enough, and asks to be called again. The journal's check-and-set sees to it that a rotation which
// was opened meanwhile loses nothing: what was listed is retired only if it was written down first (P-overlap-listed).
func (r *run) tend(ctx context.Context, list bool) error {
	if r.rec.State != Closed {
		return nil
	}
	before := slices.Clone(r.rec.Identities.Retire)
	if list && r.Client.Minter != nil && r.rec.Identities.began(r.Credential) {
		ids, err := r.listed(ctx, &r.rec.Identities)
		if err != nil {
			return err
		}
		rec := r.rec.clone()
		later := r.Clock.Now().Add(max(rec.Identities.Grace, r.Timing.Recheck))
		for _, id := range ids {
			if !rec.knows(id) && id != r.base.ID {
				rec.Identities.add(id, later)
			}
		}
		if len(rec.Identities.Retire) > len(r.rec.Identities.Retire) {
			if err := r.note(ctx, rec); err != nil {
				return err
			}
		}
	}
	waiting := len(r.rec.Identities.Retire)
	if err := r.retireDue(ctx); err != nil {
		return err
	}
	if len(r.rec.Identities.Retire) < waiting {
		if err := r.note(ctx, r.rec.clone()); err != nil {
			return err
		}
	}
	return r.tended(ctx, !slices.Equal(r.rec.Identities.Retire, before))
}

// tended ends with what is left to retire.
func (r *run) tended(ctx context.Context, changed bool) error {
	if w, off := r.usedIsOff(); off {
		return r.comeBackToOff(ctx, w)
	}
	next, waiting := r.rec.Identities.next(r.base.ID)
	late := r.Clock.Now().Sub(next.NotBefore)
	switch {
	case !waiting:
		return nil
	case r.skewed != nil:
		return waitForOther(r.skewed)
	case r.stillUsed:
		if tells(late) {
			r.notice(ctx, NoticeNotRetired, errStillUsed.Error())
		}
		return wait(min(parkFor(late), max(late, usedPause)), errStillUsed)
	case r.job.Force:
		return unresolved(ErrNotRetired)
	case late >= 0:
		if tells(late) {
			r.notice(ctx, NoticeNotRetired, ErrNotRetired.Error())
		}
		return wait(parkFor(late), ErrNotRetired)
	case changed || r.job.Reason == ReasonRetire:
		r.askRetire(ctx, r.base.ID)
	}
	return nil
}

// note writes a closed record that differs in its identities only.
func (r *run) note(ctx context.Context, rec Record) error {
	ctx, cancel := outlive(ctx)
	defer cancel()
	rec.Schema = Schema
	if err := r.save(ctx, rec); err != nil {
		return fmt.Errorf("note what is to be retired: %w", err)
	}
	return nil
}

// askRetire has the identities that wait retired when their time has come, but for the one that is used. The next periodic
// check makes up for a request that was lost.
func (r *run) askRetire(ctx context.Context, used string) {
	next, waiting := r.rec.Identities.next(used)
	if !waiting || r.rec.State != Closed {
		return
	}
	left := min(next.NotBefore.Sub(r.Clock.Now()), max(r.rec.Identities.Grace, r.Timing.Recheck))
	r.after(ctx, "have what waits retired", func(ctx context.Context) error {
		return r.Agenda.Ask(ctx, r.Credential, ReasonRetire, max(left, time.Duration(0)))
	})
}

// ErrNotRetired is an identity that is still there although it is due, or a person wants it gone.
var ErrNotRetired = errors.New("an identity that is of no use any more could not be retired")
