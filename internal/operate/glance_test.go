package operate_test

import (
	"strings"
	"testing"
	"time"

	"keyturn/internal/config"
	"keyturn/internal/due"
	"keyturn/internal/freeze"
	"keyturn/internal/operate"
	"keyturn/internal/queue"
	"keyturn/internal/rotation"
	"keyturn/internal/schedule"
)

// What people without rights in Vault are shown has the states of those who have them.
func TestAGlanceTellsTheStateThatRedisMirrors(t *testing.T) {
	t.Parallel()
	shown := due.Shown{Known: true, Version: 3, RotatedAt: noon, Verified: rotation.VerifiedYes}
	unverified, gone := shown, shown
	unverified.Verified, gone.Deleted = rotation.VerifiedNo, true
	for name, test := range map[string]struct {
		standing due.Standing
		check    due.Check
		state    operate.State
		note     string
	}{
		"healthy":                 {due.Standing{Due: noon, Shown: shown}, due.Check{At: noon, Verdict: rotation.Works}, operate.Healthy, ""},
		"unverified":              {due.Standing{Due: noon, Shown: unverified}, due.Check{}, operate.Healthy, "promoted unverified"},
		"deleted":                 {due.Standing{Due: noon, Shown: gone}, due.Check{}, operate.Deleted, "undelete"},
		"refused since":           {due.Standing{Due: noon, Shown: shown}, due.Check{At: noon.Add(time.Second), Verdict: rotation.Refused}, operate.Refused, "refused"},
		"refused before":          {due.Standing{Due: noon, Shown: shown}, due.Check{At: noon.Add(-time.Second), Verdict: rotation.Refused}, operate.Healthy, ""},
		"rotating":                {due.Standing{Resume: noon, Shown: shown}, due.Check{}, operate.Rotating, ""},
		"in doubt":                {due.Standing{Resume: noon, Doubted: true, Shown: shown}, due.Check{}, operate.InDoubt, "not known"},
		"doubt that is over":      {due.Standing{Due: noon, Doubted: true, Shown: shown}, due.Check{}, operate.Healthy, ""},
		"quarantined":             {due.Standing{Quarantined: true, Why: "rule", Resume: noon}, due.Check{}, operate.Quarantined, "rule"},
		"waits for a person":      {due.Standing{Shown: due.Shown{Known: true}}, due.Check{}, operate.Waiting, "never rotated"},
		"nothing is mirrored yet": {due.Standing{}, due.Check{}, operate.Unread, "not read"},
	} {
		s := newStage(t)
		s.standing, s.check = &test.standing, test.check
		rows, err := s.desk().Glance(t.Context(), []*rotation.Credential{s.cred})
		if err != nil || rows[0].State != test.state || !strings.Contains(rows[0].Note, test.note) {
			t.Errorf("%s: %+v, %v, want %s and %q", name, rows, err, test.state, test.note)
		}
	}
}

func TestAGlanceShowsWhenTheNextRotationIsDue(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.standing = &due.Standing{Due: noon.Add(time.Hour), Claimed: noon, Shown: due.Shown{Known: true, Version: 1, RotatedAt: noon}}
	if r := glance(t, s); r.Due == nil || !r.Due.Equal(noon) || r.OnDemand {
		t.Errorf("what is claimed is due for its slot: %+v", r)
	}
	s.cred.Schedule = schedule.Manual
	if r := glance(t, s); r.Due != nil || !r.OnDemand {
		t.Errorf("what rotates on demand alone is never due: %+v", r)
	}
}

func glance(t *testing.T, s *stage) operate.Row {
	t.Helper()
	rows, err := s.desk().Glance(t.Context(), []*rotation.Credential{s.cred})
	if err != nil {
		t.Fatal(err)
	}
	return rows[0]
}

func TestAnOverviewSaysFirstWhetherAPersonIsNeeded(t *testing.T) {
	t.Parallel()
	account := &config.Account{Name: "mail", Provider: &rotation.Provider{Code: "ses"}, Rates: []rotation.Rate{{Requests: 60, Per: time.Minute}}}
	cfg := &config.Config{Accounts: map[string]*config.Account{"mail": account}}
	s := newStage(t)
	desk := operate.For(cfg)
	desk.Fleet, desk.Clock, desk.Queue, desk.Index, desk.Mirror, desk.Breakers, desk.Pauses = fleet(t, 1234), s.desk().Clock, s, s, s, s, s
	desk.Size(map[string]int{"mail": 1234})
	s.counts = []due.Count{{Account: "mail", Built: true, Scheduled: 1230, Open: 3, Doubted: 1, Quarantined: 2, Overdue: 5, Known: 1233, Unrotated: 3, Gone: 1, Refused: 1}}
	o, err := desk.Overview(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if want := "3 things need you. 1,224 of 1,234 healthy, 2 rotating, 1 in doubt, 2 quarantined, 5 overdue, 1 without their password in Vault, 1 refused at their last check, 3 waiting for their first rotation, 1 not read yet."; o.Sentence != want {
		t.Errorf("%s", o.Sentence)
	}
	if a := o.Accounts[0]; a.Rates != "60/m" || a.Backlog != 7 || a.Credentials != 1234 {
		t.Errorf("%+v", a)
	}
	s.breaker, s.counts[0].Quarantined, s.counts[0].Gone = queue.BreakerState{Open: true, Cause: "key"}, 0, 0
	if o, err = desk.Overview(t.Context()); err != nil || o.NeedYou != 1 || o.Accounts[0].Breaker == nil {
		t.Errorf("%+v, %v", o, err)
	}
	s.breaker, s.counts = queue.BreakerState{}, []due.Count{{Account: "mail"}}
	desk.Configured = freeze.Set{{Until: time.Now().Add(time.Hour)}, {Until: noon}}
	o, err = desk.Overview(t.Context())
	if err != nil || !strings.HasPrefix(o.Sentence, "Whether something needs you is not known. 0 of 1,234 healthy, 1,234 not read yet. The index of 1 of 1 accounts is not built") || len(o.Freezes) != 1 {
		t.Errorf("%+v, %v", o, err)
	}
}
