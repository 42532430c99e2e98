package operate_test

import (
	"strings"
	"testing"
	"time"

	"keyturn/internal/due"
	"keyturn/internal/operate"
	"keyturn/internal/rotation"
	"keyturn/internal/schedule"
	"keyturn/internal/secret"
)

func TestADeletedSecretIsNoneThatWasNeverRotated(t *testing.T) {
	t.Parallel()
	when, err := schedule.Parse(schedule.Spec{Every: "1d"})
	if err != nil {
		t.Fatal(err)
	}
	cred := &rotation.Credential{ID: "a", Account: "mail", Schedule: when}
	wrote := rotation.Record{Version: 3, State: rotation.Closed, RotationID: "r", CurrentVersion: 1}
	older := rotation.Record{Version: 3, State: rotation.Closed, RotationID: "r"} // of a release that did not note the version, or given up
	for name, test := range map[string]struct {
		rec     rotation.Record
		current rotation.Entry
		want    operate.State
	}{
		"the version is deleted":        {wrote, rotation.Entry{Version: 1, Deleted: true}, operate.Deleted},
		"with its metadata":             {wrote, rotation.Entry{}, operate.Deleted},
		"only the password":             {wrote, rotation.Entry{Version: 2, RotationID: "r", RotatedAt: time.Now()}, operate.Deleted},
		"an older journal knows it":     {older, rotation.Entry{Version: 1, Deleted: true}, operate.Deleted},
		"given up before it ever stood": {older, rotation.Entry{}, operate.Waiting},
		"not ours":                      {rotation.Record{}, rotation.Entry{Version: 1, Deleted: true}, operate.Waiting},
	} {
		r := operate.RowOf(cred, test.rec, test.current, due.Check{}, noon)
		if r.State != test.want || (test.want == operate.Deleted) != strings.Contains(r.Note, "undelete") || r.Manual != (test.want == operate.Waiting) {
			t.Errorf("%s: %+v, want %s", name, r, test.want)
		}
	}
}

func TestAStatusShowsStrategyAndWhatWaitsToBeRetired(t *testing.T) {
	t.Parallel()
	when, err := schedule.Parse(schedule.Spec{Every: "1d"})
	if err != nil {
		t.Fatal(err)
	}
	cred := &rotation.Credential{ID: "a", Account: "mail", Schedule: when, Overlap: &rotation.Overlap{}}
	rec := rotation.Record{Version: 3, State: rotation.Closed, Identities: rotation.Identities{
		Retire: []rotation.Retiring{{ID: "two", NotBefore: noon.Add(time.Hour)}, {ID: "one", NotBefore: noon}},
	}}
	r := operate.RowOf(cred, rec, rotation.Entry{Version: 1, Password: secret.New("p")}, due.Check{}, noon)
	if r.Strategy != "overlap" || r.Retiring != 2 || r.RetiresAt == nil || !r.RetiresAt.Equal(noon) {
		t.Errorf("%+v", r)
	}
	cred.Overlap, rec.Identities = nil, rotation.Identities{}
	if r := operate.RowOf(cred, rec, rotation.Entry{Version: 1}, due.Check{}, noon); r.Strategy != "replace" || r.Retiring != 0 || r.RetiresAt != nil {
		t.Errorf("%+v", r)
	}
}

func TestWhatMissedItsWindowIsDueInTheNextOne(t *testing.T) {
	t.Parallel()
	nightly, err := schedule.Parse(schedule.Spec{Every: "1d", Window: "01:00-03:00", Splay: "0s"})
	if err != nil {
		t.Fatal(err)
	}
	cred := &rotation.Credential{ID: "a", Account: "mail", Schedule: nightly}
	midnight := noon.Truncate(24 * time.Hour)
	one := midnight.Add(time.Hour)
	current := rotation.Entry{Version: 1, Password: secret.New("p"), Slot: one.AddDate(0, 0, -1), RotatedAt: one.AddDate(0, 0, -1)}
	for now, want := range map[time.Time]time.Time{
		midnight:                  one,
		one.Add(90 * time.Minute): one, // overdue, and its window is open
		noon:                      one.AddDate(0, 0, 1),
	} {
		if r := operate.RowOf(cred, rotation.Record{}, current, due.Check{}, now); !r.Due.Equal(want) {
			t.Errorf("at %s: due %s, want %s", now, r.Due, want)
		}
	}
}
