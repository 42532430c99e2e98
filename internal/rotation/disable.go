package rotation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Where a provider can disable an identity, it is taken away in two steps (P-overlap-phases): disabled, and after a while
// deleted, unless that was missed. A program that still used it, or a person who put it back, loses minutes then, and not
// the identity.

// usedPause is how soon to look again whether processes have taken up the next management key: they read it within seconds.
const usedPause = 5 * time.Second

var (
	errStillUsed = errors.New("a process still calls with the management key that is to be disabled")
	errUsedIsOff = errors.New("the identity that consumers use again is disabled, and could not be enabled")
)

// takeAway does the next step of a retirement, where there is one to do now. ok is false if that failed.
func (r *run) takeAway(ctx context.Context, w Retiring, current Entry, place Place) (ok bool, err error) {
	switch {
	case w.ID == current.ID:
		return true, r.enableUsed(ctx, w)
	case w.Phase == Disabled && r.manages():
		return r.takeMissed(ctx, w)
	}
	// A management key that counts as never used may be one that a person has had processes call with.
	if free, err := r.isFree(ctx, w.ID); !free || err != nil {
		return err == nil, err
	}
	if r.Client.Disabler == nil || r.job.Force || w.Phase == Unused || w.Phase == Disabled {
		return r.takenAway(ctx, w), nil
	}
	return r.disable(ctx, w, current, place)
}

// takenAway takes an identity away, and reports whether that is certain. It leaves the record with its next write.
func (r *run) takenAway(ctx context.Context, w Retiring) bool {
	if !r.retire(ctx, w.Target, w.ID) {
		return false
	}
	r.rec.Identities.drop(w.ID)
	return true
}

func (r *run) manages() bool {
	return r.Credential.Overlap != nil && r.Credential.Overlap.Manages && r.Keys != nil
}

// isFree reports whether no process calls with an identity as a management key. From then on none begins to.
func (r *run) isFree(ctx context.Context, id string) (bool, error) {
	if !r.manages() {
		return true, nil
	}
	used, err := r.Keys.Leave(ctx, r.Credential, id)
	if err != nil {
		return false, fmt.Errorf("ask which management keys are used: %w", err)
	}
	r.stillUsed = r.stillUsed || used
	return !used, nil
}

// disable has an identity refused that is not the last (P-overlap-phases). That it may be disabled is noted before, and that it
// is, after.
func (r *run) disable(ctx context.Context, w Retiring, current Entry, place Place) (ok bool, err error) {
	ids, err := r.listed(ctx, &r.rec.Identities)
	if err != nil {
		return false, err
	}
	if !r.remains(ids, w.ID, current.ID) {
		return true, nil
	}
	if w.Phase == Waits {
		if err := r.enter(ctx, w, Disabling, w.NotBefore); err != nil {
			return false, err
		}
	}
	if !r.turned(ctx, "disable", w, r.Client.Disabler.Disable) {
		return false, nil
	}
	// A person may have put it back meanwhile.
	now, err := r.readCurrent(ctx, place)
	if err != nil {
		return false, fmt.Errorf("read current: %w", err)
	}
	if now.ID == w.ID {
		w.Phase = Disabling
		return true, r.enableUsed(ctx, w)
	}
	return true, r.enter(ctx, w, Disabled, r.Clock.Now().Add(r.Timing.Recheck))
}

// remains reports whether another identity is left that is accepted: of management keys the one that processes use by now,
// which the list leaves out where it was called with it.
func (r *run) remains(ids []string, id, used string) bool {
	if r.Client.Disabler.Own(used) || slices.Contains(ids, used) {
		return true
	}
	return !r.manages() && slices.ContainsFunc(ids, func(other string) bool {
		return other != id && !slices.ContainsFunc(r.rec.Identities.Retire, func(w Retiring) bool { return w.ID == other && w.mayBeOff() })
	})
}

// takeMissed takes away a management key that was disabled, or enables it again if a process missed it.
func (r *run) takeMissed(ctx context.Context, w Retiring) (ok bool, err error) {
	missed, err := r.Keys.Missed(ctx, r.Credential, w.ID)
	switch {
	case err != nil:
		return false, fmt.Errorf("ask whether a management key was missed: %w", err)
	case !missed:
		return r.takenAway(ctx, w), nil
	case !r.turned(ctx, "enable", w, r.Client.Disabler.Enable):
		return false, nil
	}
	r.notice(ctx, NoticeMissed, "a process still called with the management key that was disabled: it is enabled again, and waits for another grace")
	if err := r.stay(ctx, w); err != nil {
		return false, err
	}
	return true, r.enter(ctx, w, Waits, r.Clock.Now().Add(max(r.rec.Identities.Grace, r.Timing.Recheck)))
}

