package due

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"keyturn/internal/redisx"
	"keyturn/internal/rotation"
	"keyturn/internal/schedule"
)

// fast is a clock that does not wait.
type fast struct{ rotation.WallClock }

func (fast) Sleep(ctx context.Context, _ time.Duration) error { return ctx.Err() }

func TestTheSweepCorrectsWhatDiffersFromVault(t *testing.T) {
	t.Parallel()
	x, v := newIndex(t), newVault()
	slot := time.Now().UTC().Truncate(time.Millisecond)
	creds := fleet("a", 10, every30d(t))
	for _, cred := range creds {
		v.rotated(cred, slot)
	}
	s := newScheduler(x, newQueue(), v, newInventory("one", creds...), Account{Name: "a", Capacity: 1})
	s.Clock = fast{}
	must(t, settle(t.Context(), s))

	putOff(t, x, past, creds[1]) // a settling was lost, and the push that followed it
	putOff(t, x, past, creds[2])
	_ = have[[]Due](t)(x.Claim(t.Context(), "a", 2, time.Hour)) // 1 and 2 are claimed
	must(t, x.rdb.HDel(t.Context(), redisx.Key("a", redisx.Claimed), creds[1].ID).Err())
	must(t, x.rdb.ZRem(t.Context(), redisx.Key("a", redisx.Due), creds[3].ID).Err())
	must(t, x.rdb.HSet(t.Context(), redisx.Key("a", redisx.Quarantine), creds[4].ID, "released meanwhile").Err())
	must(t, x.rdb.HDel(t.Context(), redisx.Key("a", redisx.Shown), creds[8].ID).Err())
	must(t, x.rdb.HSet(t.Context(), redisx.Key("a", redisx.Shown), creds[9].ID, Shown{Version: 1, Verified: rotation.VerifiedNo}.text()).Err())
	v.set(func() {
		v.records[creds[5].ID] = rotation.Record{State: rotation.Open, TouchedAt: past, Doubted: true}
		v.records[creds[6].ID] = rotation.Record{State: rotation.Quarantined, Why: "rule"}
		waiting := v.records[creds[7].ID]
		waiting.Identities.Retire = []rotation.Retiring{{ID: "later", NotBefore: slot.Add(time.Hour)}, {ID: "first", NotBefore: slot}}
		v.records[creds[7].ID] = waiting
	})
	claimed := look(t, x, creds[2])

	must(t, s.sweep(t.Context()))
	for i, cred := range creds {
		shown := Shown{Known: true, Version: 1, RotatedAt: slot}
		want := Standing{Due: cred.Schedule.Next(slot, cred.ID).Truncate(time.Millisecond), Shown: shown}
		switch i {
		case 2:
			want = claimed
		case 5:
			want.Resume, want.Doubted = past.Add(s.load.Load().Resume), true
		case 6:
			want = Standing{Quarantined: true, Why: "rule", Shown: shown}
		case 7:
			want.Retires = slot
		}
		if got := look(t, x, cred); got != want {
			t.Errorf("%s stands %+v, want %+v", cred.ID, got, want)
		}
	}
	corrected := have[int](t)(s.correct(t.Context()))
	if corrected != 0 {
		t.Errorf("a second sweep corrected %d", corrected)
	}
}

// A sweep of a million takes 14 hours. It must not bring back what a configuration that has gone says.
func TestASweepUnderWayGoesOnWithANewConfiguration(t *testing.T) {
	t.Parallel()
	x, v := newIndex(t), newVault()
	slot := time.Now().UTC().Truncate(time.Millisecond)
	creds := fleet("a", 3*sweepRate, every30d(t))
	for _, cred := range creds {
		v.rotated(cred, slot)
	}
	s := newScheduler(x, newQueue(), v, newInventory("one", creds...), Account{Name: "a", Capacity: 1})
	s.Clock = fast{}
	must(t, settle(t.Context(), s))

	shorter := fleet("a", len(creds), parse(t, schedule.Spec{Every: "7d"}))
	changed, removed := shorter[len(shorter)-2], creds[len(creds)-1]
	next := append(slices.Clone(creds[:len(creds)-2]), changed)
	reload := sync.OnceFunc(func() { reload(s, newInventory("two", next...)) })
	v.set(func() { v.onLoad = func(string) { reload() } })
	s.Clock = during{func() { must(t, settle(t.Context(), s)) }}
	must(t, s.sweep(t.Context()))

	if got, want := look(t, x, changed).Due, changed.Schedule.Next(slot, changed.ID).Truncate(time.Millisecond); !got.Equal(want) {
		t.Errorf("what changed is due %s, want %s", got, want)
	}
	if got := look(t, x, removed); got != (Standing{}) {
		t.Errorf("what was removed stands %+v", got)
	}
}

