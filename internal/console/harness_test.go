package console_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"keyturn/internal/config"
	"keyturn/internal/console"
	"keyturn/internal/contacts"
	"keyturn/internal/due"
	"keyturn/internal/freeze"
	"keyturn/internal/operate"
	"keyturn/internal/queue"
	"keyturn/internal/rotation"
	"keyturn/internal/schedule"
)

// evil is what a hostile id, owner, label or answer of a provider would like a browser to run.
const evil = `<script>alert("x")</script><img src=x onerror=alert(1)>`

// rig is a console over ports in memory, whose tokens are the names of the roles.
type rig struct {
	operate.Queue
	operate.Index
	operate.Mirror
	operate.Chronicle
	*console.Console
	cred *rotation.Credential

	mu       sync.Mutex
	standing due.Standing
	looking  chan struct{} // what is read of credentials waits until it is closed; nil: it does not
	down     error         // Redis is away
	asked    []string
	issuer   *console.OIDC // nil: people log in with tokens alone
	shelf    map[string][]byte
	log      bytes.Buffer
}

func newRig(t *testing.T) *rig {
	t.Helper()
	daily, err := schedule.Parse(schedule.Spec{Every: "1d"})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{
		cred:     &rotation.Credential{ID: "alerts", Account: "mail", Target: "alerts@example.com" + evil, Schedule: daily, Place: rotation.Place{Store: "default", Path: "mail/alerts"}, Verify: &rotation.Verification{}},
		standing: due.Standing{Due: time.Now(), Shown: due.Shown{Known: true, Version: 1, RotatedAt: time.Now()}},
		shelf:    map[string][]byte{},
	}
	account := &config.Account{Name: "mail", Provider: &rotation.Provider{Code: "ses"}, Rates: []rotation.Rate{{Requests: 60, Per: time.Minute}}}
	cfg := &config.Config{Accounts: map[string]*config.Account{"mail": account}}
	cfg.Verifications = []config.Verification{{Name: "owners", Account: "mail", Addresses: []string{"ann@example.com", "bob@example.com"}, Schedule: daily}}
	cfg.Timing.DriftCheck = daily
	desk := operate.For(cfg)
	desk.Fleet, desk.Clock, desk.Queue, desk.Index, desk.Mirror, desk.Chronicle, desk.Breakers, desk.Pauses, desk.Acts = r, rotation.WallClock{}, r, r, r, r, r, r, operate.Jobs{Queue: r}
	desk.Orders, desk.Calendar, desk.Notes = r, r, r
	r.Console = &console.Console{
		Desk: func() *operate.Desk { return desk }, Shelf: r, Version: "test", URL: &url.URL{Scheme: "https", Host: "keyturn.example.com"},
		Log: slog.New(slog.NewJSONHandler(&r.log, nil)),
		Tokens: func(d console.Digest) (string, console.Role, bool) {
			for _, role := range []console.Role{console.Viewer, console.Operator, console.Admin} {
				if d == sha256.Sum256([]byte(role.String())) {
					return role.String(), role, true
				}
			}
			return "", console.None, false
		},
		OIDC: func() *console.OIDC { return r.issuer },
	}
	return r
}

// request is one as a program sends it.
func request(t *testing.T, method, path, token, body string) *http.Request {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), method, "https://keyturn.example.com"+path, strings.NewReader(body))
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	return req
}

func (r *rig) serve(h http.Handler, req *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w
}

func (r *rig) Credential(id string) (*rotation.Credential, bool) { return r.cred, id == r.cred.ID }

func (r *rig) Credentials() iter.Seq[*rotation.Credential] {
	return slices.Values([]*rotation.Credential{r.cred})
}

func (*rig) Marks(*rotation.Credential) *rotation.Marks {
	return &rotation.Marks{Owner: evil, Labels: map[string]string{"team": evil}}
}

