package sandbox

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestEveryProviderHasAPortOfItsOwn(t *testing.T) {
	t.Parallel()
	b := start(t)
	seen := map[string]bool{}
	for _, m := range []map[string]string{b.Ready().Providers, b.Ready().SMTP, b.Ready().STARTTLS, {"": b.Ready().Admin}} {
		for _, address := range m {
			seen[address] = true
		}
	}
	if len(seen) != 1+5+2*3 {
		t.Errorf("%d addresses: %v", len(seen), seen)
	}
	for _, code := range []string{AlibabaDirectMail, AlibabaDomain, Enom, KirimEmail, TencentSES} {
		if !strings.HasPrefix(b.Ready().Providers[code], "http://127.0.0.1:") {
			t.Errorf("%s at %q", code, b.Ready().Providers[code])
		}
	}
}

func TestOnlyLoopbackUnlessAskedFor(t *testing.T) {
	t.Parallel()
	for _, listen := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0"} {
		_, err := Start(t.Context(), Config{Now: time.Now, Listen: listen})
		if err == nil || !strings.Contains(err.Error(), "not loopback") {
			t.Errorf("%s: %v", listen, err)
		}
	}
	b := start(t, func(c *Config) { c.Listen, c.Public, c.Name = "0.0.0.0:0", true, "localhost" })
	if a := b.do(b.request(http.MethodGet, b.Ready().Admin+"/healthz", "")); a.status != 200 || !strings.HasPrefix(b.Ready().Admin, "http://localhost:") {
		t.Errorf("%s: %d %v", b.Ready().Admin, a.status, a.err)
	}
}

func TestAdminShowsAndSetsState(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.post("/targets", `{"provider":"tencent-ses","targets":[{"target":"Own@example.com","password":"ABcdef12345"}],"pattern":{"target":"u%04d@example.com","from":7,"count":1000}}`)
	b.post("/password", `{"provider":"tencent-ses","target":"u0007@example.com","password":"short"}`)
	var out struct {
		Providers map[string]map[string]TargetState
	}
	if err := json.Unmarshal([]byte(b.do(b.request(http.MethodGet, b.Ready().Admin+"/state", "")).body), &out); err != nil {
		t.Fatal(err)
	}
	targets := out.Providers[TencentSES]
	if len(targets) != 1002 || targets["own@example.com"].Live != "ABcdef12345" || targets["u1006@example.com"].Version != 0 {
		t.Errorf("%d targets", len(targets))
	}
	if s := targets["u0007@example.com"]; s.Live != "short" || s.Serving != "short" || s.Version != 1 || len(s.History) != 1 || s.AcceptedAt.IsZero() {
		t.Errorf("set by hand: %+v", s)
	}
	if code := b.login(TencentSES, "u0007@example.com", "short"); code != 235 {
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
		{"/password", `{"provider":"enom","target":"nobody.com","password":"x"}`, `target "nobody.com" of enom: unknown`, 404},
		{"/password", `{"provider":"x","target":"y","password":"z"}`, `provider "x": unknown`, 404},
		{"/password", `{"provider":"enom","target":"resellerdocs.com"}`, "password is missing", 400},
		{"/targets", `{"provider":"x"}`, `provider "x": unknown`, 404},
		{"/targets", `{"provider":"kirimemail","targets":[{"target":"example.com"}]}`, `provider kirimemail: target "example.com" is not DOMAIN/GUID`, 400},
		{"/targets", `{"provider":"enom","targets":[{"target":"nodomain"}]}`, `provider enom: target "nodomain" is not a domain`, 400},
		{"/targets", `{"provider":"tencent-ses","targets":[{"target":"x"}]}`, `provider tencent-ses: target "x" is not an address`, 400},
		{"/targets", `{"provider":"enom","pattern":{"target":"%s.com","count":1}}`, "a pattern has one %d or %05d in target, and in username if there is one", 400},
		{"/targets", `{"provider":"enom","pattern":{"target":"x%d.com","count":0}}`, "count 0 is not between 1 and 1000000", 400},
		{"/release", `{`, "unexpected EOF", 400},
	}
	for _, test := range tests {
		a := b.do(b.request(http.MethodPost, b.Ready().Admin+test.path, test.body))
		if a.status != test.status || strings.TrimSpace(a.body) != test.want {
			t.Errorf("%s %s: %d %s", test.path, test.body, a.status, a.body)
		}
	}
}

