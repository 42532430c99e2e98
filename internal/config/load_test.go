package config_test

import (
	"fmt"
	"testing"
	"time"

	"keyturn/internal/config"
	"keyturn/internal/rotation"
)

// credential returns the credential of an id, which must be there.
func credential(t *testing.T, cfg *config.Config, id string) *rotation.Credential {
	t.Helper()
	c, ok := cfg.Credential(id)
	if !ok {
		t.Fatalf("no credential %q", id)
	}
	return c
}

func TestTheNearerSettingWins(t *testing.T) {
	t.Parallel()
	cfg := mustLoad(t, t.TempDir(), `
redis: {address: "localhost:6379"}
vault:
  default: one
  stores:
    one: {address: "https://one:8200", auth: {token: {env: A}}}
    two: {address: "https://two:8200", auth: {token: {env: A}}}
policies: {short: {length: 12}, long: {length: 20}}
schedules: {monthly: {every: 30d}, weekly: {every: 1w}}
defaults: {policy: long, schedule: monthly, verify: {propagation: 1m}}
accounts:
  plain: {provider: tencent-ses, keys: {secret_id: {env: A}, secret_key: {env: B}}}
  own:
    provider: tencent-ses
    keys: {secret_id: {env: A}, secret_key: {env: B}}
    policy: short
    schedule: weekly
    store: two
    first: now
    verify: {smtp: {address: "smtp.example.com:587", mechanism: login}}
credentials:
  - {id: by-default, account: plain, target: a@example.com, path: a}
  - {id: by-account, account: own, target: b@example.com, path: b}
  - {id: by-itself, account: own, target: c@example.com, path: c, policy: long, schedule: {every: 90d}, store: one,
     first: scheduled, verify: {propagation: 5m, smtp: {username: c}}}
  - {id: off, account: own, target: d@example.com, path: d, verify: off}
`)
	type settings struct {
		length   int
		schedule string
		store    string
		first    rotation.First
		verify   rotation.Verification
	}
	smtp := rotation.SMTP{Address: "smtp.example.com:587", TLS: "starttls", Mechanism: "login", Timeout: 30 * time.Second, Rate: rotation.Rate{Requests: 30, Per: time.Minute}}
	own := smtp
	own.Username = "c"
	for id, want := range map[string]settings{
		"by-default": {20, "every 30d splayed over 1h0m0s", "one", rotation.FirstManual, rotation.Verification{Mode: rotation.VerifyOff, Propagation: time.Minute}},
		"by-account": {12, "every 1w splayed over 1h0m0s", "two", rotation.FirstNow, rotation.Verification{Mode: rotation.VerifySMTP, Propagation: time.Minute, SMTP: smtp}},
		"by-itself":  {20, "every 90d splayed over 1h0m0s", "one", rotation.FirstScheduled, rotation.Verification{Mode: rotation.VerifySMTP, Propagation: 5 * time.Minute, SMTP: own}},
		"off":        {12, "every 1w splayed over 1h0m0s", "two", rotation.FirstNow, rotation.Verification{Mode: rotation.VerifyOff, Propagation: time.Minute}},
	} {
		c := credential(t, cfg, id)
		got := settings{c.Policy.Length(), c.Schedule.String(), c.Place.Store, c.First, *c.Verify}
		if got != want {
			t.Errorf("%s: got %+v, want %+v", id, got, want)
		}
	}
}

func TestAnAccountTakesWhatItLeavesOutFromItsProvider(t *testing.T) {
	t.Parallel()
	cfg := mustLoad(t, t.TempDir(), base+`
timing: {provider_timeout: 4s}
`)
	a := cfg.Accounts["tencent"]
	if a.Region != "ap-guangzhou" || a.Endpoint != "https://ses.tencentcloudapi.com" || a.Timeout != 4*time.Second {
		t.Errorf("got region %q, endpoint %q, timeout %v", a.Region, a.Endpoint, a.Timeout)
	}
	if len(a.Rates) != 1 || a.Rates[0].Requests != 20 || a.Rates[0].Per.Round(time.Microsecond) != 1052632*time.Microsecond {
		t.Errorf("got rates %+v, want 0.95 of 20 a second", a.Rates)
	}
	if a.Concurrency != 64 { // 19 a second, 4 s each: 76
		t.Errorf("got concurrency %d", a.Concurrency)
	}
	if got := cfg.Accounts["kirim"].Concurrency; got != 4 { // 57 a minute, 4 s each: 3.8
		t.Errorf("got concurrency %d", got)
	}
}

