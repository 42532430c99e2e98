package due

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/redis/go-redis/v9"

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
		must(t, x.rdb.HSet(t.Context(), key("a", claimedHash), cred.ID, slot).Err())
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

func TestSettleIsOneRoundTripAndTellsWhatHappened(t *testing.T) {
	t.Parallel()
	x := newIndex(t)
	cred := fleet("a", 1, every30d(t))[0]
	must(t, x.Hold(t.Context(), cred, time.Minute, false))
	trips := new(trips)
	x.rdb.AddHook(trips)
	must(t, x.Settle(t.Context(), cred, rotation.Ending{
		Promoted: true, Slot: past, RotationID: "the-rotation", Reason: rotation.ReasonDemand, Version: 7, Attempt: 2, Verified: rotation.VerifiedYes,
	}))
	if n := trips.Load(); n != 1 {
		t.Errorf("%d round trips", n)
	}
	must(t, x.Hold(t.Context(), cred, time.Minute, false)) // or the hold is still there
	events := have[[]Event](t)(x.Events(t.Context(), "0", 10, -1))
	if len(events) != 1 {
		t.Fatalf("%d events", len(events))
	}
	for field, want := range map[string]string{
		"type": "rotated", "credential": "a-0", "account": "a", "rotation_id": "the-rotation", "slot": "2020-01-01T00:00:00Z",
		"reason": "on demand", "version": "7", "attempt": "2", "verified": "yes", "why": "",
	} {
		if got := events[0].Fields[field]; got != want {
			t.Errorf("%s is %q, want %q", field, got, want)
		}
	}
	if events[0].At.Before(past) {
		t.Errorf("it happened at %s", events[0].At)
	}
	if more := have[[]Event](t)(x.Events(t.Context(), events[0].ID, 10, -1)); len(more) != 0 {
		t.Errorf("after the last event came %v", more)
	}
}

// trips counts round trips, but for those that set a connection up.
type trips struct{ atomic.Int64 }

func (h *trips) count(cmd redis.Cmder) {
	if name := cmd.Name(); name != "hello" && name != "client" {
		h.Add(1)
	}
}

func (*trips) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (h *trips) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		h.count(cmd)
		return next(ctx, cmd)
	}
}

func (h *trips) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		h.count(cmds[0])
		return next(ctx, cmds)
	}
}

