package operate_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"testing"
	"time"

	"keyturn/internal/config"
	"keyturn/internal/due"
	"keyturn/internal/operate"
	"keyturn/internal/queue"
	"keyturn/internal/rotation"
	"keyturn/internal/schedule"
	"keyturn/internal/secret"
)

// stage is a Redis, a Vault and a fleet of one credential, all in memory. A test runs in a bubble of its own, whose clock
// is Redis's as well.
type stage struct {
	cred    *rotation.Credential
	marks   *rotation.Marks
	rec     rotation.Record
	current rotation.Entry
	outcome map[queue.Kind]queue.Outcome
	check   due.Check
	breaker queue.BreakerState
	paused  time.Time
	// later is what happens at a time after the request.
	later  []event
	began  time.Time
	result rotation.Result // of an act
	acts   []string
	vault  error // Vault is away
	// tries are the answers about a leaked password, one after the other; the last one stays.
	tries []rotation.Verdict
	tried []int // versions of current that were asked about
	// turns is how often a question has to wait for its turn, half a minute each time.
	turns int
	busy  int // demands that are refused
	// standing and counts are what Redis mirrors; nil: it is not asked.
	standing *due.Standing
	counts   []due.Count
	// scheduled is what falls due at each account, in this order.
	scheduled map[string][]due.Scheduled
	claims    map[string][]due.Scheduled // and when each fell due
}

type event struct {
	after time.Duration
	do    func(s *stage)
}

func newStage(t *testing.T) *stage {
	t.Helper()
	daily, err := schedule.Parse(schedule.Spec{Every: "1d"})
	if err != nil {
		t.Fatal(err)
	}
	return &stage{
		cred: &rotation.Credential{
			ID: "alerts", Account: "mail", Target: "alerts@example.com", Schedule: daily, Place: rotation.Place{Store: "default", Path: "mail/alerts"},
			Verify: &rotation.Verification{Mode: rotation.VerifySMTP},
		},
		outcome: map[queue.Kind]queue.Outcome{}, began: time.Now(),
	}
}

func (s *stage) desk() *operate.Desk {
	return &operate.Desk{
		Fleet: s, Timing: config.Timing{MinInterval: 2 * time.Minute, ResumeAfter: 15 * time.Second}, Clock: rotation.WallClock{},
		Truth: s, Queue: s, Index: s, Mirror: s, Chronicle: s, Breakers: s, Pauses: s, Acts: s, Adopter: s, Prover: s,
	}
}

// happen lets everything happen whose time has come.
func (s *stage) happen() {
	for len(s.later) > 0 && time.Since(s.began) >= s.later[0].after {
		e := s.later[0]
		s.later = s.later[1:]
		e.do(s)
	}
}

// at plans something; events are planned in their order.
func (s *stage) at(after time.Duration, do func(s *stage)) {
	s.later = append(s.later, event{after, do})
}

// promote is what any run leaves behind that rotates for a slot.
func promote(slot time.Time) func(*stage) {
	return func(s *stage) {
		s.rec = rotation.Record{Version: s.rec.Version + 1, RotationID: "r1"}
		s.current = rotation.Entry{Version: s.current.Version + 1, Password: secret.New("p"), Slot: slot, RotatedAt: time.Now(), RotationID: "r1"}
	}
}

func (s *stage) Credential(id string) (*rotation.Credential, bool) { return s.cred, id == s.cred.ID }

func (s *stage) Credentials() iter.Seq[*rotation.Credential] {
	return slices.Values([]*rotation.Credential{s.cred})
}

func (s *stage) Marks(*rotation.Credential) *rotation.Marks { return s.marks }

func (s *stage) Load(context.Context, *rotation.Credential) (rotation.Record, error) {
	s.happen()
	return s.rec, s.vault
}

func (s *stage) Read(context.Context, rotation.Place) (rotation.Entry, error) {
	s.happen()
	return s.current, s.vault
}

func (s *stage) Now(context.Context) (time.Time, error) { return time.Now(), nil }

func (s *stage) Demand(_ context.Context, _ string, kind queue.Kind, _ string, job rotation.Job) (time.Time, error) {
	if s.busy > 0 {
		s.busy--
		return time.Time{}, queue.ErrBusy
	}
	s.acts = append(s.acts, "job "+string(kind)+" by "+job.RequestedBy+insists(job))
	return time.Now(), nil
}

func (s *stage) DemandLater(_ context.Context, _ string, kind queue.Kind, _ string, job rotation.Job, after time.Duration) (time.Time, error) {
	s.acts = append(s.acts, "job "+string(kind)+" by "+job.RequestedBy+insists(job)+" after "+after.String())
	return time.Now().Add(after), nil
}

func insists(job rotation.Job) string {
	if job.Force {
		return " insists"
	}
	return ""
}

func (s *stage) Outcomes(_ context.Context, kind queue.Kind, creds []*rotation.Credential) ([]queue.Outcome, error) {
	s.happen()
	all := make([]queue.Outcome, len(creds))
	for i := range creds {
		all[i] = s.outcome[kind]
	}
	return all, nil
}

func (s *stage) Depths(context.Context, ...string) ([]queue.Depth, error) {
	return []queue.Depth{{Account: "mail", Urgent: true, Pending: 7, Active: 2}}, nil
}

