package operate_test

import (
	"strings"
	"testing"
	"time"

	"keyturn/internal/due"
	"keyturn/internal/operate"
	"keyturn/internal/rotation"
	"keyturn/internal/schedule"
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
		r := operate.RowOf(cred, test.rec, test.current, due.Check{})
		if r.State != test.want || (test.want == operate.Deleted) != strings.Contains(r.Note, "undelete") || r.Manual != (test.want == operate.Waiting) {
			t.Errorf("%s: %+v, want %s", name, r, test.want)
		}
	}
}
