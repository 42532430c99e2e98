package due

import (
	"fmt"
	"testing"
	"time"

	"keyturn/internal/redisx"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// ahead is how far a clock was ahead that is right by now.
const ahead = 365 * 24 * time.Hour

func TestNoWrittenInstantIsBelievedBeyondNow(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	when := every30d(t)
	cred := &rotation.Credential{ID: "a-1", Schedule: when}
	before, future := now.AddDate(0, 0, -3), now.Add(ahead)
	ours := func(slot, rotated, created time.Time) rotation.Entry {
		return rotation.Entry{
			Version: 1, Password: secret.New("x"), RotationID: "r", Slot: slot, RotatedAt: rotated, CreatedAt: created,
		}
	}
	for name, test := range map[string]struct {
		current rotation.Entry
		from    time.Time
		certain bool
	}{
		"nothing ahead":                {ours(before, future, future), before, true},
		"slot ahead":                   {ours(future, before, now), before, true},
		"slot and rotated_at ahead":    {ours(future, future, before), before, true},
		"slot ahead, no rotated_at":    {ours(future, time.Time{}, before), before, true},
		"everything ahead":             {ours(future, future, future), now, false},
		"Redis's nodes differ":         {ours(now.Add(time.Second), now, now), now.Add(time.Second), true},
		"foreign, Vault's clock ahead": {rotation.Entry{Version: 1, Password: secret.New("x"), CreatedAt: future}, now, false},
	} {
		at, certain := dueAt(cred, test.current, now)
		if want := when.Next(test.from, cred.ID); !at.Equal(want) || certain != test.certain {
			t.Errorf("%s: due %s (certain %v), want %s (%v)", name, at, certain, want, test.certain)
		}
	}
}

func TestAJournalThatAFastClockTouchedIsResumedInTimeAfterAFlush(t *testing.T) {
	t.Parallel()
	x, v, q := newIndex(t), newVault(), newQueue()
	creds := fleet("a", 4, every30d(t))
	for i, off := range []time.Duration{time.Hour, -time.Hour, ahead, 0} {
		at := time.Now().Add(off)
		rec := rotation.Record{State: rotation.Open, TouchedAt: at}
		if i == 3 {
			rec = rotation.Record{State: rotation.Closed, TouchedAt: at.Add(ahead), RecheckAt: at.Add(ahead + 5*time.Minute)}
			v.rotated(creds[i], at)
		}
		v.records[creds[i].ID] = rec
	}
	s := newScheduler(x, q, v, newInventory("one", creds...), Account{Name: "a", Capacity: 10})
	must(t, settle(t.Context(), s))
	now := have[time.Time](t)(x.rdb.Time(t.Context()).Result())
	for i, cred := range creds[:3] {
		late := look(t, x, cred).Resume.Sub(now)
		t.Logf("a journal of clock %d is resumed in %s", i, late.Round(time.Second))
		if late > s.load.Load().Resume {
			t.Errorf("%s is resumed in %s, want %s at most", cred.ID, late, s.load.Load().Resume)
		}
	}
	if j := q.take(t, 1)[0]; j.reason != rotation.ReasonRecheck || j.after > 5*time.Minute || j.after < 4*time.Minute {
		t.Errorf("the recheck that was meant 5 minutes after the close comes as %+v", j)
	}
}

func TestASlotThatIsYetToComePutsNoDueTimeOff(t *testing.T) {
	t.Parallel()
	x := newIndex(t)
	now := have[time.Time](t)(x.rdb.Time(t.Context()).Result()).Truncate(time.Millisecond).UTC()
	for i, rotated := range []time.Time{now.Add(-time.Hour), now.Add(ahead), {}} {
		cred := fleet("a", 3, every30d(t))[i]
		must(t, x.Settle(t.Context(), cred, rotation.Ending{Slot: now.Add(ahead), RotatedAt: rotated, RotationID: "r"}))
		due := look(t, x, cred).Due
		if due.Before(now.AddDate(0, 0, 29)) || due.After(now.AddDate(0, 0, 31)) {
			t.Errorf("rotated at %s, due %s, want a period from now", rotated, due)
		}
	}
}

func TestTheSweepSetsRightWhatWasWrittenWhileRedisWasAhead(t *testing.T) {
	t.Parallel()
	x, v := newIndex(t), newVault()
	slot := time.Now().UTC().Truncate(time.Millisecond)
	creds := fleet("a", 4, every30d(t))
	for _, cred := range creds {
		v.rotated(cred, slot)
	}
	v.records[creds[2].ID] = rotation.Record{State: rotation.Open, TouchedAt: past}
	s := newScheduler(x, newQueue(), v, newInventory("one", creds...), Account{Name: "a", Capacity: 1})
	s.Clock = fast{}
	must(t, settle(t.Context(), s))
	putOff(t, x, slot.Add(ahead), creds[0]) // settled
	putOff(t, x, slot.Add(ahead), creds[1]) // claimed, and its job lost
	must(t, x.rdb.HSet(t.Context(), redisx.Key("a", redisx.Claimed), creds[1].ID, slot.Add(ahead).UnixMilli()).Err())
	must(t, x.rdb.ZAdd(t.Context(), redisx.Key("a", redisx.Open), member(creds[2].ID, slot.Add(ahead))).Err()) // held
	must(t, x.rdb.ZAdd(t.Context(), redisx.Schedulers, member("gone two", slot.Add(ahead))).Err())             // announced
	must(t, x.rdb.ZAdd(t.Context(), redisx.Key("a", redisx.Due), member("removed", slot)).Err())
	must(t, s.sweep(t.Context()))
	for i, cred := range creds[:2] {
		if got, want := look(t, x, cred), cred.Schedule.Next(slot, cred.ID).Truncate(time.Millisecond); !got.Due.Equal(want) || !got.Claimed.IsZero() {
			t.Errorf("%d stands %+v, want due %s", i, got, want)
		}
	}
	if got := look(t, x, creds[2]).Resume; got.After(slot) {
		t.Errorf("the open journal is resumed at %s", got)
	}
	if n := x.rdb.ZScore(t.Context(), redisx.Key("a", redisx.Due), "removed").Val(); n != 0 {
		t.Error("a scheduler that was announced while the clock was ahead keeps what no configuration has")
	}
	must(t, s.announce(t.Context(), newPeer()))
	if n := s.Configurations(); n != 1 {
		t.Errorf("%d configurations", n)
	}
	if n := have[int](t)(s.correct(t.Context())); n != 0 {
		t.Error(fmt.Sprint("a second sweep corrected ", n))
	}
}
