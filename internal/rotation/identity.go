package rotation

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Identities is what is known of the identities of an overlap.
type Identities struct {
	Owner string        // of their labels, as when the rotation was opened
	Grace time.Duration // how long one stays that consumers do not use any more
	// Used is the one that consumers use: of an open record, the one whose password is the base's; "" if there is none.
	Used   string
	Retire []Retiring // those that are of no use any more
	Kept   []string   // those that were there before keyturn: never retired
}

// Retiring is an identity that waits to be retired.
type Retiring struct {
	ID        string
	NotBefore time.Time
}

// add has an identity retired, but not before at. Where it waits already, it waits no longer than before.
func (i *Identities) add(id string, at time.Time) {
	if id == "" || i.waits(id) {
		return
	}
	i.Retire = append(i.Retire, Retiring{ID: id, NotBefore: at})
}

// waits reports whether an identity is to be retired.
func (i *Identities) waits(id string) bool {
	return slices.ContainsFunc(i.Retire, func(w Retiring) bool { return w.ID == id })
}

// drop forgets an identity that is gone, or that is used after all.
func (i *Identities) drop(id string) {
	i.Retire = slices.DeleteFunc(slices.Clone(i.Retire), func(w Retiring) bool { return w.ID == id })
}

// all lists those that wait.
func (i *Identities) all() (ids []string) {
	for _, w := range i.Retire {
		ids = append(ids, w.ID)
	}
	return ids
}

// due lists those to be retired now. An instant that is farther away than any was written by a clock that was ahead.
func (i *Identities) due(now time.Time, longest time.Duration) (ids []string) {
	for _, w := range i.Retire {
		if rest := w.NotBefore.Sub(now); rest <= 0 || rest > max(i.Grace, longest) {
			ids = append(ids, w.ID)
		}
	}
	return ids
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

// openOverlap notes, in the record that opens a rotation, what the last one left. What it had consumers use is of no use
// where a person has put another identity there.
func (r *Record) openOverlap(o *Overlap, last *Record, used string) {
	r.Strategy = StrategyOverlap
	r.Identities = Identities{
		Owner: o.Owner, Grace: o.Grace, Used: used, Retire: slices.Clone(last.Identities.Retire), Kept: last.Identities.Kept,
	}
	r.Identities.drop(used) // a person put it back: its grace begins again
	if left := last.Identities.Used; left != used {
		r.Identities.add(left, r.OpenedAt.Add(o.Grace))
	}
}

// closeOverlap notes what a rotation leaves that had consumers use an identity; the others that it made are of no use.
func (r *Record) closeOverlap(open *Record, used string, now time.Time) {
	r.Identities = open.clone().Identities
	r.Identities.Used = used
	unused := now.Add(r.Identities.Grace)
	if open.Identities.Used != used {
		r.Identities.add(open.Identities.Used, unused)
	}
	for _, c := range open.Candidates {
		if c.ID != used {
			r.Identities.add(c.ID, unused)
		}
	}
	r.Identities.drop(used)
}

// label is that of the nth identity that a rotation has made.
func (r *Record) label(n int) Label {
	id := strings.ReplaceAll(r.RotationID, "-", "")
	return Label{Owner: r.Identities.Owner, Part: fmt.Sprintf("%s-%d", id[max(0, len(id)-8):], n)}
}