// enableUsed has what consumers use again accepted again. A management key that was only announced to leave stays, so that
// processes take it up.
func (r *run) enableUsed(ctx context.Context, w Retiring) error {
	if w.mayBeOff() && !r.enabled(ctx, w) {
		return nil // tended comes back
	}
	if err := r.stay(ctx, w); err != nil || !w.mayBeOff() {
		return err
	}
	return r.enter(ctx, w, Waits, r.Clock.Now().Add(max(r.rec.Identities.Grace, r.Timing.Recheck)))
}

// enabled enables an identity where that is possible, and reports whether it is certain.
func (r *run) enabled(ctx context.Context, w Retiring) bool {
	return r.Client.Disabler != nil && r.accept(ctx, w) == nil
}

// accept enables an identity. One that is gone delays nothing: the next rotation gives consumers another.
func (r *run) accept(ctx context.Context, w Retiring) error {
	err := r.switched(ctx, "enable", w, r.Client.Disabler.Enable)
	if refused := (*Error)(nil); errors.As(err, &refused) && refused.Kind == Target {
		return nil
	}
	return err
}

// stay has processes call with a management key again.
func (r *run) stay(ctx context.Context, w Retiring) error {
	if !r.manages() {
		return nil
	}
	if err := r.Keys.Stay(ctx, r.Credential, w.ID); err != nil {
		return fmt.Errorf("say that a management key stays: %w", err)
	}
	return nil
}

// usedIsOff reports whether consumers use an identity that may be disabled, and that can be enabled here.
func (r *run) usedIsOff() (w Retiring, off bool) {
	for _, w := range r.rec.Identities.Retire {
		if w.ID == r.base.ID && w.mayBeOff() && w.Account == r.Credential.Account && r.Client.Disabler != nil {
			return w, true
		}
	}
	return Retiring{}, false
}

// comeBackToOff has an identity enabled soon that consumers use, also where this is a check, which does not come back by itself.
func (r *run) comeBackToOff(ctx context.Context, w Retiring) error {
	late := r.Clock.Now().Sub(w.NotBefore)
	left := min(parkFor(late), max(late, usedPause))
	if r.job.Reason != ReasonRetire {
		r.after(ctx, "have what consumers use enabled", func(ctx context.Context) error {
			return r.Agenda.Ask(ctx, r.Credential, ReasonRetire, left)
		})
	}
	return wait(left, errUsedIsOff)
}

// revive is enableUsed for a rotation that is about to be opened, whose record would not tell any more that what consumers use
// is disabled, or is about to be.
func (r *run) revive(ctx context.Context, i *Identities) error {
	i.Retire = slices.Clone(i.Retire)
	for n, w := range i.Retire {
		if w.ID != r.base.ID {
			continue
		}
		if w.mayBeOff() && r.Client.Disabler != nil {
			if err := r.accept(ctx, w); err != nil {
				return wait(usedPause, fmt.Errorf("enable the identity that consumers use again: %w", err))
			}
		}
		if err := r.stay(ctx, w); err != nil {
			return wait(usedPause, err)
		}
		if r.Client.Disabler != nil {
			i.Retire[n].Phase = Waits
		}
	}
	return nil
}

// turned disables or enables an identity, and reports whether that is certain.
func (r *run) turned(ctx context.Context, op string, w Retiring, call func(ctx context.Context, target, id string) error) bool {
	return r.switched(ctx, op, w, call) == nil
}

// switched is turned, and says why not.
func (r *run) switched(ctx context.Context, op string, w Retiring, call func(ctx context.Context, target, id string) error) error {
	if err := r.turn(ctx); err != nil {
		return err
	}
	err := r.outside(ctx, op, func(ctx context.Context) error {
		limited, cancel := context.WithTimeout(ctx, r.Timing.Call)
		defer cancel()
		return call(limited, w.Target, w.ID)
	})
	if refused := (*Error)(nil); errors.As(err, &refused) {
		r.tellNeighbours(ctx, refused)
		if refused.Kind == ClockSkew {
			r.skewed = refused
		}
	}
	return err
}

// enter notes how far a retirement has come, and when the next step may be done.
func (r *run) enter(ctx context.Context, w Retiring, phase Phase, notBefore time.Time) error {
	rec := r.rec.clone()
	for n := range rec.Identities.Retire {
		if one := &rec.Identities.Retire[n]; one.ID == w.ID {
			one.Phase, one.NotBefore = phase, notBefore
		}
	}
	return r.note(ctx, rec)
}
