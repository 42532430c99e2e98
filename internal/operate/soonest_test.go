package operate_test

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"keyturn/internal/config"
	"keyturn/internal/due"
	"keyturn/internal/freeze"
	"keyturn/internal/operate"
	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

func TestASearchByAgeHasEachCredentialOnceAndTheOldestAgainstItsScheduleFirst(t *testing.T) {
	t.Parallel()
	const size = 3200
	creds := fleet(t, size)
	s := newStage(t)
	s.scheduled = map[string][]due.Scheduled{}
	desk := s.desk()
	desk.Index, desk.Fleet, desk.Accounts = third{s}, creds, map[string]*config.Account{"a": {}, "b": {}, "c": {}, "none": {}}
	at := map[string]time.Time{}
	for i, cred := range creds {
		cred.Account = []string{"a", "b", "b", "c"}[i%4]
		if i%10 == 9 {
			continue // waits for a person
		}
		at[cred.ID] = time.UnixMilli(int64(1_800_000_000_000 + (size-i)/1500*1000)) // thousands are due at once
		s.scheduled[cred.Account] = append(s.scheduled[cred.Account], due.Scheduled{ID: cred.ID, At: at[cred.ID]})
	}
	inOrder := func(a, b due.Scheduled) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID)) }
	for _, all := range s.scheduled {
		slices.SortFunc(all, inOrder)
	}
	s.claims = map[string][]due.Scheduled{}
	for name, all := range s.scheduled { // what is claimed stands where it is claimed again
		n := len(all)
		for i := range 40 {
			at[all[n-1-i].ID] = time.UnixMilli(int64(1_700_000_000_000 + i))
			s.claims[name] = append(s.claims[name], due.Scheduled{ID: all[n-1-i].ID, At: at[all[n-1-i].ID]})
			all[n-1-i].At = time.UnixMilli(1_890_000_000_000)
		}
		slices.SortFunc(all, inOrder)
	}
	moved := s.scheduled["a"][0]
	s.scheduled["c"] = append(s.scheduled["c"], moved, due.Scheduled{ID: "taken-out", At: time.UnixMilli(1_900_000_000_000)})
	slices.SortFunc(s.scheduled["c"], inOrder)
	for name, test := range map[string]struct {
		q    operate.Filter
		want int
	}{
		"all": {operate.Filter{}, 2880}, "an account, twice": {operate.Filter{Accounts: []string{"b", "b"}}, 1440}, "none": {operate.Filter{Accounts: []string{"none"}}, 0},
		"by state": {operate.Filter{States: []operate.State{operate.Quarantined}}, 960}, "by text": {operate.Filter{Text: "c-12"}, 100},
	} {
		q := test.q
		q.Limit, q.Oldest = 100, true
		var rows []due.Scheduled
		for pages := 0; ; pages++ {
			f, err := desk.Find(t.Context(), q)
			if err != nil || pages > 100 {
				t.Fatalf("%s: page %d: %v", name, pages, err)
			}
			for _, r := range f.Rows {
				rows = append(rows, due.Scheduled{ID: r.Credential, At: at[r.Credential]})
			}
			if q.After = f.Next; f.Next == "" {
				break
			}
		}
		if len(rows) != test.want || !slices.IsSortedFunc(rows, inOrder) || len(slices.Compact(rows)) != test.want {
			t.Errorf("%s: %d rows, want %d, each once and in their order", name, len(rows), test.want)
		}
	}
	for _, after := range []string{"c-1", "~c-1", "1~2~", "x~c-1"} {
		if _, err := desk.Find(t.Context(), operate.Filter{Oldest: true, After: after, Limit: 1}); (err == nil) != (after == "1~2~") {
			t.Errorf("after %s: %v", after, err)
		}
	}
	if _, err := desk.Find(t.Context(), operate.Filter{Oldest: true, Accounts: []string{"other"}, Limit: 1}); err == nil {
		t.Error("an account that is not there is searched")
	}
}