// during is a clock whose every rest is used for something.
type during struct{ do func() }

func (during) Now() time.Time { return time.Now() }

func (d during) Sleep(ctx context.Context, _ time.Duration) error {
	d.do()
	return ctx.Err()
}

func TestTheSweepNeverPutsOffWhatIsDue(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	f := finding{Finding: Finding{Due: now.AddDate(0, 1, 0)}} // computed from the time of looking
	if f.differs(Standing{Due: now.Add(-time.Minute)}, now) {
		t.Error("an overdue first rotation was put off by a period")
	}
	if f.Due = now.AddDate(0, 0, 1); !f.differs(Standing{Due: now.AddDate(0, 1, 0)}, now) {
		t.Error("a shorter schedule is not noticed")
	}
}

func TestTheSweepPrunesOnlyWhenAllSchedulersAgree(t *testing.T) {
	t.Parallel()
	x, v := newIndex(t), newVault()
	creds := fleet("a", 3, every30d(t))
	for _, cred := range creds {
		v.rotated(cred, time.Now())
	}
	s := newScheduler(x, newQueue(), v, newInventory("one", creds...), Account{Name: "a", Capacity: 1})
	s.Clock = fast{}
	must(t, settle(t.Context(), s))
	must(t, x.Settle(t.Context(), creds[2], rotation.Ending{State: rotation.Quarantined}))
	smaller := newScheduler(x, newQueue(), v, newInventory("two", creds[0]), Account{Name: "a", Capacity: 1})
	smaller.Clock = fast{}
	one, two := newPeer(), newPeer()
	must(t, s.announce(t.Context(), one))
	must(t, smaller.announce(t.Context(), two))
	must(t, smaller.sweep(t.Context()))
	if s := look(t, x, creds[1]); s.Due.IsZero() {
		t.Error("a scheduler took out what another one knows")
	}
	s.leave(t.Context(), one)
	must(t, smaller.announce(t.Context(), two))
	must(t, smaller.sweep(t.Context()))
	for _, cred := range creds[1:] {
		if s := look(t, x, cred); s != (Standing{}) {
			t.Errorf("%s stands %+v though no configuration has it", cred.ID, s)
		}
	}
	if s := look(t, x, creds[0]); s.Due.IsZero() {
		t.Error("the sweep took out a credential that is configured")
	}
}

func TestALeaseIsHeldByOneAndGivenBack(t *testing.T) {
	t.Parallel()
	x := newIndex(t)
	ctx, held, err := acquire(t.Context(), x, Lease{Account: "a"})
	must(t, err)
	if _, second, err := acquire(t.Context(), x, Lease{Account: "a"}); second != nil || err != nil {
		t.Errorf("a second holder: %v, %v", second, err)
	}
	if ok := have[bool](t)(held.release(ctx, false)); !ok {
		t.Error("the holder is told that it lost the lease")
	}
	ctx, held, err = acquire(t.Context(), x, Lease{Account: "a"})
	must(t, err)
	flush(t, x.rdb)
	if ok := have[bool](t)(held.release(ctx, true)); ok {
		t.Error("the holder is told that it kept a lease that is gone")
	}
	if have[bool](t)(x.Built(t.Context(), "a")) {
		t.Error("the mark was set all the same")
	}
}
