package duetest

import (
	"slices"
	"time"

	"keyturn/internal/due"
	"keyturn/internal/rotation"
	"keyturn/internal/schedule"
)

func mirrors(b *bench) {
	creds, ctx := b.creds(3), b.Context()
	b.must(b.Add(ctx, []due.Finding{
		{Cred: creds[0], Due: past, Resume: far}, {Cred: creds[1], Stuck: true, Why: "rule", Due: past}, {Cred: creds[2]},
	}))
	b.must(b.Add(ctx, []due.Finding{{Cred: creds[0], Due: far, Resume: past}}))
	want(b, b.look(creds[0]), nil, due.Standing{Due: past, Resume: far})
	want(b, b.look(creds[2]), nil, due.Standing{})
	claimed, err := b.Claim(ctx, "a", 9, time.Hour)
	want(b, len(claimed), err, 1) // what is in quarantine is not due
	b.must(b.Replace(ctx, []due.Finding{
		{Cred: creds[0], Due: far, Resume: past}, {Cred: creds[1], Due: far},
	}))
	want(b, b.look(creds[0]), nil, due.Standing{Due: far, Resume: far})
	want(b, b.look(creds[1]), nil, due.Standing{Due: far})
	b.must(b.Replace(ctx, []due.Finding{{Cred: creds[0], Resume: past, Pull: true}, {Cred: creds[1], Stuck: true, Why: "target"}}))
	want(b, b.look(creds[0]), nil, due.Standing{Resume: past})
	want(b, b.look(creds[1]), nil, due.Standing{Quarantined: true, Why: "target"})
	var ids []string
	err = b.Members(ctx, "a", func(some []string) error { ids = append(ids, some...); return nil })
	slices.Sort(ids)
	want(b, slices.Compact(ids), err, []string{"c0", "c1"})
	b.must(b.Remove(ctx, "a", "c0", "c1", "c9"))
	for _, cred := range creds {
		want(b, b.look(cred), nil, due.Standing{})
	}
}

// never is a credential that rotates on demand alone.
func never(b *bench) {
	cred, ctx := b.creds(1)[0], b.Context()
	cred.Schedule = schedule.Manual
	b.must(b.Replace(ctx, []due.Finding{{Cred: cred, Due: past}}))
	claimed, err := b.Claim(ctx, "a", 9, time.Hour)
	want(b, len(claimed), err, 1)
	for _, slot := range []time.Time{past, b.now().Add(time.Hour)} { // and where Redis's clock was ahead
		b.must(b.Settle(ctx, cred, rotation.Ending{State: rotation.Closed, Promoted: true, Slot: slot, RotatedAt: past}))
		if at := b.look(cred).Due; at.Before(b.now().AddDate(100, 0, 0)) {
			b.Errorf("after a rotation for %s it is due at %s", slot, at)
		}
	}
	claimed, err = b.Claim(ctx, "a", 9, time.Hour)
	want(b, len(claimed), err, 0)
}

func retires(b *bench) {
	creds, ctx := b.creds(2), b.Context()
	b.must(b.Add(ctx, []due.Finding{{Cred: creds[0], Due: past, Retires: past}, {Cred: creds[1], Due: past}}))
	want(b, b.look(creds[0]), nil, due.Standing{Due: past, Retires: past})
	want(b, b.look(creds[1]), nil, due.Standing{Due: past})
	b.must(b.Replace(ctx, []due.Finding{{Cred: creds[0], Due: past}, {Cred: creds[1], Due: past, Retires: far}}))
	want(b, b.look(creds[0]), nil, due.Standing{Due: past})
	want(b, b.look(creds[1]), nil, due.Standing{Due: past, Retires: far})
	b.must(b.Remove(ctx, "a", "c1"))
	want(b, b.look(creds[1]), nil, due.Standing{})
}

func shows(b *bench) {
	creds, ctx := b.creds(2), b.Context()
	shown := due.Shown{Known: true, Version: 3, RotatedAt: past, Verified: rotation.VerifiedNo}
	b.must(b.Add(ctx, []due.Finding{{Cred: creds[0], Due: past, Shown: shown}, {Cred: creds[1], Due: past, Resume: far, Doubted: true, Shown: due.Shown{Known: true}}}))
	want(b, b.look(creds[0]), nil, due.Standing{Due: past, Shown: shown})
	want(b, b.look(creds[1]), nil, due.Standing{Due: past, Resume: far, Doubted: true, Shown: due.Shown{Known: true}})
	b.must(b.Replace(ctx, []due.Finding{{Cred: creds[0], Due: past, Resume: far}})) // of which current was not read
	b.must(b.Doubt(ctx, creds[0], past))
	want(b, b.look(creds[0]), nil, due.Standing{Due: past, Resume: far, Doubted: true, Shown: shown})
	b.must(b.Settle(ctx, creds[0], rotation.Ending{Promoted: true, Slot: past, RotatedAt: past, Version: 4, Verified: rotation.VerifiedYes}))
	next := due.Shown{Known: true, Version: 4, RotatedAt: past, Verified: rotation.VerifiedYes}
	if s := b.look(creds[0]); s.Doubted || s.Shown != next {
		b.Errorf("what was rotated stands %+v", s)
	}
	b.must(b.Doubt(ctx, creds[0], past)) // which went out of date
	gone := due.Shown{Known: true, Version: 4, RotatedAt: past, Deleted: true}
	b.must(b.Replace(ctx, []due.Finding{{Cred: creds[0], Due: far, Shown: gone}}))
	want(b, b.look(creds[0]), nil, due.Standing{Due: far, Shown: gone})
	b.must(b.Settle(ctx, creds[1], rotation.Ending{State: rotation.Quarantined, Why: "rule"})) // and nothing stands there
	want(b, b.look(creds[1]), nil, due.Standing{Quarantined: true, Why: "rule", Shown: due.Shown{Known: true}})
	b.must(b.Remove(ctx, "a", "c0", "c1"))
	want(b, b.look(creds[0]), nil, due.Standing{})
}

