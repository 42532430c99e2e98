package duetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"keyturn/internal/due"
	"keyturn/internal/rotation"
	"keyturn/internal/schedule"
)

// Whole is all that an index keeps: what schedulers share, and the index's part of rotation.Agenda.
type Whole interface {
	due.Shared
	Hold(ctx context.Context, cred *rotation.Credential, quiet time.Duration, force bool) error
	Park(ctx context.Context, cred *rotation.Credential, d time.Duration) error
	Settle(ctx context.Context, cred *rotation.Credential, end rotation.Ending) error
	Doubt(ctx context.Context, cred *rotation.Credential, since time.Time) error
}

// Conform is the suite that every index passes. Each part gets one that is empty, and a way to empty it again.
func Conform(t *testing.T, start func(t *testing.T) (x Whole, flush func())) {
	t.Helper()
	for name, part := range map[string]func(*bench){
		"what is due is claimed, the longest overdue first, and keeps its slot": claims,
		"what is given back is due when it was asked for":                       gives,
		"what ends is due when its schedule says":                               settles,
		"a slot that is yet to come puts nothing off":                           ahead,
		"what went into quarantine since it was read is not scheduled":          addedWhileStuck,
		"what rotates on demand alone is never due":                             never,
		"a hold keeps others away, and parks":                                   holds,
		"what stands is added to and replaced":                                  mirrors,
		"what waits to be retired is added, replaced and removed":               retires,
		"people are shown what stands and what is in doubt":                     shows,
		"what is settled late does not take the place of what is newer":         overtaken,
		"a lease is one holder's until it lapses":                               leases,
		"peers lapse and leave":                                                 peers,
		"a point is marked once":                                                points,
		"everything is lost with a flush":                                       loses,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x, flush := start(t)
			part(&bench{T: t, Whole: x, flush: flush})
		})
	}
}

// bench is one index under test.
type bench struct {
	*testing.T
	Whole
	flush func()
}

var (
	past = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	far  = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
)

func (b *bench) creds(n int) []*rotation.Credential {
	b.Helper()
	when, err := schedule.Parse(schedule.Spec{Every: "30d"})
	b.must(err)
	creds := make([]*rotation.Credential, n)
	for i := range creds {
		id := fmt.Sprint("c", i)
		creds[i] = &rotation.Credential{ID: id, Account: "a", Place: rotation.Place{Path: id}, Schedule: when}
	}
	return creds
}

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// want compares what was got.
func want[T any](b *bench, got T, err error, wanted T) {
	b.Helper()
	b.must(err)
	if !reflect.DeepEqual(got, wanted) {
		b.Errorf("got %+v, want %+v", got, wanted)
	}
}

func (b *bench) now() time.Time {
	b.Helper()
	now, err := b.Now(b.Context())
	b.must(err)
	return now
}

func (b *bench) look(cred *rotation.Credential) due.Standing {
	b.Helper()
	all, err := b.Look(b.Context(), []*rotation.Credential{cred})
	b.must(err)
	return all[0]
}

// put makes credentials due, each a minute after the one before.
func (b *bench) put(from time.Time, creds ...*rotation.Credential) {
	b.Helper()
	var found []due.Finding
	for i, cred := range creds {
		found = append(found, due.Finding{Cred: cred, Due: from.Add(time.Duration(i) * time.Minute)})
	}
	b.must(b.Replace(b.Context(), found))
}

