package rotation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"keyturn/internal/secret"
)

// What differs where two targets take turns: consumers have a password that works all the while, so that a rotation can
// take its time and promotes nothing that is not certain.

// opening is the record that opens a rotation; the caller adds the first candidate. Of a pair it takes the target that
// consumers do not use (P-pair-target), and an error means that current names neither.
func (r *run) opening(ctx context.Context) (Record, error) {
	rec := r.newRecord()
	pair := r.Credential.Pair
	if pair == nil {
		if r.Credential.Overlap != nil {
			if err := r.openIdentities(ctx, &rec); err != nil {
				return rec, err
			}
		}
		rec.Target, rec.Username, rec.Login = r.Credential.Target, r.Credential.Username, r.Credential.Login()
		if r.base.Target != "" && rec.Username == "" {
			rec.Username = rec.Login // of a pair that it was, current may name the other one
		}
		return rec, nil
	}
	used := r.inUse()
	if used == nil && !r.base.Password.IsZero() {
		return rec, errWhichTarget
	}
	rec.openPair(used, pair.Other(used))
	return rec, nil
}

var errWhichTarget = errors.New("current names neither of the two targets: say which one its password is of, with " +
	"rotatectl adopt --target")

// openPair fixes the target of a pair for the whole rotation. Used may be nil.
func (r *Record) openPair(used, next *Access) {
	r.Strategy, r.Target, r.Username, r.Login, r.Fields = StrategyPair, next.Target, next.Login(), next.Login(), next.Fields
	if used != nil && used != next {
		r.BaseTarget, r.BaseLogin = used.Target, used.Login()
	}
}

// proveBase makes sure, before anything is sent, that current is as this run read it, where the journal does not vouch for
// that version: an earlier one may name the other target, and then this rotation would change what consumers use. A write
// decides (P-stale-read).
//
// Noted is the version that the journal vouched for before.
func (r *run) proveBase(ctx context.Context, noted int) error {
	if r.rec.Strategy != StrategyPair {
		return nil
	}
	err := r.fence(ctx)
	if err != nil {
		r.base.Version = noted // or the closing record would vouch for what was read
		r.closeUnused(ctx)
	}
	if errors.Is(err, ErrStale) {
		return wait(time.Second, errStaleRead)
	}
	return err
}

// putBack reports that current names the target of a pair that this rotation changes, and not by its doing: a person put
// an earlier version back. Its password is most likely dead.
func (r *run) putBack() bool {
	if r.rec.Strategy != StrategyPair || r.rec.Reason == ReasonAdopted || r.base.RotationID == r.rec.RotationID {
		return false
	}
	return r.base.Target == r.rec.Target || r.base.Target == "" && r.base.Username == r.rec.Login
}

// restTarget is how long the target of a pair has to be left alone that the last rotation changed, where consumers do not use
// it, because a person put an earlier version back: a late call of that rotation could still arrive.
func (r *run) restTarget(now time.Time) time.Duration {
	pair := r.Credential.Pair
	if pair == nil || r.rec.Target != pair.Other(r.inUse()).Target {
		return 0
	}
	if left := r.rec.RecheckAt.Sub(now); left <= r.Timing.Recheck {
		return left
	}
	return 0 // it was written by a clock that was ahead
}

// closePutBack ends a rotation whose target consumers use again (P-pair-guard): nothing is sent there any more, and another
// rotation, of the other target, follows at once. It is asked for first, so that a crash forgets nothing.
func (r *run) closePutBack(ctx context.Context) error {
	ctx, cancel := outlive(ctx)
	defer cancel()
	if err := r.Agenda.Ask(ctx, r.Credential, ReasonDrift, 0); err != nil {
		return wait(5*time.Second, fmt.Errorf("ask for another rotation: %w", err))
	}
	return r.closeForRecheck(ctx)
}

// closeForRecheck ends a rotation that promotes nothing, and of which a call may still arrive. No run of it can promote
// afterwards (P-fence).
func (r *run) closeForRecheck(ctx context.Context) error {
	if err := r.Agenda.Ask(ctx, r.Credential, ReasonRecheck, r.Timing.Recheck); err != nil {
		return wait(5*time.Second, fmt.Errorf("ask for a recheck: %w", err))
	}
	closed := r.closing()
	closed.RecheckAt = r.Clock.Now().Add(r.Timing.Recheck)
	if err := r.save(ctx, closed); err != nil {
		return fmt.Errorf("close the journal: %w", err)
	}
	if err := r.fence(ctx); err != nil && !errors.Is(err, ErrStale) {
		return err
	}
	r.askRetire(ctx, r.rec.Identities.Used)
	r.settleServed(ctx)
	return nil
}