func TestTheEndOfABacklogFollowsFromTheRateAndFromWhatHoldsTheAccountBack(t *testing.T) {
	t.Parallel()
	account := &config.Account{Name: "mail", Marks: &rotation.Marks{Owner: "mail"}, Provider: &rotation.Provider{Code: "ses"}, Rates: []rotation.Rate{{Requests: 60, Per: time.Minute}}}
	for name, test := range map[string]struct {
		overdue int
		breaker bool
		paused  time.Duration
		frozen  string // the owner
		unknown bool
		want    time.Duration // from now; 0: it is not known
	}{
		"jobs that wait": {want: 14 * time.Second}, "and what is overdue": {overdue: 100, want: 214 * time.Second},
		"a provider that asked for a pause": {paused: time.Minute, want: 74 * time.Second}, "a pause that is over": {paused: -time.Minute, want: 14 * time.Second},
		"a breaker": {breaker: true}, "a hold that is not known": {unknown: true},
		"a freeze": {frozen: "mail", want: time.Hour + 14*time.Second}, "a freeze of others": {frozen: "web", want: 14 * time.Second},
	} {
		s := newStage(t)
		s.counts, s.breaker.Open = []due.Count{{Account: "mail", Built: true, Overdue: test.overdue}}, test.breaker
		desk := operate.For(&config.Config{Accounts: map[string]*config.Account{"mail": account}})
		desk.Fleet, desk.Clock, desk.Queue, desk.Index, desk.Mirror, desk.Breakers, desk.Pauses = fleet(t, 1), s.desk().Clock, s, s, s, s, s
		desk.SizeCalls(map[string]int{"mail": 10}, 2)
		now := desk.Clock.Now()
		if test.unknown {
			desk.Breakers = unknown{s}
		}
		if test.frozen != "" {
			desk.Configured = freeze.Set{{Scope: freeze.Scope{Owner: test.frozen}, Until: now.Add(time.Hour)}}
		}
		if test.paused != 0 {
			s.paused = now.Add(test.paused)
		}
		o, err := desk.Overview(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if ends := o.Accounts[0].BacklogEnds; (ends == nil) != (test.want == 0) || ends != nil && ends.Sub(o.At).Round(time.Second) != test.want {
			t.Errorf("%s: it ends %v, want %s after %s", name, ends, test.want, now)
		}
	}
}

// unknown is a breaker that cannot be asked.
type unknown struct{ *stage }

func (unknown) State(context.Context, string) (queue.BreakerState, error) {
	return queue.BreakerState{}, errors.New("redis is away")
}

func TestAnOverviewNamesTheOldestAgainstItsSchedule(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.counts = []due.Count{{Account: "a"}, {Account: "b"}}
	desk := operate.For(&config.Config{Accounts: map[string]*config.Account{
		"a": {Name: "a", Provider: &rotation.Provider{}}, "b": {Name: "b", Provider: &rotation.Provider{}},
	}})
	creds := fleet(t, 9)
	for i, cred := range creds {
		cred.Account = []string{"b", "a"}[i%2]
	}
	desk.Fleet, desk.Clock, desk.Queue, desk.Index, desk.Mirror, desk.Breakers, desk.Pauses = creds, s.desk().Clock, s, third{s}, s, s, s
	desk.Size(map[string]int{"a": 5, "b": 4})
	for name, test := range map[string]struct {
		scheduled, claims map[string][]due.Scheduled
		want              string
	}{
		"none":      {},
		"of either": {scheduled: map[string][]due.Scheduled{"a": {{ID: "c-1", At: noon.Add(time.Hour)}}, "b": {{ID: "c-2", At: noon}, {ID: "c-4", At: noon}}}, want: "c-2"},
		"one whose rotation does not succeed": {
			scheduled: map[string][]due.Scheduled{"a": {{ID: "c-1", At: noon}, {ID: "c-3", At: noon.Add(time.Minute)}}}, claims: map[string][]due.Scheduled{"a": {{ID: "c-3", At: noon.Add(-time.Hour)}}}, want: "c-3",
		},
		"about to be taken out": {scheduled: map[string][]due.Scheduled{"b": {{ID: "other", At: noon}}}},
		"that has moved":        {scheduled: map[string][]due.Scheduled{"b": {{ID: "c-1", At: noon}}}},
	} {
		s.scheduled, s.claims = test.scheduled, test.claims
		o, err := desk.Overview(t.Context())
		if err != nil || (o.Oldest == nil) != (test.want == "") || o.Oldest != nil && o.Oldest.Credential != test.want {
			t.Errorf("%s: %+v, %v", name, o.Oldest, err)
		}
	}
}
