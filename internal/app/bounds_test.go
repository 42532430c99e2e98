package app

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keyturn/internal/config"
	"keyturn/internal/providers"
	"keyturn/internal/queue"
	"keyturn/internal/ratelimit"
	"keyturn/internal/redisx"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// bounded is a configuration with a place for every bounded field.
const bounded = `redis: {REDIS}
vault: {VAULT, auth: {token: {env: KEYTURN_BOUNDS_TOKEN}}}
accounts:
  NAME: {provider: enom, keys: {uid: {env: KEYTURN_BOUNDS_KEY}, token: {env: KEYTURN_BOUNDS_KEY}}, verify: {VERIFY}, ACCOUNT}
defaults: {schedule: {every: 30d}}
timing: {TIMING}
credentials:
  - {id: "ID", account: NAME, target: example.com, path: "PATH"}
`

var usual = map[string]string{
	"REDIS": `address: "localhost:6379"`, "VAULT": `address: "https://vault:8200"`, "NAME": "one", "ACCOUNT": "timeout: 5s",
	"VERIFY": `smtp: {address: "mail.example.com:465", rate: 30/m}`, "TIMING": "drift_check: {every: 1d}", "ID": "one", "PATH": "mail/one",
}

// TestWhateverTheCheckPassesStarts tries every bounded field at, below and above its limits: the check of a configuration
// says what is listed here, and of what it passes every part that a process is made of can be made.
func TestWhateverTheCheckPassesStarts(t *testing.T) {
	t.Setenv("KEYTURN_BOUNDS_TOKEN", "a-token")
	t.Setenv("KEYTURN_BOUNDS_KEY", "a-key")
	long := func(text string, n int) string { return strings.Repeat(text, n) }
	for _, test := range []struct {
		field      string
		good, evil []string
	}{
		{"ACCOUNT", []string{"concurrency: 2", "concurrency: 64"}, []string{"concurrency: 0", "concurrency: 1", "concurrency: 65"}},
		{"ACCOUNT", []string{"timeout: 100ms", "timeout: 14s"}, []string{"timeout: 99ms", "timeout: 1m", "timeout: 10m1s"}},
		{"ACCOUNT", []string{"rate: [1/s]", "rate: [1000000/h]", "rate: [1/1ms]", "rate: [1/365d]", "rate: [20/s, 1000/h]"}, []string{"rate: [0/s]", "rate: [1000001/h]", "rate: [1/0s]", "rate: []"}},
		{
			"ACCOUNT",
			[]string{"endpoint: \"https://host\"", "endpoint: \"https://host:8443/path/\"", "endpoint: \"https://[::1]:8443\"", "endpoint: \"http://host\", insecure_http: true"},
			[]string{"endpoint: \"https://host:\"", "endpoint: \"https://h\u00f6st\"", "endpoint: \"https://\"", "endpoint: \"ftp://host\"", "endpoint: \"https://host?a\"", "endpoint: \"https://u@host\"", "endpoint: \"https://ho st\""},
		},
		{"TIMING", []string{"task_timeout: 10001ms", "task_timeout: 10m, min_interval: 11m, recheck_after: 11m"}, []string{"task_timeout: 10s", "task_timeout: 10m1s, min_interval: 11m, recheck_after: 11m", "task_timeout: 1h, min_interval: 2h, recheck_after: 2h"}},
		{"TIMING", []string{"provider_timeout: 100ms", "provider_timeout: 10s"}, []string{"provider_timeout: 99ms", "provider_timeout: 10m1s", "provider_timeout: 10m, task_timeout: 10m"}},
		{"TIMING", []string{"resume_after: 10001ms", "min_interval: 61s", "recheck_after: 61s"}, []string{"resume_after: 10s", "min_interval: 1m", "recheck_after: 1m"}},
		{"ID", []string{"a", "a.b_c-d@e", "...", long("a", 128)}, []string{"", ".", "..", "A", "a b", "a/b", "a~b", "a:b", "\u00e9", long("a", 129)}},
		{"NAME", []string{"a", "a-1", long("a", 64)}, []string{"A", "a.b", "a.now", "-a", "a-", long("a", 65)}},
		{"PATH", []string{"a", "a/b", "\u00fc b", long("a", 512), "a..b"}, []string{"", "/a", "a/", "a//b", "a/../b", "..", "./a", " a", "a ", "\\u0007", "\\u200b", "data/a", long("a", 513)}},
		{
			"VAULT",
			[]string{"address: \"https://vault\"", "address: \"https://vault:8200/prefix/\"", "address: \"http://vault:8200\", insecure_http: true"},
			[]string{"address: \"https://vault:\"", "address: \"https://v\u00e4ult\"", "address: \"vault:8200\"", "address: \"https://vault/#a\"", "address: \"https://u:p@vault\""},
		},
		{
			"VAULT",
			[]string{"address: \"https://vault\", mount: kv, journal_mount: a/b", "address: \"https://vault\", fields: {username: user, slot: my_slot}"},
			[]string{
				"address: \"https://vault\", mount: /kv", "address: \"https://vault\", mount: kv, journal_mount: kv", "address: \"https://vault\", mount: kv/..",
				"address: \"https://vault\", fields: {username: password}", "address: \"https://vault\", fields: {rotation_id: keyturn_slot}",
				"address: \"https://vault\", fields: {candidate: same, verified: same}", "address: \"https://vault\", timeout: 0s",
			},
		},
		{"REDIS", []string{`address: "redis:1"`, `address: "[::1]:65535"`, `address: "redis:1", db: 15`, `addresses: ["a:1", "b:1"]`, `sentinel: {master: m, addresses: ["a:1"]}`}, []string{`address: redis`, `address: ":1"`, `address: "redis:65536"`, `addresses: ["a:1"], db: 1`, `addresses: []`, `sentinel: {master: m, addresses: []}`}},
		{"VERIFY", []string{`smtp: {address: "m:1", timeout: 100ms}`, `smtp: {address: "m:1", timeout: 30s}`, `smtp: {address: "m:1", rate: 3/s}`, "mode: provider", "mode: off"}, []string{`smtp: {address: "m:1", timeout: 99ms}`, `smtp: {address: "m:1", timeout: 30001ms}`, `smtp: {address: "m:1", rate: 2/m}`, `smtp: {address: "m"}`, `smtp: {address: ":465"}`}},
	} {
		for _, value := range test.good {
			cfg, err := loadBounded(t, test.field, value)
			if err != nil {
				t.Errorf("%s: the check refuses %q: %v", test.field, value, err)
			} else if err := makeParts(t, cfg); err != nil {
				t.Errorf("%s: the check passes %q, and it does not start: %v", test.field, value, err)
			}
		}
		for _, value := range test.evil {
			if _, err := loadBounded(t, test.field, value); err == nil {
				t.Errorf("%s: the check passes %q", test.field, value)
			}
		}
	}
}

