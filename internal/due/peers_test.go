package due

import (
	"testing"
	"time"
)

func TestNothingIsTakenOutThatAnotherSchedulerHasJustAdded(t *testing.T) {
	t.Parallel()
	x, v := newIndex(t), newVault()
	creds := fleet("a", 3, every30d(t))
	for _, cred := range creds {
		v.rotated(cred, time.Now())
	}
	schedulerOf := func(name string, n int) *Scheduler {
		s := newScheduler(x, newQueue(), v, newInventory(name, creds[:n]...), Account{Name: "a", Capacity: 1})
		s.Clock, s.self = fast{}, newPeer()
		return s
	}
	older := schedulerOf("one", 2)
	must(t, settle(t.Context(), older))
	if n := older.Configurations(); n != 1 {
		t.Fatalf("%d configurations", n)
	}
	newer := schedulerOf("two", 3) // it starts after the older one counted the configurations
	must(t, settle(t.Context(), newer))
	must(t, older.sweep(t.Context()))
	if look(t, x, creds[2]).Due.IsZero() {
		t.Error("a sweep with the older configuration took out what the newer one added")
	}

	reload(newer, newInventory("one", creds[:2]...)) // rolled back
	must(t, settle(t.Context(), newer))
	reload(newer, newInventory("three", creds...)) // and forth again, while its sweep is under way
	must(t, settle(t.Context(), newer))
	must(t, newer.prune(t.Context(), newInventory("one", creds[:2]...)))
	if look(t, x, creds[2]).Due.IsZero() {
		t.Error("a sweep took out what its own scheduler added meanwhile")
	}

	reload(older, newInventory("none", creds[:1]...)) // one reloads before the other
	must(t, settle(t.Context(), older))
	if look(t, x, creds[1]).Due.IsZero() || look(t, x, creds[2]).Due.IsZero() {
		t.Error("a reload took out what another scheduler still has")
	}
	reload(newer, newInventory("none", creds[:1]...))
	must(t, settle(t.Context(), newer))
	must(t, older.sync(t.Context()))
	for _, cred := range creds[1:] {
		if got := look(t, x, cred); got != (Standing{}) {
			t.Errorf("no configuration has %s, and it stands %+v", cred.ID, got)
		}
	}
}
