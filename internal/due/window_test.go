package due

import (
	"testing"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/schedule"
)

// A window is what a user names where a gap must not hurt, so a slot that was missed in it must not run outside.
func TestASlotThatMissedItsWindowWaitsForTheNextOne(t *testing.T) {
	t.Parallel()
	x, v, q := newIndex(t), newVault(), newQueue()
	now := have[time.Time](t)(x.rdb.Time(t.Context()).Result()).Truncate(time.Minute).UTC()
	when := parse(t, schedule.Spec{Every: "1d", Window: window(now, 3*time.Hour, 5*time.Hour)})
	opens, closes := now.Add(3*time.Hour), now.Add(5*time.Hour)
	creds := fleet("a", 50, when)
	for _, cred := range creds {
		v.rotated(cred, when.Next(now.AddDate(0, 0, -3), cred.ID)) // the slots since then were missed
	}
	open := creds[7]
	v.records[open.ID] = rotation.Record{State: rotation.Open, TouchedAt: past}
	s := newScheduler(x, q, v, newInventory("one", creds...), Account{Name: "a", Capacity: 100})
	s.Clock = fast{}
	look50 := func(what string) {
		t.Helper()
		for i, got := range have[[]Standing](t)(x.Look(t.Context(), creds)) {
			if got.Due.Before(opens) || !got.Due.Before(closes) || !got.Claimed.IsZero() {
				t.Errorf("%s %s stands %+v, want due from %s to %s", what, creds[i].ID, got, opens, closes)
			}
		}
	}
	must(t, settle(t.Context(), s))
	look50("built")
	putOff(t, x, now.Add(-20*time.Hour), creds...) // as an index says it that was built before
	for range 3 {
		_, err := s.tick(t.Context())
		must(t, err)
	}
	look50("claimed")
	if jobs := q.take(t, len(q.jobs)); len(jobs) != 1 || jobs[0].id != open.ID || jobs[0].reason != rotation.ReasonResume {
		t.Errorf("outside the window these were enqueued, and only the open journal's resume should be: %+v", jobs)
	}
	must(t, s.sweep(t.Context()))
	look50("swept")
}

// What was enqueued in its window and has not run keeps its slot, so that it cannot run once more for another one.
func TestAClaimThatOutlivesItsWindowKeepsItsSlot(t *testing.T) {
	t.Parallel()
	x, q := newIndex(t), newQueue()
	now := have[time.Time](t)(x.rdb.Time(t.Context()).Result()).Truncate(time.Minute).UTC()
	cred := fleet("a", 1, parse(t, schedule.Spec{Every: "1d", Window: window(now, 3*time.Hour, 5*time.Hour)}))[0]
	slot := now.Add(-20 * time.Hour)
	putOff(t, x, slot, cred)
	_ = have[[]Due](t)(x.Claim(t.Context(), "a", 1, -time.Second)) // whose push is over
	s := newScheduler(x, q, newVault(), newInventory("one", cred), Account{Name: "a", Capacity: 1})
	_, err := s.tick(t.Context())
	must(t, err)
	if got := look(t, x, cred); !got.Claimed.Equal(slot) || got.Due.Before(now.Add(3*time.Hour)) {
		t.Errorf("stands %+v", got)
	}
	if len(q.jobs) > 0 {
		t.Errorf("enqueued %+v", <-q.jobs)
	}
}
