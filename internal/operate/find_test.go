package operate_test

import (
	"context"
	"fmt"
	"testing"

	"keyturn/internal/config"
	"keyturn/internal/due"
	"keyturn/internal/operate"
	"keyturn/internal/rotation"
)

// third is an index in which each third credential is in quarantine.
type third struct{ *stage }

func (third) Look(_ context.Context, creds []*rotation.Credential) ([]due.Standing, error) {
	all := make([]due.Standing, len(creds))
	for i, cred := range creds {
		var n int
		if _, err := fmt.Sscanf(cred.ID, "c-%d", &n); err != nil {
			return nil, err
		}
		all[i] = due.Standing{Quarantined: n%3 == 0, Shown: due.Shown{Known: true, Version: 1}}
	}
	return all, nil
}

func (third) Checks(_ context.Context, creds []*rotation.Credential) ([]due.Check, error) {
	return make([]due.Check, len(creds)), nil
}

func TestThePagesOfASearchHaveEachCredentialOnce(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	desk := s.desk()
	desk.Index, desk.Accounts = third{s}, map[string]*config.Account{"mail": {}}
	for name, test := range map[string]struct {
		size int
		q    operate.Filter
		want int
	}{
		"all":                    {250, operate.Filter{}, 250},
		"a page exactly":         {100, operate.Filter{}, 100},
		"by state, a small one":  {500, operate.Filter{States: []operate.State{operate.Quarantined}}, 167},
		"by state, a large one":  {3500, operate.Filter{States: []operate.State{operate.Quarantined}}, 1167},
		"by text":                {1500, operate.Filter{Text: "C-1"}, 611},
		"by text and state":      {1500, operate.Filter{Text: "c-1", States: []operate.State{operate.Healthy}}, 409},
		"none":                   {1500, operate.Filter{Text: "none"}, 0},
		"a state that none has":  {45_000, operate.Filter{States: []operate.State{operate.Deleted}}, 0},
		"of another account too": {10, operate.Filter{Accounts: []string{"mail"}}, 10},
	} {
		desk.Fleet = fleet(t, test.size)
		seen, q := map[string]bool{}, test.q
		q.Limit = 100
		for pages := 0; ; pages++ {
			f, err := desk.Find(t.Context(), q)
			if err != nil || pages > 50 || len(f.Rows) > q.Limit {
				t.Fatalf("%s: page %d has %d rows: %v", name, pages, len(f.Rows), err)
			}
			for _, r := range f.Rows {
				if seen[r.Credential] {
					t.Errorf("%s: %s comes twice", name, r.Credential)
				}
				seen[r.Credential] = true
			}
			if q.After = f.Next; f.Next == "" {
				break
			}
		}
		if len(seen) != test.want {
			t.Errorf("%s: %d of %d are found", name, len(seen), test.want)
		}
	}
}

func TestTheWorkListPutsTogetherWhatHasOneCause(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	desk := s.desk()
	desk.Fleet = fleet(t, 4)
	o := operate.Overview{Accounts: []operate.AccountOverview{
		{Account: "mail", Provider: "ses", Counts: operate.Counts{Quarantined: 9, Deleted: 1}, Hold: operate.Hold{Breaker: &operate.Breaker{Cause: "key"}, Stopped: true}},
		{Account: "calm"},
	}}
	causes, err := desk.WorkList(t.Context(), o)
	if err != nil || len(causes) != 5 {
		t.Fatalf("%+v, %v", causes, err)
	}
	kinds := ""
	for _, c := range causes {
		kinds += c.Kind + " "
	}
	if kinds != "breaker stopped deleted quarantine quarantine " {
		t.Errorf("%s", kinds)
	}
	if c := causes[3]; fmt.Sprint(c.Credentials) != "[c-0 c-1]" || c.Why != "rule" {
		t.Errorf("%+v", c)
	}
	if c := causes[4]; fmt.Sprint(c.Credentials) != "[c-2]" || c.More != 5 {
		t.Errorf("%+v", c)
	}
}
