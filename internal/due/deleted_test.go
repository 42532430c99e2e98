package due

import (
	"testing"
	"time"

	"keyturn/internal/rotation"
)

func TestADeletedSecretStaysInTheScheduleAndIsTold(t *testing.T) {
	t.Parallel()
	x, v := newIndex(t), newVault()
	slot := time.Now().UTC().Truncate(time.Millisecond)
	creds := fleet("a", 6, every30d(t))
	closed := rotation.Record{Version: 3, State: rotation.Closed, RotationID: "r", Slot: slot, CurrentVersion: 1}
	for _, cred := range creds {
		v.rotated(cred, slot)
		v.records[cred.ID] = closed
	}
	s := newScheduler(x, newQueue(), v, newInventory("one", creds...), Account{Name: "a", Capacity: 1})
	s.Clock = fast{}
	must(t, settle(t.Context(), s))
	if n := s.Deleted()["a"]; n != 0 {
		t.Errorf("%d are deleted", n)
	}
	v.set(func() {
		v.entries[creds[0].Place.Path] = rotation.Entry{Version: 1, Deleted: true} // the version
		v.entries[creds[1].Place.Path] = rotation.Entry{}                          // with its metadata
		v.entries[creds[2].Place.Path] = rotation.Entry{Version: 2, RotationID: "r", Slot: slot}
		v.entries[creds[3].Place.Path] = rotation.Entry{Version: 1, Deleted: true}
		older := closed // of a release that did not note it
		older.CurrentVersion = 0
		v.records[creds[3].ID] = older
		v.entries[creds[4].Place.Path] = rotation.Entry{} // was never rotated, and given up once
		v.records[creds[4].ID] = older
	})
	for _, when := range []string{"swept", "rebuilt"} {
		if when == "rebuilt" {
			flush(t, x.rdb)
			must(t, settle(t.Context(), s))
		} else {
			must(t, s.sweep(t.Context()))
		}
		for i, cred := range creds {
			want := cred.Schedule.Next(slot, cred.ID).Truncate(time.Millisecond)
			if i == 4 {
				want = time.Time{}
			}
			if got := look(t, x, cred).Due; !got.Equal(want) {
				t.Errorf("%s: %s is due %s, want %s", when, cred.ID, got, want)
			}
		}
		if n := s.Deleted()["a"]; n != 4 {
			t.Errorf("%s: %d are deleted, want 4", when, n)
		}
		if when == "swept" {
			events := have[[]Event](t)(x.Events(t.Context(), "0", 100, -1))
			if len(events) != 4 || events[0].Fields["type"] != "secret_deleted" {
				t.Errorf("%d events: %v", len(events), events)
			}
		}
	}
	if events := have[[]Event](t)(x.Events(t.Context(), "0", 100, -1)); len(events) != 0 {
		t.Errorf("told again: %v", events)
	}
	for _, cred := range creds {
		v.rotated(cred, slot)
	}
	must(t, s.sweep(t.Context()))
	if n := s.Deleted()["a"]; n != 0 {
		t.Errorf("%d are deleted after they were rotated", n)
	}
}