func (r *rig) Look(ctx context.Context, _ []*rotation.Credential) ([]due.Standing, error) {
	if r.looking != nil {
		select {
		case <-r.looking:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return []due.Standing{r.standing}, r.down
}

func (r *rig) Checks(context.Context, []*rotation.Credential) ([]due.Check, error) {
	return make([]due.Check, 1), r.down
}

func (r *rig) Counts(context.Context, ...string) ([]due.Count, error) {
	n := 0
	if r.standing.Quarantined {
		n = 1
	}
	return []due.Count{{Account: "mail", Built: true, Scheduled: 1 - n, Quarantined: n, Known: 1}}, r.down
}

func (r *rig) Stuck(context.Context, string, int) (map[string]string, error) {
	return map[string]string{r.cred.ID: r.standing.Why}, r.down
}

func (r *rig) Both(context.Context, ...string) ([]int, error) { return []int{0}, r.down }

func (*rig) Without(context.Context, string, int) ([]string, error) { return nil, nil }

func (r *rig) Soonest(context.Context, []due.Stretch) ([][]due.Scheduled, error) {
	return [][]due.Scheduled{{{ID: r.cred.ID, At: r.standing.Due}}}, r.down
}

func (*rig) Claims(_ context.Context, accounts []string) ([][]due.Scheduled, error) {
	return make([][]due.Scheduled, len(accounts)), nil
}

func (r *rig) Ahead(_ context.Context, _ time.Time, days int, _ ...string) ([]int, error) {
	return make([]int, days), r.down
}

func (r *rig) Tallies(_ context.Context, now time.Time, hours int, accounts ...string) ([]due.Tallies, error) {
	all := make([]due.Tallies, len(accounts))
	for i := range all {
		all[i].Hours = make([]due.Tally, hours)
		all[i].Hours[hours-2] = due.Tally{Rotated: 3, Calls: 4, Limited: 1, Exposed: [14]int{2, 0, 1}}
		all[i].Refused = now.Add(-time.Hour)
	}
	return all, r.down
}

func (r *rig) EventsBefore(context.Context, string, int64) ([]due.Event, error) {
	return []due.Event{{ID: "1-1", At: time.Now(), Fields: map[string]string{"type": "quarantined", "credential": r.cred.ID, "why": evil, "requested_by": evil}}}, r.down
}

func (r *rig) Events(ctx context.Context, _ string, _ int64, block time.Duration) ([]due.Event, error) {
	if block > 0 {
		<-ctx.Done()
	}
	return nil, r.down
}

func (r *rig) NoteAsked(_ context.Context, _ *rotation.Credential, account, what, by, _ string) error {
	r.note("event " + what + " at " + account + " by " + by)
	return r.down
}

func (r *rig) Depths(context.Context, ...string) ([]queue.Depth, error) { return nil, r.down }

func (r *rig) Demand(_ context.Context, _ string, kind queue.Kind, id string, job rotation.Job) (time.Time, error) {
	r.note("job " + string(kind) + " of " + id + " by " + job.RequestedBy)
	return time.Now(), r.down
}

func (r *rig) DemandFreeze(_ context.Context, account string, f queue.Freezing, by string) (string, time.Time, error) {
	what := "freeze"
	if f.Until.IsZero() {
		what = "thaw"
	}
	r.note("job " + what + " of " + f.Account + f.Owner + " at " + account + " by " + by)
	return "scope", time.Now(), r.down
}

func (r *rig) Freezes(context.Context) (map[string]freeze.Set, error) {
	return map[string]freeze.Set{"default": {{Scope: freeze.Scope{Owner: "web" + evil}, Until: time.Now().Add(time.Hour), Reason: evil, By: evil}}}, r.down
}

func (*rig) NoteFreezes(context.Context, string, freeze.Set) error { return nil }

func (*rig) NoteFreeze(context.Context, string, string, string, string) error { return nil }

func (r *rig) Load(context.Context, string, string) (map[string]contacts.Note, error) {
	refused := rotation.ContactResult{Address: "ann@example.com", State: rotation.ContactFailed, Code: evil}
	return map[string]contacts.Note{"ann@example.com": {ContactResult: refused, At: time.Now()}}, r.down
}

func (r *rig) Now(context.Context) (time.Time, error) { return time.Now(), r.down }

func (*rig) State(context.Context, string) (queue.BreakerState, error) {
	return queue.BreakerState{}, nil
}

func (*rig) Until(context.Context, string) (time.Time, error) { return time.Time{}, nil }

func (*rig) Lift(context.Context, string) (time.Time, error) { return time.Time{}, nil }

func (*rig) Unpause(context.Context, string) (int, error) { return 0, nil }

func (r *rig) note(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, what)
}

func (r *rig) Get(_ context.Context, key string) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.shelf[key], r.down
}

func (r *rig) Take(_ context.Context, key string) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	value := r.shelf[key]
	delete(r.shelf, key)
	return value, r.down
}

func (r *rig) Put(_ context.Context, key string, value []byte, _ time.Duration) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shelf[key] = value
	return r.down
}

func (r *rig) Add(_ context.Context, key string, value []byte, _ time.Duration) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.shelf[key] != nil {
		return false, r.down
	}
	r.shelf[key] = value
	return true, r.down
}

func (r *rig) Delete(_ context.Context, key string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.shelf, key)
	return r.down
}