func TestRatesAreTakenAsWritten(t *testing.T) {
	t.Parallel()
	cfg := mustLoad(t, t.TempDir(), `
redis: {address: "localhost:6379"}
vault: {address: "https://vault:8200/", auth: {approle: {role_id: r, secret_id: {file: id}}}}
accounts:
  a:
    provider: kirimemail
    endpoint: http://127.0.0.1:1/base/
    insecure_http: true
    keys: {user: {env: A}, token: {vault: "keys/kirim#token"}}
    rate: [20/s, 100/10s, 300/min, 5/m, 1000/h, 9/d]
    concurrency: 2
    timeout: 3s
`)
	a := cfg.Accounts["a"]
	want := "[{20 1s} {100 10s} {300 1m0s} {5 1m0s} {1000 1h0m0s} {9 24h0m0s}]"
	if got := fmt.Sprint(a.Rates); got != want {
		t.Errorf("got rates %s, want %s", got, want)
	}
	if a.Concurrency != 2 || a.Endpoint != "http://127.0.0.1:1/base" {
		t.Errorf("got concurrency %d, endpoint %s", a.Concurrency, a.Endpoint)
	}
	s := cfg.Stores["default"]
	if s.Address != "https://vault:8200" || s.Mount != "secret" || s.JournalMount != "keyturn-journal" || s.Auth.Mount != "approle" {
		t.Errorf("got store %+v", s)
	}
	if got := a.Keys["token"].Vault; got != (config.VaultRef{Store: "default", Path: "keys/kirim", Field: "token"}) {
		t.Errorf("got key %+v", got)
	}
}

func TestEqualSettingsAreShared(t *testing.T) {
	t.Parallel()
	cfg := mustLoad(t, t.TempDir(), base+`
credentials:
  - {id: a, account: tencent, target: a@example.com, path: a, schedule: {every: 7d, splay: 1h}, verify: {propagation: 1m}}
  - {id: b, account: tencent, target: b@example.com, path: b, schedule: {splay: 1h, every: 7d}, verify: {propagation: 60s}}
`)
	a, b := credential(t, cfg, "a"), credential(t, cfg, "b")
	if a.Policy != b.Policy || a.Schedule != b.Schedule || a.Verify != b.Verify {
		t.Error("equal policies, schedules or verifications are not one")
	}
}

func TestAnIssuerHasNoPolicy(t *testing.T) {
	t.Parallel()
	cfg := mustLoad(t, t.TempDir(), base+`
policies: {p: {length: 15}}
credentials:
  - {id: a, account: kirim, target: example.com/92703823-F3A4-48e2-8e87-7adf25454800, path: a}
`)
	c := credential(t, cfg, "a")
	if c.Policy != nil {
		t.Errorf("got policy %v", c.Policy)
	}
	if want := "example.com/92703823-f3a4-48e2-8e87-7adf25454800"; c.Target != want {
		t.Errorf("got target %q, want the canonical %q", c.Target, want)
	}
}

func TestOneTargetMayStandInTwoRegions(t *testing.T) {
	t.Parallel()
	cfg := mustLoad(t, t.TempDir(), `
redis: {address: "localhost:6379"}
vault: {address: "https://vault:8200", auth: {kubernetes: {role: r}}}
accounts:
  live: {provider: enom, keys: {uid: {env: A}, token: {env: B}}}
  test: {provider: enom, region: test, keys: {uid: {env: A}, token: {env: B}}}
defaults: {schedule: {every: 30d}, verify: provider}
credentials:
  - {id: a, account: live, target: example.com, path: a}
  - {id: b, account: test, target: example.com, path: b}
`)
	if c := credential(t, cfg, "b"); c.Verify.Mode != rotation.VerifyProvider {
		t.Errorf("got mode %v", c.Verify.Mode)
	}
	if a := cfg.Stores["default"].Auth; a.Method != "kubernetes" || a.Role != "r" || !a.Secret.IsZero() {
		t.Errorf("got auth %+v", a)
	}
}
