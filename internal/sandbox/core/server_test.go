package core_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"keyturn/internal/sandbox/core"
)

func TestOnlyLoopbackUnlessAskedFor(t *testing.T) {
	t.Parallel()
	for _, listen := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0"} {
		_, err := core.Start(t.Context(), core.Config{Now: time.Now, StandIns: standIns(), Listen: listen})
		if err == nil || !strings.Contains(err.Error(), "not loopback") {
			t.Errorf("%s: %v", listen, err)
		}
	}
	b := start(t, func(c *core.Config) { c.Listen, c.Public, c.Name = "0.0.0.0:0", true, "localhost" })
	if a := b.Do(b.Request(http.MethodGet, b.Ready().Admin+"/healthz", "")); a.Status != 200 || !strings.HasPrefix(b.Ready().Admin, "http://localhost:") {
		t.Errorf("%s: %d %v", b.Ready().Admin, a.Status, a.Err)
	}
}

func TestAdminShowsAndSetsState(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.Post("/targets", `{"provider":"plain","targets":[{"target":"Own@example.com","password":"ABcdef12345"}],"pattern":{"target":"u%04d@example.com","from":7,"count":1000}}`)
	b.Post("/password", `{"provider":"plain","target":"u0007@example.com","password":"short"}`)
	var out struct {
		Providers map[string]map[string]core.TargetState
	}
	if err := json.Unmarshal([]byte(b.Do(b.Request(http.MethodGet, b.Ready().Admin+"/state", "")).Body), &out); err != nil {
		t.Fatal(err)
	}
	targets := out.Providers[plain]
	if len(targets) != 1002 || targets["own@example.com"].Live != "ABcdef12345" || targets["u1006@example.com"].Version != 0 {
		t.Errorf("%d targets", len(targets))
	}
	if s := targets["u0007@example.com"]; s.Live != "short" || s.Serving != "short" || s.Version != 1 || len(s.History) != 1 || s.AcceptedAt.IsZero() {
		t.Errorf("set by hand: %+v", s)
	}
	if code := b.Login(plain, "u0007@example.com", "short"); code != 235 {
		t.Errorf("login: %d", code)
	}
}

func TestAdminRefusesWithAReason(t *testing.T) {
	t.Parallel()
	b := start(t)
	tests := []struct {
		path, body, want string
		status           int
	}{
		{"/password", `{"provider":"other","target":"unknown@example.com","password":"x"}`, `target "unknown@example.com" of other: unknown`, 404},
		{"/password", `{"provider":"x","target":"y","password":"z"}`, `provider "x": unknown`, 404},
		{"/password", `{"provider":"other","target":"alerts@example.com"}`, "password is missing", 400},
		{"/targets", `{"provider":"x"}`, `provider "x": unknown`, 404},
		{"/targets", `{"provider":"plain","targets":[{"target":"x"}]}`, `provider plain: target "x" is not an address`, 400},
		{"/targets", `{"provider":"other","pattern":{"target":"%s.com","count":1}}`, "a pattern has one %d or %05d in target, and in username if there is one", 400},
		{"/targets", `{"provider":"other","pattern":{"target":"x%d.com","count":0}}`, "count 0 is not between 1 and 1000000", 400},
		{"/release", `{`, "unexpected EOF", 400},
	}
	for _, test := range tests {
		a := b.Do(b.Request(http.MethodPost, b.Ready().Admin+test.path, test.body))
		if a.Status != test.status || strings.TrimSpace(a.Body) != test.want {
			t.Errorf("%s %s: %d %s", test.path, test.body, a.Status, a.Body)
		}
	}
}

func TestResetGoesBackToTheStart(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state")
	b := start(t, kept(path))
	b.set(newPassword)
	b.Post("/targets", `{"provider":"other","targets":[{"target":"more@example.com"}]}`)
	b.Do(b.request(http.MethodPost, mailer, "", "c@test.com"))
	b.Inject(core.Fault{Kind: core.ServerError, Count: 5})
	b.Post("/reset", "")
	for _, s := range []bench{b, start(t, kept(path))} {
		if st := s.Target(plain, target); st.Version != 0 || len(s.State()[other]) != 1 || len(s.State()[mailer]) != 1 {
			t.Errorf("state %+v", s.State())
		}
		if n := s.Stats()[plain].Accepted; n != 0 || len(s.Faults()) != 0 {
			t.Errorf("%d accepted, faults %v", n, s.Faults())
		}
	}
}

func TestKeysHaveRatesOfTheirOwn(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "data.yaml")
	const data = `
providers:
  plain:
    rate: 1/h
    keys:
      - {id: second, secret: other, rate: 2/h}
    targets:
      - {target: more@example.com}
`
	if err := os.WriteFile(file, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	providers, err := core.LoadData(file)
	if err != nil {
		t.Fatal(err)
	}
	b := start(t, func(c *core.Config) { c.Providers = providers })
	call := func(id, secret string) string {
		r := b.request(http.MethodPut, plain, "more@example.com", newPassword)
		r.SetBasicAuth(id, secret)
		return refused(t, b.Do(r))
	}
	for i, want := range []struct{ id, secret, code string }{
		{"testid", "testsecret", ""},
		{"testid", "testsecret", "slowly"},
		{"second", "other", "repeat"},
		{"second", "other", "repeat"},
		{"second", "other", "slowly"},
	} {
		if code := call(want.id, want.secret); code != want.code {
			t.Errorf("call %d: %q, want %q", i, code, want.code)
		}
	}
}

func TestABadConfigurationIsNamed(t *testing.T) {
	t.Parallel()
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "data")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for text, want := range map[string]string{
		"providers: {other: {rate: fast}}":        `rate "fast"`,
		"providers: {other: {tagrets: []}}":       "tagrets",
		`{"providers": {"other": {"rate": "1"}}}`: "rate",
	} {
		if _, err := core.LoadData(file(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	for want, p := range map[string]map[string]core.ProviderConfig{
		`provider "gmail" is unknown`:                                 {"gmail": {}},
		`provider plain: option "quiet" is unknown; there are [loud]`: {plain: {Options: core.Options{"quiet": "true"}}},
		`provider plain: loud "maybe" is not one of false, true`:      {plain: {Options: core.Options{"loud": "maybe"}}},
		`provider other: target "x" is not an address`:                {other: {Targets: []core.Target{{Target: "x"}}}},
	} {
		if _, err := core.Start(t.Context(), core.Config{Now: time.Now, StandIns: standIns(), Providers: p}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestConcurrentSetsOfOneTargetAreSerial(t *testing.T) {
	t.Parallel()
	b := start(t, kept(filepath.Join(t.TempDir(), "state")), unlimited(plain))
	const clients, calls = 8, 25
	var all sync.WaitGroup
	for c := range clients {
		all.Go(func() {
			for i := range calls {
				password := "ABcdef12" + string(rune('A'+c)) + string(rune('a'+i))
				if code := refused(t, b.set(password)); code != "" {
					t.Errorf("%s", code)
				}
				b.login(password)
				b.State()
			}
		})
	}
	all.Wait()
	s := b.Target(plain, target)
	if s.Version != clients*calls || len(s.History) != 32 || s.Live != s.Serving {
		t.Errorf("state %+v", s)
	}
	if st := b.Stats()[plain]; st.Accepted != clients*calls || st.MaxPerSecond == 0 {
		t.Errorf("stats %+v", st)
	}
}
