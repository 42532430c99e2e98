package rotation

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Identities is what is known of the identities of an overlap. Every record carries it on, also those of rotations by another
// strategy, because what waits to be retired is still valid.
type Identities struct {
	// Account, Target and Owner are where and under which label the last overlap made them. What it found there and did not
	// know was noted as Kept when it began.
	Account, Target, Owner string

	Grace time.Duration // how long one stays that consumers do not use any more
	// Used is the one that consumers use: of an open record, the one whose password is the base's; "" if there is none.
	Used string
	// UsedAccount and UsedTarget are where that one was made.
	UsedAccount, UsedTarget string

	Retire []Retiring // those that are of no use any more
	Kept   []string   // those that were there before keyturn: never retired
}

// Retiring is an identity that waits to be retired, where it was made.
type Retiring struct {
	ID              string
	Account, Target string
	Phase           Phase
	NotBefore       time.Time // when the next step may be done
}

// Phase is how far a retirement has come.
type Phase int

// The phases. Where a provider cannot disable an identity, there is but one.
const (
	Waits     Phase = iota // nothing was done
	Disabling              // it may be disabled
	Disabled               // it is, and is taken away if that was missed by no one
	Unused                 // consumers never had it: it is taken away at once
)

// mayBeOff reports whether an identity may be disabled.
func (w *Retiring) mayBeOff() bool { return w.Phase == Disabling || w.Phase == Disabled }

// add has an identity retired that consumers never had, but not before at. Where it waits already, it waits no longer than before.
func (i *Identities) add(id string, at time.Time) {
	if id == "" || i.waits(id) {
		return
	}
	i.Retire = append(i.Retire, Retiring{ID: id, Account: i.Account, Target: i.Target, Phase: Unused, NotBefore: at})
}

// use notes which one consumers use now. The one before waits to be retired where it was made, but not before at; one that
// waited does not any more, because a person put it back; one that may be disabled is to be enabled first.
func (i *Identities) use(id string, at time.Time) {
	if id == i.Used {
		i.keep(id)
		return
	}
	before := Retiring{ID: i.Used, Account: i.UsedAccount, Target: i.UsedTarget, NotBefore: at}
	if before.ID != "" && !i.waits(before.ID) {
		i.Retire = append(i.Retire, before)
	}
	i.Used, i.UsedAccount, i.UsedTarget = id, i.Account, i.Target
	for _, w := range i.Retire {
		if w.ID == id {
			i.UsedAccount, i.UsedTarget = w.Account, w.Target
		}
	}
	i.keep(id)
}

// keep has an identity stay that is used, unless it may be disabled: that has to be known until it is enabled.
func (i *Identities) keep(id string) {
	i.Retire = slices.DeleteFunc(slices.Clone(i.Retire), func(w Retiring) bool { return w.ID == id && !w.mayBeOff() })
}

// waits reports whether an identity is to be retired.
func (i *Identities) waits(id string) bool {
	return slices.ContainsFunc(i.Retire, func(w Retiring) bool { return w.ID == id })
}

// drop forgets an identity that is gone, or that is used after all.
func (i *Identities) drop(id string) {
	i.Retire = slices.DeleteFunc(slices.Clone(i.Retire), func(w Retiring) bool { return w.ID == id })
}

// clamp brings those instants nearer that are farther away than any is noted today: a clock was ahead, or the grace was
// longer. None is due at once for that.
func (i *Identities) clamp(now time.Time, least time.Duration) {
	latest := now.Add(max(i.Grace, least))
	i.Retire = slices.Clone(i.Retire)
	for n := range i.Retire {
		if w := &i.Retire[n]; w.NotBefore.After(latest) {
			w.NotBefore = latest
		}
	}
}

// First is when the first of those that wait is to be retired; zero if none waits.
func (i *Identities) First() time.Time {
	first, _ := i.next("")
	return first.NotBefore
}

// next is the one that is due next, apart from the one that consumers use again because a person put it back; false if
// there is none.
func (i *Identities) next(used string) (first Retiring, ok bool) {
	for _, w := range i.Retire {
		if w.ID != used && (!ok || w.NotBefore.Before(first.NotBefore)) {
			first, ok = w, true
		}
	}
	return first, ok
}

// knows reports whether a record has a place for an identity: whatever else carries the credential's label is an orphan.
func (r *Record) knows(id string) bool {
	return id == r.Identities.Used || r.Identities.waits(id) || slices.Contains(r.Identities.Kept, id) ||
		slices.ContainsFunc(r.Candidates, func(c Candidate) bool { return c.ID == id })
}

// began reports whether an overlap has begun with this label at this target: only then is what it does not know an orphan.
func (i *Identities) began(c *Credential) bool {
	return c.Overlap != nil && i.Grace != 0 && i.Account == c.Account && i.Target == c.Target && i.Owner == c.Overlap.Owner
}

// openOverlap notes, in the record that opens a rotation, what the last one left, and what consumers use: an identity that
// current does not name is still the last one's, where a person has written it without.
func (r *Record) openOverlap(c *Credential, used string, least time.Duration) {
	r.Strategy = StrategyOverlap
	i := &r.Identities
	if used == "" {
		used = i.Used
	}
	i.use(used, r.OpenedAt.Add(max(i.Grace, c.Overlap.Grace)))
	i.Account, i.Target, i.Owner, i.Grace = c.Account, c.Target, c.Overlap.Owner, c.Overlap.Grace
	if c.Overlap.Manages && i.UsedAccount == "" {
		i.UsedAccount, i.UsedTarget = c.Account, c.Target // a key that a person put there, of this target
	}
	i.clamp(r.OpenedAt, least)
}

// closeIdentities notes what a rotation leaves that had consumers use an identity, or none: the others that it made or
// found in use are of no use.
func (r *Record) closeIdentities(open *Record, used string, now time.Time) {
	r.Identities = open.clone().Identities
	unused := now.Add(r.Identities.Grace)
	r.Identities.use(used, unused)
	for _, c := range open.Candidates {
		if c.ID != used {
			r.Identities.add(c.ID, unused)
		}
	}
}

// label is that of the nth identity that a rotation has made.
func (r *Record) label(n int) Label {
	id := strings.ReplaceAll(r.RotationID, "-", "")
	return Label{Owner: r.Identities.Owner, Part: fmt.Sprintf("%s-%d", id[max(0, len(id)-8):], n)}
}