// quiet makes sure, before a pair's rotation sends or proves anything, that no late call of an earlier run, or of a send
// in doubt, can undo it (P-pair-quiet). A Setter's single candidate needs no such wait: whichever call of it arrives last,
// it is the live one.
func (r *run) quiet(ctx context.Context) error { return r.quietFor(ctx, 0) }

// quietFor is quiet, and waits at least so long if it has to wait at all.
func (r *run) quietFor(ctx context.Context, least time.Duration) error {
	left := r.quietAt.Sub(r.Clock.Now())
	if r.rec.Strategy != StrategyPair || left <= 0 || !r.issuer(&r.rec) && len(r.rec.Candidates) == 1 {
		return nil
	}
	why := wait(max(left, least), errNotQuiet)
	if r.rec.QuietAt.Equal(r.quietAt) {
		return why
	}
	rec := r.rec.clone()
	rec.QuietAt = r.quietAt // the next run need not wait again for what this one has not sent
	if err := r.save(ctx, rec); err != nil {
		return fmt.Errorf("note when all is quiet: %w", err)
	}
	return why
}

var errNotQuiet = errors.New("a late call of an earlier run could still arrive; consumers have a password that works")

// unquiet notes that a call may arrive until a while from now.
func (r *run) unquiet() { r.quietAt = r.Clock.Now().Add(r.Timing.Recheck) }

// quietFrom is when all is quiet for a run that adopts a journal: as the run said that waited for it and sent nothing
// since. Without such a word, another run may have sent until now. A time that is farther away than any was written by a
// clock that was ahead.
func (r *run) quietFrom(noted time.Time) time.Time {
	latest := r.Clock.Now().Add(r.Timing.Recheck)
	if noted.IsZero() || noted.After(latest) {
		return latest
	}
	return noted
}

// obtainAdopted finds out whether a password that a person brought may be promoted. It is never sent: the target may be
// the one that consumers use (P-adopt).
func (r *run) obtainAdopted(ctx context.Context) (Verified, error) {
	if r.Verifier == nil {
		return VerifiedOff, nil
	}
	switch verdict, err := r.ask(ctx, r.rec.Last().Value); {
	case err != nil:
		return "", err
	case verdict == Works:
		return VerifiedYes, nil
	case verdict != Refused && r.Clock.Now().Sub(r.rec.OpenedAt) <= giveUpAfter:
		return "", r.waitForVerifier(ctx)
	}
	if err := r.closeForRecheck(ctx); err != nil {
		return "", err
	}
	return "", unresolved(ErrNotLive)
}

// waitForVerifier waits, with the journal open, for a verifier that cannot be asked about what a person brought. A person is
// told after an hour; after a day it is given up.
func (r *run) waitForVerifier(ctx context.Context) error {
	since := r.Clock.Now().Sub(r.rec.OpenedAt)
	if tells(since) {
		r.notice(ctx, NoticeVerifierAway, "a password was adopted, and cannot be checked: "+r.notAsked().Error())
	}
	return wait(parkFor(since), r.notAsked())
}

// recoverLasting makes sure that consumers have a password that works: the one that they have, or else a new one of the other
// target. What an open rotation has set on its own target is of no use to them; it is asked about no further.
func (r *run) recoverLasting(ctx context.Context) error {
	if r.rec.State == Quarantined && r.rec.Target == "" {
		return r.standQuarantined(ctx) // a person has to say which target the password is of
	}
	works, err := r.consumersServed(ctx)
	switch {
	case err != nil:
		return err
	case works && r.rec.State == Closed:
		r.settleServed(ctx)
		return nil
	case works:
		return r.closeForRecheck(ctx)
	}
	r.unquiet() // whatever the journal holds may have been sent until now
	if r.rec.State == Closed {
		r.quietAt = time.Time{}
	}
	if err := r.takeOver(ctx, secret.Value{}); err != nil {
		return err
	}
	verified, err := r.obtain(ctx)
	if err != nil {
		return err
	}
	return r.complete(ctx, verified)
}

// consumersServed asks whether what current holds works; false where there is nothing to ask, or about.
func (r *run) consumersServed(ctx context.Context) (bool, error) {
	if r.Verifier == nil || r.base.Password.IsZero() || r.Credential.Overlap != nil && r.base.Username == "" {
		return false, nil
	}
	login, target := r.loginNow()
	switch verdict, err := r.askAs(ctx, login, target, r.base.Password); {
	case err != nil:
		return false, err
	case verdict == Unknown || verdict == Unbelieved:
		return false, fail(0, r.notAsked())
	default:
		return verdict == Works, nil
	}
}