func overtaken(b *bench) {
	cred := b.creds(1)[0]
	promoted := func(version int, at time.Time) due.Shown {
		end := rotation.Ending{State: rotation.Closed, Promoted: true, Slot: past, RotatedAt: at, Version: version, Verified: rotation.VerifiedYes}
		b.must(b.Settle(b.Context(), cred, end))
		return b.look(cred).Shown
	}
	shown := func(version int, at time.Time) due.Shown {
		return due.Shown{Known: true, Version: version, RotatedAt: at, Verified: rotation.VerifiedYes}
	}
	want(b, promoted(5, past.Add(time.Hour)), nil, shown(5, past.Add(time.Hour)))
	want(b, promoted(4, past), nil, shown(5, past.Add(time.Hour))) // by a process that stood still meanwhile
	want(b, promoted(5, past.Add(time.Hour)), nil, shown(5, past.Add(time.Hour)))
	// The path was reset, with which its versions start again.
	want(b, promoted(1, past.Add(2*time.Hour)), nil, shown(1, past.Add(2*time.Hour)))
}

func leases(b *bench) {
	ctx, a, sweeping := b.Context(), due.Lease{Account: "a"}, due.Lease{}
	for what, one := range map[due.Lease]string{a: "one", sweeping: "two"} {
		taken, err := b.TakeLease(ctx, what, one, time.Hour)
		want(b, taken, err, true)
		taken, err = b.TakeLease(ctx, what, "other", time.Hour)
		want(b, taken, err, false)
	}
	kept, err := b.KeepLease(ctx, a, "other", time.Hour)
	want(b, kept, err, false)
	held, err := b.ReleaseLease(ctx, a, "other", true)
	want(b, held, err, false)
	built, err := b.Built(ctx, "a")
	want(b, built, err, false)
	held, err = b.ReleaseLease(ctx, a, "one", true)
	want(b, held, err, true)
	built, err = b.Built(ctx, "a")
	want(b, built, err, true)
	kept, err = b.KeepLease(ctx, sweeping, "two", time.Millisecond)
	want(b, kept, err, true)
	b.until("the lease lapses", func() bool {
		taken, err := b.TakeLease(ctx, sweeping, "three", time.Hour)
		return taken && err == nil
	})
	held, err = b.ReleaseLease(ctx, sweeping, "two", false)
	want(b, held, err, false)

	// A lease that lasts longer than any was taken while the clock was ahead.
	ahead := due.Lease{Account: "ahead"}
	_, err = b.TakeLease(ctx, ahead, "one", time.Hour)
	b.must(err)
	taken, err := b.TakeLease(ctx, ahead, "two", time.Minute)
	want(b, taken, err, true)
	taken, err = b.TakeLease(ctx, ahead, "three", time.Minute)
	want(b, taken, err, false)
}

func peers(b *bench) {
	ctx := b.Context()
	all, err := b.Announce(ctx, "one x", "")
	want(b, all, err, []string{"one x"})
	_, err = b.Announce(ctx, "two x", "")
	b.must(err)
	all, err = b.Announce(ctx, "one y", "one x")
	slices.Sort(all)
	want(b, all, err, []string{"one y", "two x"})
	b.must(b.Leave(ctx, "two x"))
	all, err = b.Announced(ctx)
	want(b, all, err, []string{"one y"})
}

func points(b *bench) {
	ctx, cred := b.Context(), b.creds(1)[0]
	mark := func(kind string, at time.Time, wanted bool) {
		b.Helper()
		ours, err := b.Mark(ctx, kind, cred, at, time.Hour)
		want(b, ours, err, wanted)
	}
	mark("check", past.Add(time.Hour), true)
	mark("check", past.Add(time.Hour), false)
	mark("check", past, false)
	mark("contacts", past, true)
	b.must(b.Unmark(ctx, "check", cred))
	mark("check", past, true)
	mark("ahead", far, true)
	mark("ahead", past, true) // what a clock that was ahead has marked is yet to come
	mark("ahead", past, false)
	_, err := b.Mark(ctx, "brief", cred, past, time.Millisecond)
	b.must(err)
	b.until("the mark lapses", func() bool {
		ours, err := b.Mark(ctx, "brief", cred, past, time.Hour)
		return ours && err == nil
	})
}

func loses(b *bench) {
	ctx, creds := b.Context(), b.creds(1)
	b.put(past, creds...)
	_, err := b.TakeLease(ctx, due.Lease{Account: "a"}, "one", time.Hour)
	b.must(err)
	b.must(b.Hold(ctx, creds[0], time.Hour, false))
	b.flush()
	want(b, b.look(creds[0]), nil, due.Standing{})
	held, err := b.ReleaseLease(ctx, due.Lease{Account: "a"}, "one", true)
	want(b, held, err, false)
	built, err := b.Built(ctx, "a")
	want(b, built, err, false)
	b.must(b.Hold(ctx, creds[0], time.Hour, false))
}
