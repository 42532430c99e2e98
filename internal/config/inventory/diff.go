package inventory

import (
	"reflect"

	"keyturn/internal/rotation"
	"keyturn/internal/schedule"
)

// Difference is what changed from one inventory to the next.
type Difference struct {
	Added   []*rotation.Credential // of the new one
	Changed []*rotation.Credential // of the new one
	Removed []*rotation.Credential // of the old one
}

// Empty reports whether every credential stayed as it was.
func (d Difference) Empty() bool { return len(d.Added)+len(d.Changed)+len(d.Removed) == 0 }

// Diff compares the credentials of two inventories: what they are and what their names resolve to.
func Diff(before, after *Inventory) Difference {
	var d Difference
	same := newComparison()
	for now := range after.Credentials() {
		was, ok := before.Credential(now.ID)
		switch {
		case !ok:
			d.Added = append(d.Added, now)
		case !same.credentials(was, now):
			d.Changed = append(d.Changed, now)
		}
	}
	for was := range before.Credentials() {
		if _, ok := after.Credential(was.ID); !ok {
			d.Removed = append(d.Removed, was)
		}
	}
	return d
}

// comparison remembers which schedules are alike: a million credentials share a few.
type comparison struct {
	schedules map[[2]*schedule.Schedule]bool
}

func newComparison() comparison { return comparison{schedules: map[[2]*schedule.Schedule]bool{}} }

func (c comparison) credentials(a, b *rotation.Credential) bool {
	return a == b || a.Account == b.Account && a.Target == b.Target && a.Place == b.Place && a.Username == b.Username &&
		a.First == b.First && reflect.DeepEqual(a.Pair, b.Pair) && reflect.DeepEqual(a.Overlap, b.Overlap) && *a.Verify == *b.Verify && samePolicy(a, b) && c.sameSchedule(a.Schedule, b.Schedule)
}

func samePolicy(a, b *rotation.Credential) bool {
	if a.Policy == nil || b.Policy == nil {
		return a.Policy == b.Policy
	}
	return a.Policy.Fingerprint() == b.Policy.Fingerprint()
}

func (c comparison) sameSchedule(a, b *schedule.Schedule) bool {
	key := [2]*schedule.Schedule{a, b}
	same, ok := c.schedules[key]
	if !ok {
		same = a.String() == b.String()
		c.schedules[key] = same
	}
	return same
}