func (s *stage) Look(context.Context, []*rotation.Credential) ([]due.Standing, error) {
	if s.standing == nil {
		return nil, errors.New("not asked")
	}
	return []due.Standing{*s.standing}, nil
}

func (s *stage) Counts(context.Context, ...string) ([]due.Count, error) {
	if s.counts == nil {
		return nil, errors.New("not asked")
	}
	return s.counts, nil
}

func (s *stage) Checks(context.Context, []*rotation.Credential) ([]due.Check, error) {
	return []due.Check{s.check}, nil
}

func (s *stage) State(context.Context, string) (queue.BreakerState, error) { return s.breaker, nil }

func (s *stage) Until(context.Context, string) (time.Time, error) { return s.paused, nil }

func (s *stage) Lift(context.Context, string) (time.Time, error) {
	until := s.paused
	s.paused = time.Time{}
	return until, nil
}

func (s *stage) Unpause(context.Context, string) (int, error) { return 3, nil }

// Act does as rotatectl does: at once, but for what rotates after a retry.
func (s *stage) Act(ctx context.Context, kind queue.Kind, cred *rotation.Credential, by string) (operate.Deed, error) {
	s.acts = append(s.acts, string(kind)+" by "+by)
	deed := operate.Deed{Slot: time.Now(), Result: s.result}
	if kind == queue.KindRecover || kind == queue.KindAbandon {
		return deed, nil
	}
	stands := s.rec.State == rotation.Quarantined
	if stands {
		s.rec.State, s.rec.Why = rotation.Open, ""
		s.rec.Version++
	}
	switch {
	case kind == queue.KindRetry:
		return operate.Jobs{Queue: s}.Act(ctx, queue.KindRotate, cred, by)
	case stands:
		deed.Result = rotation.Result{Status: rotation.Done}
	default:
		deed.Result = rotation.Result{Status: rotation.Failed, Err: rotation.ErrNotQuarantined}
	}
	return deed, nil
}

func (s *stage) Adopt(context.Context, *rotation.Credential, string, rotation.Live) error {
	return s.result.Err
}

// followed is a request that is followed for a minute, with all that it told.
func followed() (operate.Request, *[]operate.Verdict) {
	told := &[]operate.Verdict{}
	return operate.Request{By: "ann@host", Wait: time.Minute, Tell: func(v operate.Verdict) { *told = append(*told, v) }}, told
}

func (s *stage) Try(_ context.Context, _ *rotation.Credential, held rotation.Entry) (rotation.Verdict, error) {
	if s.turns > 0 {
		s.turns--
		return rotation.Unknown, &rotation.WaitError{After: 30 * time.Second, Reason: "the budget is spent"}
	}
	s.tried = append(s.tried, held.Version)
	if len(s.tries) == 0 {
		return rotation.Unknown, rotation.ErrNoVerifier
	}
	verdict := s.tries[0]
	if len(s.tries) > 1 {
		s.tries = s.tries[1:]
	}
	if verdict == rotation.Unknown {
		return verdict, rotation.ErrNotAsked
	}
	return verdict, nil
}

func (s *stage) Events(context.Context, string, int64, time.Duration) ([]due.Event, error) {
	return nil, nil
}

func (s *stage) NoteSearch(context.Context, string) error { return nil }

func (s *stage) EventsBefore(context.Context, string, int64) ([]due.Event, error) {
	return nil, errors.New("not asked")
}

func (*stage) Stuck(context.Context, string, int) (map[string]string, error) {
	return map[string]string{"c-1": "rule", "c-0": "rule", "gone": "rule", "c-2": "target"}, nil
}

func (*stage) Both(_ context.Context, accounts ...string) ([]int, error) {
	return slices.Repeat([]int{1}, len(accounts)), nil
}

func (*stage) Without(context.Context, string, int) ([]string, error) { return []string{"c-3"}, nil }

func (s *stage) Soonest(_ context.Context, parts []due.Stretch) ([][]due.Scheduled, error) {
	all := make([][]due.Scheduled, len(parts))
	for i, p := range parts {
		for _, next := range s.scheduled[p.Account] {
			if next.At.Before(p.From) {
				continue
			}
			if p.Skip--; p.Skip < 0 && len(all[i]) < p.N {
				all[i] = append(all[i], next)
			}
		}
	}
	return all, nil
}

func (s *stage) Claims(_ context.Context, accounts []string) ([][]due.Scheduled, error) {
	all := make([][]due.Scheduled, len(accounts))
	for i, name := range accounts {
		all[i] = s.claims[name]
	}
	return all, nil
}

func (*stage) Ahead(_ context.Context, _ time.Time, days int, _ ...string) ([]int, error) {
	return make([]int, days), nil
}

func (*stage) Tallies(_ context.Context, _ time.Time, hours int, accounts ...string) ([]due.Tallies, error) {
	all := make([]due.Tallies, len(accounts))
	for i := range all {
		all[i].Hours = make([]due.Tally, hours)
	}
	return all, nil
}

func (s *stage) NoteAsked(_ context.Context, _ *rotation.Credential, account, what, by, _ string) error {
	s.acts = append(s.acts, what+" of "+account+" by "+by)
	return nil
}
