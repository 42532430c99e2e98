package due

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"keyturn/internal/devenv"
	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/redisx"
	"keyturn/internal/rotation"
)

func TestSchedulersBesideEachOtherEnqueueEverySlotOnce(t *testing.T) {
	t.Parallel()
	server := devenvtest.Redis(t)
	const n, schedulers = 3000, 3
	creds, v := fleet("a", n, every30d(t)), newVault()
	for i, cred := range creds {
		v.rotated(cred, past.Add(time.Duration(i)*time.Second))
	}
	inv := newInventory("one", creds...)
	queues := make([]*queue, schedulers) // one each, so that nothing but the claim keeps them apart
	for i := range queues {
		queues[i] = newQueue()
		start(t, newScheduler(dial(t, server.Addr), queues[i], v, inv, Account{Name: "a", Capacity: n}))
	}
	eventually(t, "all was enqueued", func() bool {
		total := 0
		for _, q := range queues {
			total += len(q.jobs)
		}
		return total >= n
	})
	seen := map[string]bool{}
	for _, q := range queues {
		for _, j := range q.take(t, len(q.jobs)) {
			if seen[j.id] {
				t.Fatalf("%s was enqueued twice", j.id)
			}
			seen[j.id] = true
			cred, _ := inv.Credential(j.id)
			first := cred.Schedule.Next(v.entries[cred.Place.Path].Slot, j.id).Truncate(time.Millisecond)
			if want := collapse(cred, first, time.Now()); !j.slot.Equal(want) || !want.After(first) {
				t.Fatalf("%s has slot %s, want %s: the last one of those since %s", j.id, j.slot, want, first)
			}
		}
	}
}

func TestAdmissionIsBoundedAndTakesTheOldest(t *testing.T) {
	t.Parallel()
	x, v, q := newIndex(t), newVault(), newQueue()
	creds := fleet("a", 50, every30d(t))
	for i, cred := range creds {
		v.rotated(cred, past.AddDate(i%2, 0, i)) // the even ones are a year older
	}
	q.backlog = 13
	s := newScheduler(x, q, v, newInventory("one", creds...), Account{Name: "a", Capacity: 20})
	must(t, settle(t.Context(), s))
	for range 3 {
		_, err := s.tick(t.Context())
		must(t, err)
	}
	var ids []string
	for _, j := range q.take(t, len(q.jobs)) {
		ids = append(ids, j.id)
	}
	if want := []string{"a-0", "a-2", "a-4", "a-6", "a-8", "a-10", "a-12"}; !slices.Equal(ids, want) {
		t.Errorf("admitted %v, want %v: 20 less the 13 that wait", ids, want)
	}
}

func TestATickSaysHowLongNothingIsDue(t *testing.T) {
	t.Parallel()
	x := newIndex(t)
	cred := fleet("a", 1, every30d(t))[0]
	s := newScheduler(x, newQueue(), newVault(), newInventory("one", cred), Account{Name: "a", Capacity: 1})
	rest := have[time.Duration](t)(s.tick(t.Context()))
	if rest < tickRest*9/10 || rest > tickRest*11/10 {
		t.Errorf("with nothing scheduled: %s", rest)
	}
	putOff(t, x, have[time.Time](t)(x.rdb.Time(t.Context()).Result()).Add(500*time.Millisecond), cred)
	if rest := have[time.Duration](t)(s.tick(t.Context())); rest > 550*time.Millisecond {
		t.Errorf("with something due in half a second: %s", rest)
	}
}

func TestWhatCannotBeEnqueuedIsTriedAgainSoon(t *testing.T) {
	t.Parallel()
	x, q := newIndex(t), newQueue()
	creds := fleet("a", 3, every30d(t))
	slot := have[time.Time](t)(x.rdb.Time(t.Context()).Result()).Add(-time.Minute).Truncate(time.Millisecond).UTC()
	putOff(t, x, slot, creds...)
	s := newScheduler(x, q, newVault(), newInventory("one", creds...), Account{Name: "a", Capacity: 10})
	q.err = errVault
	if rest, err := s.tick(t.Context()); err == nil || rest > busyRest*2 {
		t.Errorf("of the queue's trouble: %v; other accounts wait for %s", err, rest)
	}
	if until := look(t, x, creds[0]).Due; until.After(time.Now().Add(backOff)) {
		t.Errorf("it is tried again at %s", until)
	}
	q.err = nil
	eventually(t, "all were enqueued", func() bool {
		_, err := s.tick(t.Context())
		must(t, err)
		return len(q.jobs) == 3
	})
	for _, j := range q.take(t, 3) {
		if !j.slot.Equal(slot) {
			t.Errorf("%s has slot %s, want %s", j.id, j.slot, slot)
		}
	}
}

