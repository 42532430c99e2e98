package due

import (
	"slices"
	"sync"
	"testing"
	"time"

	"keyturn/internal/redisx"
	"keyturn/internal/rotation"
	"keyturn/internal/schedule"
	"keyturn/internal/secret"
)

func TestWhatRedisLostIsRebuiltAndOpenJournalsGoFirst(t *testing.T) {
	t.Parallel()
	x, v, q := newIndex(t), newVault(), newQueue()
	creds := fleet("a", 2500, every30d(t)) // more than two batches
	for _, cred := range creds[1:] {
		v.rotated(cred, past)
	}
	v.records["a-2400"] = rotation.Record{State: rotation.Open, TouchedAt: past}
	v.records["a-7"] = rotation.Record{State: rotation.Quarantined, Why: "rule"}
	v.records["a-8"] = rotation.Record{State: rotation.Closed, RecheckAt: time.Now().Add(10 * time.Minute)}
	v.records["a-9"] = rotation.Record{State: rotation.Closed, RecheckAt: past}
	s := newScheduler(x, q, v, newInventory("one", creds...), Account{Name: "a", Capacity: 10_000})
	start(t, s)
	for range 2 {
		// All but the one that waits for its first rotation and the one in quarantine, and a resume and a recheck.
		jobs := q.take(t, 2500-2+2)
		position := map[rotation.Reason]int{}
		for i, j := range jobs {
			if _, ok := position[j.reason]; !ok {
				position[j.reason] = i
			}
			if j.id == "a-0" || j.id == "a-7" {
				t.Errorf("%s was enqueued: %s", j.id, j.reason)
			}
		}
		resume := jobs[position[rotation.ReasonResume]]
		if resume.id != "a-2400" || !resume.now || !resume.slot.IsZero() {
			t.Errorf("the resume is %+v", resume)
		}
		if position[rotation.ReasonResume] > position[rotation.ReasonScheduled] {
			t.Error("new work went before the open journal")
		}
		recheck := jobs[position[rotation.ReasonRecheck]]
		if recheck.id != "a-8" || recheck.after < 9*time.Minute || recheck.after > 10*time.Minute {
			t.Errorf("the recheck is %+v", recheck)
		}
		eventually(t, "the quarantine is mirrored", func() bool { return look(t, x, creds[7]).Quarantined })
		eventually(t, "the account is built", func() bool { return x.rdb.Exists(t.Context(), redisx.Key("a", redisx.Epoch)).Val() == 1 })
		q.mu.Lock()
		clear(q.waiting) // the queue goes with everything else
		flush(t, x.rdb)
		q.mu.Unlock()
	}
}

func TestARecheckThatFellDueWhileTheQueueWasLostIsMadeUpFor(t *testing.T) {
	t.Parallel()
	x, v, q := newIndex(t), newVault(), newQueue()
	creds := fleet("a", 2, every30d(t))
	for i, ago := range []time.Duration{10 * time.Minute, 2 * time.Hour} {
		v.rotated(creds[i], time.Now())
		v.records[creds[i].ID] = rotation.Record{State: rotation.Closed, RecheckAt: time.Now().Add(-ago)}
	}
	must(t, settle(t.Context(), newScheduler(x, q, v, newInventory("one", creds...), Account{Name: "a", Capacity: 10})))
	if n := len(q.jobs); n != 1 {
		t.Fatalf("%d rechecks were asked for, want none of the one that is two hours old", n)
	}
	if j := q.take(t, 1)[0]; j.id != "a-0" || j.reason != rotation.ReasonRecheck || j.after != 0 {
		t.Errorf("got %+v, want a recheck of a-0 at once", j)
	}
}