func claims(b *bench) {
	creds := b.creds(4)
	b.put(past, creds[:3]...)
	b.put(far, creds[3])
	none, err := b.Claim(b.Context(), "other", 10, time.Hour)
	want(b, len(none), err, 0)
	first, err := b.Claim(b.Context(), "a", 2, time.Millisecond)
	want(b, first, err, []due.Due{{ID: "c0", Slot: past, First: true}, {ID: "c1", Slot: past.Add(time.Minute), First: true}})
	b.until("a claim is over", func() bool { return b.look(creds[1]).Due.Before(b.now()) })
	rest, err := b.Claim(b.Context(), "a", 10, time.Hour)
	slices.SortFunc(rest, func(a, b due.Due) int { return a.Slot.Compare(b.Slot) })
	want(b, rest, err, []due.Due{
		{ID: "c0", Slot: past}, {ID: "c1", Slot: past.Add(time.Minute)}, {ID: "c2", Slot: past.Add(2 * time.Minute), First: true},
	})
	if s := b.look(creds[0]); !s.Claimed.Equal(past) || s.Due.Before(b.now().Add(59*time.Minute)) {
		b.Errorf("claimed, it stands %+v", s)
	}
	now, found, err := b.Glance(b.Context(), []string{"a", "other"})
	b.must(err)
	if len(found) != 2 || found[0].Due.Before(now) || found[0].Due.After(now.Add(time.Hour)) || found[0].Built || found[1] != (due.Glance{}) {
		b.Errorf("at a glance: %+v", found)
	}
}

// until polls a condition.
func (b *bench) until(what string, holds func() bool) {
	b.Helper()
	poll := time.NewTicker(time.Millisecond)
	defer poll.Stop()
	for range 10_000 {
		if holds() {
			return
		}
		<-poll.C
	}
	b.Fatalf("it never came about that %s", what)
}

func gives(b *bench) {
	creds := b.creds(3)
	b.put(past, creds...)
	claimed, err := b.Claim(b.Context(), "a", 3, time.Hour)
	b.must(err)
	b.must(b.Settle(b.Context(), creds[2], rotation.Ending{Slot: b.now(), RotationID: "r"}))
	settled := b.look(creds[2])
	b.must(b.Move(b.Context(), "a", []due.Moved{
		{Due: claimed[0], At: past}, {Due: claimed[1], At: far, Forget: true}, {Due: claimed[2], At: far}, {Due: due.Due{ID: "gone"}, At: past},
	}))
	want(b, b.look(creds[0]), nil, due.Standing{Due: past, Claimed: past})
	want(b, b.look(creds[1]), nil, due.Standing{Due: far})
	want(b, b.look(creds[2]), nil, settled)
	again, err := b.Claim(b.Context(), "a", 3, time.Hour)
	want(b, again, err, []due.Due{{ID: "c0", Slot: past}})
}

func settles(b *bench) {
	creds, ctx := b.creds(3), b.Context()
	b.put(past, creds...)
	_, err := b.Claim(ctx, "a", 3, time.Hour)
	b.must(err)
	for _, cred := range creds {
		b.must(b.Hold(ctx, cred, time.Hour, false))
	}
	slot := b.now().Add(-time.Hour).Truncate(time.Millisecond)
	b.must(b.Settle(ctx, creds[0], rotation.Ending{Promoted: true, Slot: slot, RotatedAt: slot, RotationID: "r"}))
	next := creds[0].Schedule.Next(slot, creds[0].ID)
	want(b, b.look(creds[0]), nil, due.Standing{Due: time.UnixMilli(next.UnixMilli()).UTC()})
	b.must(b.Settle(ctx, creds[1], rotation.Ending{State: rotation.Quarantined, Why: "target"}))
	want(b, b.look(creds[1]), nil, due.Standing{Quarantined: true, Why: "target"})
	b.must(b.Settle(ctx, creds[2], rotation.Ending{})) // given up for now, and never rotated
	if s := b.look(creds[2]); !s.Claimed.Equal(past.Add(2*time.Minute)) || s.Due.Before(b.now()) || !s.Resume.IsZero() {
		b.Errorf("what was given up stands %+v", s)
	}
	b.must(b.Hold(ctx, creds[0], time.Hour, false)) // the hold went with the end
	b.must(b.Settle(ctx, creds[1], rotation.Ending{Slot: slot, RotationID: "r"}))
	if s := b.look(creds[1]); s.Quarantined || s.Due.IsZero() {
		b.Errorf("what was released stands %+v", s)
	}
}

