package due

import (
	"slices"
	"testing"
	"time"

	"keyturn/internal/redisx"
	"keyturn/internal/rotation"
	"keyturn/internal/schedule"
)

func TestClaimTakesTheLongestOverdueFirst(t *testing.T) {
	t.Parallel()
	x := newIndex(t)
	creds := fleet("a", 10, every30d(t))
	for i, cred := range creds {
		putOff(t, x, past.Add(time.Duration(-i)*time.Hour), cred)
	}
	putOff(t, x, time.Now().Add(time.Hour), fleet("later", 1, every30d(t))...)
	var ids []string
	for _, d := range have[[]Due](t)(x.Claim(t.Context(), "a", 3, time.Minute)) {
		ids = append(ids, d.ID)
	}
	if want := []string{"a-9", "a-8", "a-7"}; !slices.Equal(ids, want) {
		t.Errorf("claimed %v, want %v", ids, want)
	}
	if n := len(have[[]Due](t)(x.Claim(t.Context(), "a", 1000, time.Minute))); n != 7 {
		t.Errorf("the rest was %d, want 7", n)
	}
	if n := len(have[[]Due](t)(x.Claim(t.Context(), "later", 1000, time.Minute))); n != 0 {
		t.Errorf("claimed %d that are not due", n)
	}
}

func TestAClaimThatWasNeverEnqueuedComesAgainWithItsFirstSlot(t *testing.T) {
	t.Parallel()
	x := newIndex(t)
	cred := fleet("a", 1, every30d(t))[0]
	putOff(t, x, past, cred)
	for range 3 {
		var claimed []Due
		eventually(t, "the push ended", func() bool {
			claimed = have[[]Due](t)(x.Claim(t.Context(), "a", 1, time.Millisecond))
			return len(claimed) == 1
		})
		if !claimed[0].Slot.Equal(past) {
			t.Fatalf("slot %s, want %s: a later one would rotate again what was rotated for the first", claimed[0].Slot, past)
		}
	}
	if s := look(t, x, cred); !s.Claimed.Equal(past) || !s.Due.After(past) {
		t.Errorf("stands %+v, want claimed for the slot and put off", s)
	}
}

func TestAClaimThatIsGivenBackIsDueWhenItsSlotIsAskedFor(t *testing.T) {
	t.Parallel()
	x := newIndex(t)
	creds := fleet("a", 3, every30d(t))
	putOff(t, x, past, creds...)
	claimed := have[[]Due](t)(x.Claim(t.Context(), "a", 3, time.Hour))
	later := time.Now().Add(time.Hour).Truncate(time.Millisecond).UTC()
	must(t, x.Settle(t.Context(), creds[2], rotation.Ending{Slot: time.Now(), RotationID: "r"})) // it has ended meanwhile
	settled := look(t, x, creds[2])
	must(t, x.Move(t.Context(), "a", []Moved{{Due: claimed[0], At: past}, {Due: claimed[1], At: later, Forget: true}, {Due: claimed[2], At: later}}))
	again := have[[]Due](t)(x.Claim(t.Context(), "a", 3, time.Hour))
	if len(again) != 1 || again[0].ID != "a-0" || !again[0].Slot.Equal(past) || again[0].First || !claimed[0].First {
		t.Errorf("claimed %+v, then %+v", claimed, again)
	}
	if got, want := look(t, x, creds[1]), (Standing{Due: later}); got != want {
		t.Errorf("stands %+v, want %+v", got, want)
	}
	if got := look(t, x, creds[2]); got != settled {
		t.Errorf("what has ended stands %+v, and stood %+v", got, settled)
	}
}

// A slot that is yet to come was written while Redis's clock was ahead, and would make every later wish look served.
func TestAClaimedSlotThatIsYetToComeIsNotBelieved(t *testing.T) {
	t.Parallel()
	for _, slot := range []string{"4102444800000", "by hand", "-1", "nan", "inf", "1e99", ""} {
		x := newIndex(t)
		cred := fleet("a", 1, every30d(t))[0]
		putOff(t, x, past, cred)
		must(t, x.rdb.HSet(t.Context(), redisx.Key("a", redisx.Claimed), cred.ID, slot).Err())
		have[Standing](t)(look(t, x, cred), nil)
		claimed := have[[]Due](t)(x.Claim(t.Context(), "a", 1, time.Millisecond))
		if len(claimed) != 1 || !claimed[0].Slot.Equal(past) {
			t.Errorf("with %q claimed %+v, want the slot that was due", slot, claimed)
		}
		if got := look(t, x, cred).Claimed; !got.Equal(past) {
			t.Errorf("with %q it stands claimed for %s", slot, got)
		}
	}
}

// TestMissedSlotsBecomeOne goes the way of a real slot: what is enqueued is what is settled.
func TestMissedSlotsBecomeOne(t *testing.T) {
	t.Parallel()
	for name, spec := range map[string]schedule.Spec{
		"daily": {Every: "1d"}, "hourly": {Cron: "0 * * * *"}, "every second": {Every: "1s"}, "in a window": {Every: "1d", Splay: "0s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x, q := newIndex(t), newQueue()
			now := have[time.Time](t)(x.rdb.Time(t.Context()).Result())
			if name == "in a window" {
				spec.Window = window(now, -time.Hour, time.Hour)
			}
			cred := fleet("a", 1, parse(t, spec))[0]
			putOff(t, x, cred.Schedule.Next(now.AddDate(0, 0, -10), cred.ID), cred)
			s := newScheduler(x, q, newVault(), newInventory("one", cred), Account{Name: "a", Capacity: 1})
			have[time.Duration](t)(s.tick(t.Context()))
			slot := q.take(t, 1)[0].slot
			must(t, x.Settle(t.Context(), cred, rotation.Ending{Promoted: true, Slot: slot, RotationID: "r"}))
			if s := look(t, x, cred); !s.Due.After(now.Truncate(time.Millisecond)) || !s.Claimed.IsZero() || slot.After(now.Add(time.Minute)) {
				t.Errorf("after slot %s it stands %+v, want one due time after %s and no claim", slot, s, now)
			}
		})
	}
}

func TestARunThatGaveUpOnAFirstRotationLeavesItsClaim(t *testing.T) {
	t.Parallel()
	x := newIndex(t)
	cred := fleet("a", 1, every30d(t))[0]
	putOff(t, x, past, cred)
	_ = have[[]Due](t)(x.Claim(t.Context(), "a", 1, time.Hour))
	before := look(t, x, cred)
	must(t, x.Settle(t.Context(), cred, rotation.Ending{}))
	if after := look(t, x, cred); after != before {
		t.Errorf("stands %+v, want %+v", after, before)
	}
}