func TestRedisEmptiedDuringTheRebuildIsNoticed(t *testing.T) {
	t.Parallel()
	x, v, q := newIndex(t), newVault(), newQueue()
	creds := fleet("a", 1500, every30d(t))
	for _, cred := range creds {
		v.rotated(cred, time.Now())
	}
	var once sync.Once
	v.onLoad = func(id string) {
		if id == "a-1200" {
			once.Do(func() { flush(t, x.rdb) })
		}
	}
	v.records["a-5"] = rotation.Record{State: rotation.Quarantined}
	s := newScheduler(x, q, v, newInventory("one", creds...), Account{Name: "a", Capacity: 1})
	if err := settle(t.Context(), s); err == nil {
		t.Error("a rebuild of which a part was lost was taken for whole")
	}
	must(t, settle(t.Context(), s))
	if !look(t, x, creds[5]).Quarantined {
		t.Error("what was mirrored before the loss is missing")
	}
	if c := have[[]Count](t)(x.Counts(t.Context(), "a"))[0]; c.Scheduled != 1499 || !c.Built {
		t.Errorf("%+v, want 1499 scheduled in an index that was built", c)
	}
}

func TestSecretsOverdueAtFirstSightAreSpreadOverOnePeriod(t *testing.T) {
	t.Parallel()
	x, v := newIndex(t), newVault()
	creds := fleet("a", 2000, every30d(t))
	for _, cred := range creds {
		v.entries[cred.Place.Path] = rotation.Entry{Version: 3, Password: secret.New("x"), CreatedAt: past}
	}
	s := newScheduler(x, newQueue(), v, newInventory("one", creds...), Account{Name: "a", Capacity: 1})
	must(t, settle(t.Context(), s))
	now := have[time.Time](t)(x.rdb.Time(t.Context()).Result())
	var tenths [10]int
	for _, s := range have[[]Standing](t)(x.Look(t.Context(), creds)) {
		part := s.Due.Sub(now).Hours() / 72
		if part < -0.01 || part >= 10 {
			t.Fatalf("due %s from now", s.Due.Sub(now))
		}
		tenths[int(part)]++
	}
	for i, n := range tenths {
		if n < 130 || n > 270 {
			t.Errorf("%d of 2000 fall into tenth %d of the period", n, i)
		}
	}
}

func TestDueCountsFromWhatVaultKnows(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	when := every30d(t)
	foreign := func(age time.Duration) rotation.Entry {
		return rotation.Entry{Version: 1, Password: secret.New("x"), CreatedAt: now.Add(-age)}
	}
	ours := rotation.Entry{Version: 1, Password: secret.New("x"), RotationID: "r", Slot: past, CreatedAt: now}
	for name, test := range map[string]struct {
		current rotation.Entry
		first   rotation.First
		want    func(id string) time.Time
		certain bool
	}{
		"ours, overdue":         {ours, 0, func(id string) time.Time { return when.Next(past, id) }, true},
		"foreign, young":        {foreign(time.Hour), 0, func(id string) time.Time { return when.Next(now.Add(-time.Hour), id) }, false},
		"foreign, overdue":      {foreign(1000 * time.Hour), 0, func(id string) time.Time { return when.First(now, id) }, false},
		"no secret, manual":     {rotation.Entry{}, rotation.FirstManual, func(string) time.Time { return time.Time{} }, false},
		"no secret, now":        {rotation.Entry{}, rotation.FirstNow, func(string) time.Time { return now }, false},
		"no secret, scheduled":  {rotation.Entry{}, rotation.FirstScheduled, func(id string) time.Time { return when.First(now, id) }, false},
		"deleted, as if absent": {rotation.Entry{Version: 2, Deleted: true}, rotation.FirstManual, func(string) time.Time { return time.Time{} }, false},
	} {
		cred := &rotation.Credential{ID: "a-1", Schedule: when, First: test.first}
		at, certain := dueAt(cred, test.current, now)
		if want := test.want(cred.ID); !at.Equal(want) || certain != test.certain {
			t.Errorf("%s: due %s (certain %v), want %s (%v)", name, at, certain, want, test.certain)
		}
	}
}

func TestOneCredentialThatCannotBeReadKeepsNoOtherBack(t *testing.T) {
	t.Parallel()
	x, v := newIndex(t), newVault()
	creds := fleet("a", 300, every30d(t))
	for _, cred := range creds {
		v.rotated(cred, past)
	}
	v.broken["a-0"] = true
	s := newScheduler(x, newQueue(), v, newInventory("one", creds...), Account{Name: "a", Capacity: 1})
	must(t, settle(t.Context(), s))
	if c := have[[]Count](t)(x.Counts(t.Context(), "a"))[0]; c.Scheduled < 299 {
		t.Errorf("%d of 300 are scheduled", c.Scheduled)
	}
}

