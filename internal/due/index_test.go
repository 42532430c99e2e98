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

	"keyturn/internal/redisx"
	"keyturn/internal/rotation"
)

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

func TestAQuarantineIsToldOnceHoweverOftenItIsTriedInVain(t *testing.T) {
	t.Parallel()
	x := newIndex(t)
	cred := fleet("a", 1, every30d(t))[0]
	told := func() int { return len(have[[]Event](t)(x.Events(t.Context(), "0", 10, -1))) }
	found := rotation.Ending{State: rotation.Quarantined, Slot: past, Why: "rule", Found: true}
	must(t, x.Settle(t.Context(), cred, found))
	if told() != 1 || !look(t, x, cred).Quarantined {
		t.Errorf("the run before died before it could tell: %d events", told())
	}
	must(t, x.Settle(t.Context(), cred, found))
	if told() != 1 {
		t.Errorf("a run that was asked in vain told of it again: %d events", told())
	}
	must(t, x.Settle(t.Context(), cred, rotation.Ending{State: rotation.Quarantined, Slot: past, Why: "rule"}))
	if told() != 2 {
		t.Errorf("after a release that did not help: %d events", told())
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
	for i, late := range []time.Duration{3 * time.Hour, time.Minute, -time.Hour} {
		must(t, x.Retires(t.Context(), creds[i], rotation.Retirement{First: time.Now().Add(-late)}))
	}
	must(t, x.Retires(t.Context(), creds[3], rotation.Retirement{First: past}))
	must(t, x.Retires(t.Context(), creds[3], rotation.Retirement{})) // it is gone
	got := have[[]Count](t)(x.Counts(t.Context(), "a", "b"))
	want := []Count{{Account: "a", Scheduled: 5, Overdue: 2, Claimed: 1, Open: 1, Quarantined: 1, Retiring: 3, NotRetired: 1}, {Account: "b"}}
	if !slices.Equal(got, want) {
		t.Errorf("counted %+v, want %+v", got, want)
	}
}

func TestTheFirstThatWaitsTellsHowLateAnAccountIs(t *testing.T) {
	t.Parallel()
	x := newIndex(t)
	creds := fleet("a", 3, every30d(t))
	for i, late := range []time.Duration{5 * time.Hour, time.Minute, -time.Hour} {
		putOff(t, x, time.Now().Add(-late), creds[i])
		must(t, x.Retires(t.Context(), creds[i], rotation.Retirement{First: time.Now().Add(-late + 2*time.Hour)}))
	}
	must(t, x.Hold(t.Context(), creds[2], time.Hour, false))
	within := func(name string, least time.Duration) {
		t.Helper()
		late := have[[]time.Duration](t)(x.Late(t.Context(), name, "b", "a"))
		if len(late) != 2 || late[0] != 0 || late[1] < least || late[1] > least+30*time.Minute {
			t.Errorf("%s: late by %s, want 0 and %s", name, late, least)
		}
	}
	within(redisx.Due, 5*time.Hour)
	within(redisx.Retiring, 3*time.Hour)
	if late := have[[]time.Duration](t)(x.Late(t.Context(), redisx.Open, "a")); late[0] != 0 {
		t.Errorf("an open journal is late by %s before it is to be resumed", late)
	}
	_ = have[[]Due](t)(x.Claim(t.Context(), "a", 1, time.Hour))
	within(redisx.Due, time.Minute)
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

func TestWhatIsCountedFollowsWhatIsShown(t *testing.T) {
	t.Parallel()
	x, ctx := newIndex(t), t.Context()
	creds := fleet("a", 5, every30d(t))
	shown := func(version int, gone bool) Shown { return Shown{Known: true, Version: version, Deleted: gone} }
	must(t, x.Add(ctx, []Finding{
		{Cred: creds[0], Shown: shown(1, false), Due: past},
		{Cred: creds[1], Shown: shown(0, false)},
		{Cred: creds[2], Shown: shown(4, true), Due: past},
		{Cred: creds[3], Shown: shown(0, false), Stuck: true, Why: "rule"},
		{Cred: creds[4], Shown: shown(2, false), Due: past},
	}))
	must(t, x.Checked(ctx, creds[4], rotation.Refused))
	must(t, x.Hold(ctx, creds[1], time.Hour, false))
	counts := have[[]Count](t)(x.Counts(ctx, "a"))[0]
	if counts.Known != 5 || counts.Unrotated != 1 || counts.Gone != 1 || counts.Refused != 1 || counts.Quarantined != 1 {
		t.Errorf("%+v", counts)
	}
	if both := have[[]int](t)(x.Both(ctx, "a")); both[0] != 1 {
		t.Errorf("%v are open and counted elsewhere", both)
	}
	if gone := have[[]string](t)(x.Without(ctx, "a", 9)); len(gone) != 1 || gone[0] != creds[2].ID {
		t.Errorf("%v", gone)
	}
	if stuck := have[map[string]string](t)(x.Stuck(ctx, "a", 9)); len(stuck) != 1 || stuck[creds[3].ID] != "rule" {
		t.Errorf("%v", stuck)
	}
	for _, cred := range creds {
		must(t, x.Settle(ctx, cred, rotation.Ending{Promoted: true, Slot: past, RotatedAt: past, Version: 5}))
	}
	if counts = have[[]Count](t)(x.Counts(ctx, "a"))[0]; counts.Unrotated+counts.Gone+counts.Refused+counts.Quarantined != 0 {
		t.Errorf("after a rotation: %+v", counts)
	}
	must(t, x.Settle(ctx, creds[1], rotation.Ending{State: rotation.Quarantined, Why: "rule"}))
	must(t, x.Settle(ctx, creds[2], rotation.Ending{})) // given up for now, and never rotated
	if counts = have[[]Count](t)(x.Counts(ctx, "a"))[0]; counts.Unrotated != 1 || counts.Quarantined != 1 {
		t.Errorf("%+v", counts)
	}
	if ahead := have[[]int](t)(x.Ahead(ctx, past, 30, "a")); len(ahead) != 30 {
		t.Errorf("%v", ahead)
	}
	must(t, x.Remove(ctx, "a", creds[0].ID, creds[1].ID, creds[2].ID, creds[3].ID, creds[4].ID))
	if counts = have[[]Count](t)(x.Counts(ctx, "a"))[0]; counts.Known+counts.Unrotated != 0 {
		t.Errorf("%+v", counts)
	}
}