func addedWhileStuck(b *bench) {
	creds := b.creds(2)
	b.must(b.Settle(b.Context(), creds[0], rotation.Ending{State: rotation.Quarantined, Slot: past, Why: "rule"}))
	b.must(b.Add(b.Context(), []due.Finding{{Cred: creds[0], Due: past}, {Cred: creds[1], Due: past}}))
	if s := b.look(creds[0]); !s.Quarantined || !s.Due.IsZero() {
		b.Errorf("what went into quarantine after it was read stands %+v", s)
	}
	if s := b.look(creds[1]); !s.Due.Equal(past) {
		b.Errorf("its neighbour stands %+v", s)
	}
}

func ahead(b *bench) {
	now := b.now()
	creds := b.creds(3)
	for i, rotated := range []time.Time{now.Add(-time.Hour), now.AddDate(0, 3, 0), {}} {
		b.must(b.Settle(b.Context(), creds[i], rotation.Ending{Slot: now.AddDate(0, 2, 0), RotatedAt: rotated, RotationID: "r"}))
		if at := b.look(creds[i]).Due; at.Before(now.AddDate(0, 0, 29)) || at.After(now.AddDate(0, 0, 31)) {
			b.Errorf("rotated at %s, due %s, want a period from now", rotated, at)
		}
	}
}

func holds(b *bench) {
	cred, ctx := b.creds(1)[0], b.Context()
	b.must(b.Hold(ctx, cred, time.Hour, false))
	var wait *rotation.WaitError
	if err := b.Hold(ctx, cred, time.Hour, false); !errors.As(err, &wait) || wait.After <= 59*time.Minute || wait.After > time.Hour {
		b.Errorf("a second holder hears %v", err)
	}
	b.must(b.Hold(ctx, cred, time.Hour, true))
	if s := b.look(cred); s.Resume.Before(b.now().Add(59 * time.Minute)) {
		b.Errorf("held, it stands %+v", s)
	}
	b.must(b.Park(ctx, cred, 0)) // no journal was opened
	want(b, b.look(cred), nil, due.Standing{})
	b.must(b.Hold(ctx, cred, time.Hour, false))
	b.must(b.Park(ctx, cred, time.Minute))
	if at := b.look(cred).Resume; at.After(b.now().Add(time.Minute)) || at.Before(b.now()) {
		b.Errorf("parked for a minute, it is resumed at %s", at)
	}
	b.must(b.Hold(ctx, cred, time.Hour, false))
	b.must(b.Park(ctx, cred, 0)) // one was open before
	if at := b.look(cred).Resume; at.IsZero() || at.After(b.now().Add(time.Minute)) {
		b.Errorf("a journal that was open before a run that only waited is resumed at %s", at)
	}
	b.must(b.Hold(ctx, cred, time.Hour, false))
	b.must(b.Hold(ctx, cred, 2*time.Hour, true)) // renewed
	b.must(b.Park(ctx, cred, 0))
	if at := b.look(cred).Resume; at.IsZero() || at.After(b.now().Add(time.Minute)) {
		b.Errorf("a journal that was open before a run that only waited for long is resumed at %s", at)
	}
	b.must(b.Replace(ctx, []due.Finding{{Cred: cred, Resume: past, Pull: true}}))
	open, err := b.ClaimOpen(ctx, "a", 10, time.Hour)
	want(b, open, err, []due.Due{{ID: "c0", First: true}})
	b.must(b.Hold(ctx, cred, time.Millisecond, true))
	b.until("a hold lapses", func() bool { return b.Hold(ctx, cred, time.Hour, false) == nil })

	// A hold that lasts longer than any was taken while the clock was ahead.
	b.must(b.Hold(ctx, cred, 60*24*time.Hour, true))
	b.must(b.Hold(ctx, cred, time.Hour, false))
	if err := b.Hold(ctx, cred, time.Hour, false); !errors.As(err, &wait) {
		b.Errorf("the hold after it does not hold: %v", err)
	}
}