func TestReloadAppliesTheDifferenceOnly(t *testing.T) {
	t.Parallel()
	x, v := newIndex(t), newVault()
	monthly, daily := every30d(t), parse(t, schedule.Spec{Every: "1d"})
	slot := time.Now().UTC().Truncate(time.Millisecond)
	old := fleet("a", 4, monthly) // 0 stays, 1 goes daily, 2 moves to account b, 3 is removed
	next := fleet("a", 5, every30d(t))
	next[1].Schedule, next[2].Account = daily, "b"
	next = slices.Delete(next, 3, 4) // 4 is new
	for _, cred := range append(slices.Clone(old), next[3]) {
		v.rotated(cred, slot)
	}
	accounts := []Account{{Name: "a"}, {Name: "b"}}
	s := newScheduler(x, newQueue(), v, newInventory("one", old...), accounts...)
	must(t, settle(t.Context(), s))
	read := map[string]bool{}
	v.set(func() { v.onLoad = func(id string) { read[id] = true } })
	reload(s, newInventory("two", next...))
	must(t, settle(t.Context(), s))
	for _, cred := range next {
		if got, want := look(t, x, cred).Due, cred.Schedule.Next(slot, cred.ID).Truncate(time.Millisecond); !got.Equal(want) {
			t.Errorf("%s at %s is due %s, want %s", cred.ID, cred.Account, got, want)
		}
	}
	for _, gone := range []*rotation.Credential{old[2], old[3]} {
		if s := look(t, x, gone); s != (Standing{}) {
			t.Errorf("%s stays at %s: %+v", gone.ID, gone.Account, s)
		}
	}
	if read["a-0"] || len(read) != 3 {
		t.Errorf("read %v, want what differs", read)
	}
}

func TestARebuildLeavesJournalsAloneThatWereJustTouched(t *testing.T) {
	t.Parallel()
	x, v, q := newIndex(t), newVault(), newQueue()
	creds := fleet("a", 2, every30d(t))
	for i, cred := range creds {
		v.records[cred.ID] = rotation.Record{State: rotation.Open, TouchedAt: time.Now().Add(time.Duration(-i) * time.Hour)}
	}
	s := newScheduler(x, q, v, newInventory("one", creds...), Account{Name: "a", Capacity: 10})
	must(t, settle(t.Context(), s))
	_, err := s.tick(t.Context())
	must(t, err)
	if jobs := q.take(t, len(q.jobs)); len(jobs) != 1 || jobs[0].id != "a-1" {
		t.Errorf("resumed %v, want the one that no run has touched for an hour", jobs)
	}
}

func TestAnAccountThatIsThereNoMoreLeavesTheIndexAndOneThatIsNewComesIn(t *testing.T) {
	t.Parallel()
	x, v := newIndex(t), newVault()
	stays, goes, comes := fleet("stays", 2, every30d(t)), fleet("goes", 3, every30d(t)), fleet("comes", 2, every30d(t))
	for _, cred := range slices.Concat(stays, goes, comes) {
		v.rotated(cred, time.Now().Add(-time.Hour))
	}
	s := newScheduler(x, newQueue(), v, newInventory("one", slices.Concat(stays, goes)...), Account{Name: "stays"}, Account{Name: "goes"})
	must(t, settle(t.Context(), s))
	s.Use(newInventory("two", slices.Concat(stays, comes)...), Load{Accounts: []Account{{Name: "stays"}, {Name: "comes"}}})
	must(t, settle(t.Context(), s))
	for _, cred := range slices.Concat(stays, comes) {
		if look(t, x, cred).Due.IsZero() {
			t.Errorf("%s is never due", cred.ID)
		}
	}
	for _, cred := range goes {
		if left := look(t, x, cred); left != (Standing{}) {
			t.Errorf("%s stays at %s: %+v", cred.ID, cred.Account, left)
		}
	}
	must(t, s.sync(t.Context()))
	if _, kept := s.keepers["goes"]; kept || len(s.keepers) != 2 {
		t.Errorf("%d accounts are looked after", len(s.keepers))
	}
}
