package due

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/schedule"
)

// What brought about how a credential stands is told at least once, though Redis lost it before it was.
func TestWhatStillHoldsIsNotedAgainAfterRedisWasEmptied(t *testing.T) {
	t.Parallel()
	x, v := newIndex(t), newVault()
	now := time.Now().UTC().Truncate(time.Millisecond)
	creds := fleet("a", 5, every30d(t))
	rotated := func(cred *rotation.Credential, ago time.Duration) {
		v.rotated(cred, now.Add(-ago))
		e := v.entries[cred.Place.Path]
		e.RotatedAt, e.Version = now.Add(-ago), 3
		v.entries[cred.Place.Path] = e
	}
	rotated(creds[0], time.Hour)
	rotated(creds[1], 48*time.Hour)
	rotated(creds[2], time.Hour)
	v.records[creds[2].ID] = rotation.Record{Version: 4, State: rotation.Open, RotationID: "next", TouchedAt: now}
	v.records[creds[3].ID] = rotation.Record{Version: 4, State: rotation.Quarantined, RotationID: "stuck", Why: "two passwords", Reason: rotation.ReasonDrift}
	s := newScheduler(x, newQueue(), v, newInventory("one", creds...), Account{Name: "a", Capacity: 1})
	s.Remind = x.Remind
	must(t, settle(t.Context(), s))
	flush(t, x.rdb)
	must(t, settle(t.Context(), s))

	events := have[[]Event](t)(x.Events(t.Context(), "0", 100, -1))
	got := map[string]Event{}
	for _, e := range events {
		if e.Fields["again"] != "1" {
			t.Errorf("%v", e.Fields)
		}
		got[e.Fields["credential"]] = e
	}
	if len(events) != 3 || len(got) != 3 {
		t.Fatalf("%d events: %v", len(events), events)
	}
	for _, i := range []int{0, 2} {
		f := got[creds[i].ID].Fields
		if f["type"] != EventRotated || f["version"] != "3" || f["rotation_id"] != v.entries[creds[i].Place.Path].RotationID || f["account"] != "a" {
			t.Errorf("%s: %v", creds[i].ID, f)
		}
	}
	if f := got[creds[3].ID].Fields; f["type"] != EventQuarantined || f["rotation_id"] != "stuck" || f["why"] != "two passwords" || f["reason"] != string(rotation.ReasonDrift) {
		t.Errorf("%v", f)
	}
}

// Events are for people: where they cannot be noted, all is scheduled, and they are noted when they can be.
func TestScheduleDoesNotWaitForWhatIsToBeNotedAgain(t *testing.T) {
	t.Parallel()
	x, v := newIndex(t), newVault()
	now := time.Now().UTC().Truncate(time.Millisecond)
	creds := fleet("a", 3, every30d(t))
	for _, cred := range creds {
		v.rotated(cred, now.Add(-time.Hour))
	}
	s := newScheduler(x, newQueue(), v, newInventory("one", creds...), Account{Name: "a", Capacity: 1})
	away, noted := true, 0
	s.Remind = func(_ context.Context, all []Reminder) error {
		if away {
			return errors.New("the node of events is away")
		}
		noted += len(all)
		return nil
	}
	must(t, settle(t.Context(), s))
	for _, cred := range creds {
		if look(t, x, cred).Due.IsZero() {
			t.Errorf("%s is not scheduled", cred.ID)
		}
	}
	away = false
	for range 2 {
		must(t, s.sweep(t.Context()))
	}
	if noted != len(creds) {
		t.Errorf("%d are noted, want %d", noted, len(creds))
	}
}

// A worker dies between the close of a journal and the note of its end, and before another one resumes it a configuration with
// other schedules is read.
func TestAReloadShowsNothingOfWhichNoOneWasTold(t *testing.T) {
	t.Parallel()
	x, v := newIndex(t), newVault()
	now := time.Now().UTC().Truncate(time.Millisecond)
	creds := fleet("a", 2, every30d(t))
	promoted := func(version int, at time.Time) {
		for _, cred := range creds {
			v.rotated(cred, at)
			e := v.entries[cred.Place.Path]
			e.RotatedAt, e.Version, e.RotationID = at, version, fmt.Sprintf("r%d", version)
			v.entries[cred.Place.Path] = e
		}
	}
	end := rotation.Ending{State: rotation.Closed, RotationID: "r1", Slot: now, RotatedAt: now, Version: 1}
	promoted(1, now)
	for _, cred := range creds {
		end.Promoted = true
		must(t, x.Settle(t.Context(), cred, end))
	}
	s := newScheduler(x, newQueue(), v, newInventory("one", creds...), Account{Name: "a", Capacity: 1})
	s.Remind = x.Remind
	must(t, settle(t.Context(), s))

	promoted(2, now)
	must(t, x.Hold(t.Context(), creds[0], time.Hour, false)) // its worker may be alive
	changed := fleet("a", 2, parse(t, schedule.Spec{Every: "60d"}))
	reload(s, newInventory("two", changed...))
	must(t, settle(t.Context(), s))
	end.Promoted, end.RotationID, end.Version = false, "r2", 2
	for _, cred := range changed {
		must(t, x.Settle(t.Context(), cred, end)) // by the runs that find them served
	}
	told := map[string]int{}
	for _, e := range have[[]Event](t)(x.Events(t.Context(), "0", 100, -1)) {
		if e.Fields["rotation_id"] == "r2" {
			told[e.Fields["credential"]]++
		}
	}
	if told[creds[0].ID] != 1 || told[creds[1].ID] != 1 {
		t.Errorf("told %v times of the second rotation", told)
	}
}

// The first rotation of a credential that waited for a person, whose worker died before it could tell, and a scheduler that starts.
func TestASchedulerThatStartsShowsNothingOfWhichNoOneWasTold(t *testing.T) {
	t.Parallel()
	x, v := newIndex(t), newVault()
	now := time.Now().UTC().Truncate(time.Millisecond)
	cred := fleet("a", 1, every30d(t))[0]
	start := func() {
		s := newScheduler(x, newQueue(), v, newInventory("one", cred), Account{Name: "a", Capacity: 1})
		s.Remind = x.Remind
		must(t, settle(t.Context(), s))
	}
	start()
	v.rotated(cred, now)
	e := v.entries[cred.Place.Path]
	e.RotatedAt, e.Version, e.RotationID = now, 1, "r1"
	v.entries[cred.Place.Path] = e
	must(t, x.Hold(t.Context(), cred, time.Hour, false))
	start()
	must(t, x.Settle(t.Context(), cred, rotation.Ending{State: rotation.Closed, RotationID: "r1", Slot: now, RotatedAt: now, Version: 1}))
	if told := have[[]Event](t)(x.Events(t.Context(), "0", 100, -1)); len(told) != 1 || told[0].Fields["rotation_id"] != "r1" {
		t.Errorf("told %v", told)
	}
}