// However long those are overdue that cannot be enqueued, or that only another configuration knows.
func TestWhatCannotBeEnqueuedHoldsNothingUpAtItsAccount(t *testing.T) {
	t.Parallel()
	x, q := newIndex(t), newQueue()
	refused, unknown, good := fleet("a", 30, every30d(t)), fleet("a", 60, every30d(t))[30:], fleet("a", 90, every30d(t))[60:]
	putOff(t, x, past, append(refused, unknown...)...)
	putOff(t, x, past.AddDate(1, 0, 0), good...)
	for _, cred := range append(slices.Clone(refused), good[0]) { // open journals too
		must(t, x.Hold(t.Context(), cred, time.Millisecond, false))
	}
	q.refuse(map[string]bool{})
	for _, cred := range refused {
		q.refused[cred.ID] = true
	}
	s := newScheduler(x, q, newVault(), newInventory("one", append(refused, good...)...), Account{Name: "a", Capacity: 40})
	ticks := 0
	eventually(t, "all good ones were enqueued", func() bool {
		if _, err := s.tick(t.Context()); err != nil {
			ticks++
		}
		return len(q.jobs) > len(good)
	})
	if ticks > 2 {
		t.Errorf("it took %d ticks beside 60 that cannot be enqueued", ticks)
	}
	resumed := slices.ContainsFunc(q.take(t, len(q.jobs)), func(j job) bool { return j.reason == rotation.ReasonResume && j.id == good[0].ID })
	if !resumed {
		t.Error("an open journal behind those that cannot be enqueued is not resumed")
	}
}

func TestReadySaysThatVaultIsAwayUntilItIsBack(t *testing.T) {
	t.Parallel()
	x, v, q := newIndex(t), newVault(), newQueue()
	creds := fleet("a", 5, every30d(t))
	for _, cred := range creds {
		v.rotated(cred, past)
	}
	v.down = true
	s := newScheduler(x, q, v, newInventory("one", creds...), Account{Name: "a", Capacity: 10})
	start(t, s)
	eventually(t, "Ready names Vault", func() bool {
		err := s.Ready()
		return err != nil && strings.Contains(err.Error(), errVault.Error())
	})
	if n := x.rdb.Exists(t.Context(), redisx.Key("a", redisx.Epoch)).Val(); n != 0 {
		t.Error("an index of which nothing could be read counts as built")
	}
	v.set(func() { v.down = false })
	q.take(t, 5)
	eventually(t, "the scheduler is ready", func() bool { return s.Ready() == nil })
}

func TestReadySaysThatRedisIsAwayUntilItIsBack(t *testing.T) {
	t.Parallel()
	server := devenvtest.RedisWith(t, devenv.RedisOptions{Dir: t.TempDir()})
	v, q := newVault(), newQueue()
	creds := fleet("a", 1, every30d(t))
	v.rotated(creds[0], past)
	s := newScheduler(dial(t, server.Addr), q, v, newInventory("one", creds...), Account{Name: "a", Capacity: 10})
	start(t, s)
	q.take(t, 1)
	eventually(t, "the scheduler is ready", func() bool { return s.Ready() == nil })
	must(t, server.Kill())
	eventually(t, "Ready says so", func() bool { return s.Ready() != nil })
	must(t, server.Restart(t.Context()))
	eventually(t, "the scheduler is ready again", func() bool { return s.Ready() == nil })
}

func TestDifferentConfigurationsAreReported(t *testing.T) {
	t.Parallel()
	x := newIndex(t)
	var log bytes.Buffer
	one := newScheduler(x, newQueue(), newVault(), newInventory("one"))
	one.Log = slog.New(slog.NewTextHandler(&log, nil))
	two := newScheduler(x, newQueue(), newVault(), newInventory("two"))
	first, second := newPeer(), newPeer()
	must(t, one.announce(t.Context(), first))
	must(t, two.announce(t.Context(), second))
	for range 3 {
		must(t, one.announce(t.Context(), first))
	}
	if n := one.Configurations(); n != 2 {
		t.Errorf("%d configurations, want 2", n)
	}
	if n := strings.Count(log.String(), "different configurations"); n != 1 || !strings.Contains(log.String(), "fingerprint=one") {
		t.Errorf("said %d times: %s", n, log.String())
	}
	reload(two, newInventory("one"))
	must(t, two.announce(t.Context(), second))
	must(t, one.announce(t.Context(), first))
	if n := one.Configurations(); n != 1 || !strings.Contains(log.String(), "same configuration") {
		t.Errorf("%d configurations after the roll-out; log: %s", n, log.String())
	}
	two.leave(t.Context(), second)
	if n := x.rdb.ZCard(t.Context(), redisx.Schedulers).Val(); n != 1 {
		t.Errorf("%d schedulers stand there after one has left", n)
	}
}

func TestTroubleAtOneAccountHoldsNoOtherUp(t *testing.T) {
	t.Parallel()
	x, q := newIndex(t), newQueue()
	a, b := fleet("a", 1, every30d(t)), fleet("b", 1, every30d(t))
	putOff(t, x, past, a[0], b[0])
	must(t, x.rdb.Set(t.Context(), redisx.Key("a", redisx.Claimed), "no hash", 0).Err())
	s := newScheduler(x, q, newVault(), newInventory("one", a[0], b[0]), Account{Name: "a", Capacity: 1}, Account{Name: "b", Capacity: 1})
	if _, err := s.tick(t.Context()); err == nil || !strings.Contains(err.Error(), "account a") {
		t.Errorf("the trouble is %v", err)
	}
	if j := q.take(t, 1)[0]; j.account != "b" {
		t.Errorf("enqueued %+v", j)
	}
}