func TestResetGoesBackToTheStart(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state")
	b := start(t, kept(path))
	b.setTencent(newPassword)
	b.post("/targets", `{"provider":"enom","targets":[{"target":"more.com"}]}`)
	b.acs3(submit(contactsVersionChina, "Email", "c@test.com"))
	b.inject(Fault{Kind: ServerError, Count: 5})
	b.post("/reset", "")
	for _, s := range []*bench{b, start(t, kept(path))} {
		if st := s.state(TencentSES, sender); st.Version != 0 || len(s.State()[Enom]) != 1 || len(s.State()[AlibabaDomain]) != 2 {
			t.Errorf("state %+v", s.State())
		}
		if n := s.Stats()[TencentSES].Accepted; n != 0 || len(s.Faults()) != 0 {
			t.Errorf("%d accepted, faults %v", n, s.Faults())
		}
	}
}

func TestKeysHaveRatesOfTheirOwn(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "data.yaml")
	const data = `
providers:
  tencent-ses:
    rate: 1/h
    keys:
      - {id: second, secret: other, rate: 2/h}
    targets:
      - {target: more@example.com}
`
	if err := os.WriteFile(file, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	providers, err := LoadData(file)
	if err != nil {
		t.Fatal(err)
	}
	b := start(t, func(c *Config) { c.Providers = providers })
	call := func(id, secret string) string {
		body := tencentBody("more@example.com", newPassword)
		r := b.tencentRequest(body)
		signTC3(r, body, id, secret, b.clock.now())
		return tencentCode(t, b.do(r))
	}
	for i, want := range []struct{ id, secret, code string }{
		{"testid", "testsecret", ""},
		{"testid", "testsecret", "RequestLimitExceeded"},
		{"second", "other", "OperationDenied.RepeatPassWord"},
		{"second", "other", "OperationDenied.RepeatPassWord"},
		{"second", "other", "RequestLimitExceeded"},
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
		"providers: {enom: {rate: fast}}":        `rate "fast"`,
		"providers: {enom: {tagrets: []}}":       "tagrets",
		`{"providers": {"enom": {"rate": "1"}}}`: "rate",
	} {
		if _, err := LoadData(file(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	for want, p := range map[string]map[string]ProviderConfig{
		`provider "gmail" is unknown`: {"gmail": {}},
		`success_as "maybe"`:          {AlibabaDirectMail: {Options: Options{SuccessAs: "maybe"}}},
		`reply_shape "round"`:         {AlibabaDomain: {Options: Options{ReplyShape: "round"}}},
		`throttle_status 200`:         {Enom: {Options: Options{ThrottleStatus: 200}}},
		`target "x" is not a domain`:  {Enom: {Targets: []Target{{Target: "x"}}}},
	} {
		if _, err := Start(t.Context(), Config{Now: time.Now, Providers: p}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestConcurrentSetsOfOneTargetAreSerial(t *testing.T) {
	t.Parallel()
	b := start(t, kept(filepath.Join(t.TempDir(), "state")), with(TencentSES, ProviderConfig{Rate: &Rate{}}))
	const clients, calls = 8, 25
	var all sync.WaitGroup
	for c := range clients {
		all.Go(func() {
			for i := range calls {
				password := "ABcdef12" + string(rune('A'+c)) + string(rune('a'+i))
				if code := tencentCode(t, b.setTencent(password)); code != "" {
					t.Errorf("%s", code)
				}
				b.login(TencentSES, sender, password)
				b.State()
			}
		})
	}
	all.Wait()
	s := b.state(TencentSES, sender)
	if s.Version != clients*calls || len(s.History) != maxHistory || s.Live != s.Serving {
		t.Errorf("state %+v", s)
	}
	if st := b.Stats()[TencentSES]; st.Accepted != clients*calls || st.MaxPerSecond == 0 {
		t.Errorf("stats %+v", st)
	}
}