func loadBounded(t *testing.T, field, value string) (*config.Config, error) {
	t.Helper()
	text := bounded
	for name, is := range usual {
		if name == field {
			is = value
		}
		text = strings.ReplaceAll(text, name, is)
	}
	file := filepath.Join(t.TempDir(), "keyturn.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return config.Load(file, providers.All())
}

// makeParts makes what a process makes of a configuration before anything outside is asked.
func makeParts(t *testing.T, cfg *config.Config) error {
	t.Helper()
	var problems []error
	vault, err := openVault(t.Context(), cfg)
	problems = append(problems, err)
	if err == nil {
		defer vault.Close()
		for cred := range cfg.Credentials() {
			_, _, err := vault.Paths(cred)
			problems = append(problems, err)
		}
	}
	settings, err := redisSettings(t.Context(), cfg.Redis)
	problems = append(problems, err)
	rdb, err := redisx.Dial(settings)
	problems = append(problems, err)
	if err == nil {
		defer func() { _ = rdb.Close() }()
	}
	rates := map[string][]rotation.Rate{}
	for name, account := range cfg.Accounts {
		rates[name] = account.Rates
		problems = append(problems, queue.AccountSettings{Name: name, Concurrency: account.Concurrency, Timeout: cfg.Timing.TaskTimeout}.Check())
	}
	_, err = ratelimit.New(rdb, rotation.WallClock{}, rates, 0)
	problems = append(problems, err)
	_, err = NewSubjects(t.Context(), cfg, nothing, Mail{})
	return errors.Join(append(problems, err)...)
}

var errNothing = errors.New("no key of this test stands in Vault")

func nothing(context.Context, string, string, string) (secret.Value, error) {
	return secret.Value{}, errNothing
}