func TestQuarantineTakesACredentialOutUntilItSettles(t *testing.T) {
	t.Parallel()
	x := newIndex(t)
	cred := fleet("a", 1, every30d(t))[0]
	putOff(t, x, past, cred)
	must(t, x.Settle(t.Context(), cred, rotation.Ending{State: rotation.Quarantined, Slot: past, Why: "rule" + strings.Repeat("!", 1000)}))
	s := look(t, x, cred)
	if !s.Quarantined || !s.Due.IsZero() || !strings.HasPrefix(s.Why, "rule") || len(s.Why) > maxWhy {
		t.Errorf("stands %+v", s)
	}
	if e := have[[]Event](t)(x.Events(t.Context(), "0", 10, -1)); len(e) != 1 || e[0].Fields["type"] != "quarantined" {
		t.Errorf("events %v", e)
	}
	must(t, x.Settle(t.Context(), cred, rotation.Ending{Slot: past}))
	if s := look(t, x, cred); s.Quarantined || s.Due.IsZero() {
		t.Errorf("after its release it stands %+v", s)
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

func TestAHoldKeepsOthersAwayUntilItIsGivenBackOrForced(t *testing.T) {
	t.Parallel()
	x := newIndex(t)
	cred := fleet("a", 1, every30d(t))[0]
	must(t, x.Hold(t.Context(), cred, time.Hour, false))
	var wait *rotation.WaitError
	if err := x.Hold(t.Context(), cred, time.Hour, false); !errors.As(err, &wait) || wait.After > time.Hour || wait.After < 59*time.Minute {
		t.Errorf("a second run got %v", err)
	}
	must(t, x.Hold(t.Context(), cred, time.Hour, true))
	must(t, x.Park(t.Context(), cred, time.Millisecond))
	var open []Due
	eventually(t, "the parked journal was resumed", func() bool {
		open = have[[]Due](t)(x.ClaimOpen(t.Context(), "a", 10, time.Hour))
		return len(open) > 0
	})
	must(t, x.Hold(t.Context(), cred, time.Hour, false))
	must(t, x.Settle(t.Context(), cred, rotation.Ending{Slot: past}))
	must(t, x.Park(t.Context(), cred, time.Hour))
	if s := look(t, x, cred); !s.Resume.IsZero() {
		t.Errorf("parking after the end opened it again: %+v", s)
	}
}

func TestARunThatDiedBeforeItsJournalIsMadeUpForWithItsSlot(t *testing.T) {
	t.Parallel()
	x := newIndex(t)
	cred := fleet("a", 1, every30d(t))[0]
	putOff(t, x, past, cred)
	claimed := have[[]Due](t)(x.Claim(t.Context(), "a", 1, time.Hour))
	must(t, x.Hold(t.Context(), cred, time.Millisecond, false))
	var open []Due
	eventually(t, "the held credential was resumed", func() bool {
		open = have[[]Due](t)(x.ClaimOpen(t.Context(), "a", 10, time.Hour))
		return len(open) > 0
	})
	if !open[0].Slot.Equal(claimed[0].Slot) {
		t.Errorf("resumed with slot %v, claimed with %v", open[0].Slot, claimed[0].Slot)
	}
}

func TestARunThatOnlyWaitedIsNotResumed(t *testing.T) {
	t.Parallel()
	x := newIndex(t)
	cred := fleet("a", 1, every30d(t))[0]
	must(t, x.Hold(t.Context(), cred, time.Hour, false))
	must(t, x.Hold(t.Context(), cred, time.Hour, true)) // renewed
	must(t, x.Park(t.Context(), cred, 0))
	if s := look(t, x, cred); !s.Resume.IsZero() {
		t.Errorf("a credential without an open journal is to be resumed: %+v", s)
	}
	must(t, x.Hold(t.Context(), cred, time.Hour, false))
	must(t, x.Park(t.Context(), cred, time.Hour))
	must(t, x.Hold(t.Context(), cred, time.Hour, false))
	must(t, x.Park(t.Context(), cred, 0))
	if s := look(t, x, cred); s.Resume.IsZero() {
		t.Error("an open journal of an earlier hold is forgotten")
	}
}

func TestCountsTellWhereCredentialsStand(t *testing.T) {
	t.Parallel()
	x := newIndex(t)
	creds := fleet("a", 6, every30d(t))
	putOff(t, x, past, creds[:3]...)
	putOff(t, x, time.Now().Add(time.Hour), creds[3:5]...)
	_ = have[[]Due](t)(x.Claim(t.Context(), "a", 1, time.Hour))
	must(t, x.Hold(t.Context(), creds[1], time.Hour, false))
	must(t, x.Settle(t.Context(), creds[5], rotation.Ending{State: rotation.Quarantined}))
	got := have[[]Count](t)(x.Counts(t.Context(), "a", "b"))
	want := []Count{{Account: "a", Scheduled: 5, Overdue: 2, Claimed: 1, Open: 1, Quarantined: 1}, {Account: "b"}}
	if !slices.Equal(got, want) {
		t.Errorf("counted %+v, want %+v", got, want)
	}
}

func TestARemovedCredentialLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	x := newIndex(t)
	creds := fleet("a", 2, every30d(t))
	putOff(t, x, past, creds...)
	_ = have[[]Due](t)(x.Claim(t.Context(), "a", 2, time.Hour))
	must(t, x.Hold(t.Context(), creds[0], time.Hour, false))
	must(t, x.Remove(t.Context(), "a", creds[0].ID))
	if s := look(t, x, creds[0]); s != (Standing{}) {
		t.Errorf("stands %+v", s)
	}
	if s := look(t, x, creds[1]); s.Due.IsZero() {
		t.Error("the other one went too")
	}
}

func TestAReasonInTheMirrorIsCutAfterAWord(t *testing.T) {
	t.Parallel()
	for _, long := range []string{strings.Repeat("wörter ", 60), strings.Repeat("a wörter", 60), strings.Repeat("ö", 300)} {
		cut := shorten(long)
		rest, ok := strings.CutSuffix(cut, " …")
		if !ok || len(cut) > 200 || len(cut) < 150 || !utf8.ValidString(cut) || !strings.HasPrefix(long, rest) {
			t.Errorf("%q", cut)
		}
	}
}
