package app

import "strings"

// bounded is a configuration with a place for every bounded field.
const bounded = `redis: {REDIS}
vault: {VAULT, auth: {token: {env: KEYTURN_BOUNDS_TOKEN}}}
policies: {p: {POLICY}, fixed: {length: 15}}
schedules: {s: {SCHEDULE}}
accounts:
  NAME: {provider: enom, keys: {uid: {env: KEYTURN_BOUNDS_KEY}, token: {env: KEYTURN_BOUNDS_KEY}}, verify: {VERIFY}, ACCOUNT}
  pairs: {provider: tencent-ses, keys: {secret_id: {env: KEYTURN_BOUNDS_KEY}, secret_key: {env: KEYTURN_BOUNDS_KEY}}, policy: fixed, schedule: {every: 31d}, SHARED}
defaults: {schedule: s, policy: p, ALL}
timing: {TIMING}
webhooks: {hook: {HOOK, secret: {env: KEYTURN_BOUNDS_KEY}}}
console: {CONSOLE, tokens: {a: {role: viewer, file: a}}}
credentials:
  - {id: "ID", account: NAME, target: example.com, path: "PATH"}
  - {id: pair, account: pairs, path: pair, strategy: pair, targets: [{target: a@example.com}, {target: b@example.com}], OWN}
`

// usual stands where a place is not what is tried.
var usual = map[string]string{
	"REDIS": `address: "localhost:6379"`, "VAULT": `address: "https://vault:8200"`, "NAME": "one", "ACCOUNT": "timeout: 5s",
	"VERIFY": `smtp: {address: "mail.example.com:465", rate: 30/m}`, "TIMING": "drift_check: {every: 1d}", "ID": "one", "PATH": "mail/one",
	"POLICY": "length: 20", "SCHEDULE": "every: 30d", "CONSOLE": `listen: "127.0.0.1:8420"`, "HOOK": `url: "https://a"`,
	"ALL": "first: now", "SHARED": "first: now", "OWN": "first: now",
}

// limit is what a place of bounded may and may not hold, at, below and above the limits of fields. They are named by their
// headings in docs/configuration.md.
type limit struct {
	place      string
	fields     []string
	good, evil []string
}

func long(text string, n int) string { return strings.Repeat(text, n) }

var limits = []limit{
	{"ACCOUNT", []string{"accounts.NAME concurrency"}, []string{"concurrency: 2", "concurrency: 64"}, []string{"concurrency: 0", "concurrency: 1", "concurrency: 65"}},
	{"ACCOUNT", []string{"accounts.NAME timeout"}, []string{"timeout: 100ms", "timeout: 14s"}, []string{"timeout: 99ms", "timeout: 15s", "timeout: 1m", "timeout: 10m1s"}},
	{
		"ACCOUNT",
		[]string{"accounts.NAME rate"},
		[]string{"rate: [1/s]", "rate: [1000000/h]", "rate: [1/1ms]", "rate: [1/365d]", "rate: [1/32850d]", "rate: [20/s, 1000/h]"},
		[]string{"rate: [0/s]", "rate: [1000001/h]", "rate: [1/0s]", "rate: [1/32851d]", "rate: []"},
	},
	{
		"ACCOUNT",
		[]string{"accounts.NAME endpoint"},
		[]string{"endpoint: \"https://host\"", "endpoint: \"https://host:8443/path/\"", "endpoint: \"https://[::1]:8443\"", "endpoint: \"http://host\", insecure_http: true"},
		[]string{"endpoint: \"https://host:\"", "endpoint: \"https://h\u00f6st\"", "endpoint: \"https://\"", "endpoint: \"ftp://host\"", "endpoint: \"https://host?a\"", "endpoint: \"https://u@host\"", "endpoint: \"https://ho st\""},
	},
	{
		"TIMING",
		[]string{"timing task_timeout"},
		[]string{"task_timeout: 10001ms", "task_timeout: 10m, min_interval: 11m, recheck_after: 11m"},
		[]string{"task_timeout: 10s", "task_timeout: 10m1s, min_interval: 11m, recheck_after: 11m", "task_timeout: 1h, min_interval: 2h, recheck_after: 2h"},
	},
	{"TIMING", []string{"timing provider_timeout"}, []string{"provider_timeout: 100ms", "provider_timeout: 10s"}, []string{"provider_timeout: 99ms", "provider_timeout: 10m1s", "provider_timeout: 10m, task_timeout: 10m"}},
	{
		"TIMING",
		[]string{"timing resume_after", "timing min_interval", "timing recheck_after"},
		[]string{"resume_after: 10001ms", "min_interval: 60001ms", "recheck_after: 60001ms", "min_interval: 30d", "resume_after: 32850d, recheck_after: 32850d"},
		[]string{"resume_after: 10s", "min_interval: 1m", "recheck_after: 1m", "min_interval: 31d", "resume_after: 32851d", "recheck_after: 32851d"},
	},
	{"TIMING", []string{"timing drift_check"}, []string{"drift_check: {every: 1s}", "drift_check: {every: 32850d}"}, []string{"drift_check: {every: 999ms}", "drift_check: {every: 32851d}"}},
	{"ID", []string{"credentials id"}, []string{"a", "a.b_c-d@e", "...", long("a", 128)}, []string{"", ".", "..", "A", "a b", "a/b", "a~b", "a:b", "\u00e9", long("a", 129)}},
	{"NAME", []string{"accounts.NAME"}, []string{"a", "a-1", long("a", 64)}, []string{"A", "a.b", "a.now", "-a", "a-", long("a", 65)}},
	{
		"PATH",
		[]string{"credentials path"},
		[]string{"a", "a/b", "\u00fc b", long("a", 512), "a..b"},
		[]string{"", "/a", "a/", "a//b", "a/../b", "..", "./a", " a", "a ", "\\u0007", "\\u200b", "data/a", long("a", 513)},
	},
	{
		"VAULT",
		[]string{"vault.stores.NAME address"},
		[]string{"address: \"https://vault\"", "address: \"https://vault:8200/prefix/\"", "address: \"http://vault:8200\", insecure_http: true"},
		[]string{"address: \"https://vault:\"", "address: \"https://v\u00e4ult\"", "address: \"vault:8200\"", "address: \"https://vault/#a\"", "address: \"https://u:p@vault\""},
	},
	{
		"VAULT",
		[]string{"vault.stores.NAME addresses"},
		[]string{`addresses: ["https://one:8200"]`, `addresses: ["https://one:8200/a", "https://two:8200/a/"]`},
		[]string{`addresses: []`, `addresses: ["https://one:"]`, `addresses: ["https://one:8200", "https://one:8200/"]`, `addresses: ["https://one:8200/a", "https://two:8200/b"]`},
	},
	{
		"VAULT",
		[]string{"vault.stores.NAME mount", "vault.stores.NAME journal_mount"},
		[]string{"address: \"https://vault\", mount: kv, journal_mount: a/b", "address: \"https://vault\", mount: " + long("a", 512)},
		[]string{
			"address: \"https://vault\", mount: /kv", "address: \"https://vault\", mount: kv, journal_mount: kv", "address: \"https://vault\", mount: kv/..",
			"address: \"https://vault\", mount: " + long("a", 513), "address: \"https://vault\", journal_mount: " + long("a", 513),
		},
	},
	{
		"VAULT",
		[]string{"vault.stores.NAME fields"},
		[]string{"address: \"https://vault\", fields: {username: user, slot: my_slot}"},
		[]string{
			"address: \"https://vault\", fields: {username: password}", "address: \"https://vault\", fields: {rotation_id: keyturn_slot}",
			"address: \"https://vault\", fields: {candidate: same, verified: same}",
		},
	},
	{
		"VAULT",
		[]string{"vault.stores.NAME timeout"},
		[]string{"address: \"https://vault\", timeout: 1ns", "address: \"https://vault\", timeout: 32850d"},
		[]string{"address: \"https://vault\", timeout: 0s", "address: \"https://vault\", timeout: 32851d"},
	},
	{
		"REDIS",
		[]string{"redis address", "redis addresses", "redis.sentinel addresses"},
		[]string{`address: "redis:1"`, `address: "redis:0"`, `address: "[::1]:65535"`, `addresses: ["a:1", "b:1"]`, `sentinel: {master: m, addresses: ["a:1"]}`},
		[]string{`address: redis`, `address: ":1"`, `address: "redis:65536"`, `addresses: []`, `addresses: [a]`, `sentinel: {master: m, addresses: []}`, `sentinel: {master: m, addresses: [a]}`},
	},
	{
		"CONSOLE",
		[]string{"console listen"},
		[]string{`listen: "127.0.0.1:0"`, `listen: "[::1]:65535"`, `listen: "localhost:1"`, `listen: "0.0.0.0:1", behind_proxy: true, url: "https://a"`},
		[]string{`listen: "127.0.0.1"`, `listen: ":8420"`, `listen: "127.0.0.1:65536"`, `listen: "0.0.0.0:1", url: "https://a"`, `listen: "0.0.0.0:1", behind_proxy: true`},
	},
	{
		"CONSOLE",
		[]string{"console url"},
		[]string{`url: "https://a"`, `url: "https://a:65535/"`, `url: "http://[::1]:1"`, `url: "http://localhost"`},
		[]string{`url: "https://a:"`, `url: "https://a:0"`, `url: "https://a:65536"`, `url: "https://\u00e4"`, `url: "https://a/b"`, `url: "https://a?b"`, `url: "https://u@a"`, `url: "http://a"`, `url: "a:1"`},
	},
	{
		"CONSOLE",
		[]string{"console.oidc issuer"},
		[]string{`oidc: {issuer: "https://a:65535/realms/b/", ` + client, `oidc: {issuer: "http://[::1]:1", ` + client},
		[]string{
			`oidc: {issuer: "https://a:", ` + client, `oidc: {issuer: "https://a:65536", ` + client, `oidc: {issuer: "https://\u00e4", ` + client, `oidc: {issuer: "https://a?b", ` + client,
			`oidc: {issuer: "https://u@a", ` + client, `oidc: {issuer: "http://a", ` + client, `oidc: {issuer: "a:1", ` + client, `oidc: {issuer: "https://a/.well-known/openid-configuration", ` + client,
		},
	},
	{
		"HOOK",
		[]string{"webhooks.NAME url"},
		[]string{`url: "https://a"`, `url: "https://a:65535/b?c=d"`, `url: "http://[::1]:1"`, `url: "http://localhost/"`},
		[]string{`url: "https://a:"`, `url: "https://a:0"`, `url: "https://a:65536"`, `url: "https://\u00e4"`, `url: "https://a#b"`, `url: "https://u@a"`, `url: "http://a"`, `url: "a:1"`, `url: "ftp://a"`},
	},
	{"REDIS", []string{"redis db"}, []string{`address: "redis:1", db: 0`, `address: "redis:1", db: 1048576`}, []string{`address: "redis:1", db: -1`, `address: "redis:1", db: 1048577`, `addresses: ["a:1"], db: 1`}},
	{"VERIFY", []string{"verify mode"}, []string{"mode: provider", "mode: off"}, []string{"mode: smtp", "mode: ask"}},
	{"VERIFY", []string{"verify propagation"}, []string{"mode: off, propagation: 1ns", "mode: off, propagation: 32850d"}, []string{"mode: off, propagation: 0s", "mode: off, propagation: 32851d"}},
	{"VERIFY", []string{"verify.smtp address"}, []string{`smtp: {address: "m:1"}`, `smtp: {address: "[::1]:65535"}`}, []string{`smtp: {address: "m"}`, `smtp: {address: ":465"}`, `smtp: {address: "m:65536"}`}},
	{
		"VERIFY",
		[]string{"verify.smtp timeout"},
		[]string{`smtp: {address: "m:1", timeout: 100ms}`, `smtp: {address: "m:1", timeout: 30s}`},
		[]string{`smtp: {address: "m:1", timeout: 99ms}`, `smtp: {address: "m:1", timeout: 30001ms}`, `smtp: {address: "m:1", timeout: 10m1s}`},
	},
	{
		"VERIFY",
		[]string{"verify.smtp rate"},
		[]string{`smtp: {address: "m:1", rate: 3/s}`, `smtp: {address: "m:1", rate: 1000000/s}`, `smtp: {address: "m:1", rate: 3/32850d}`},
		[]string{`smtp: {address: "m:1", rate: 2/s}`, `smtp: {address: "m:1", rate: 3/999ms}`, `smtp: {address: "m:1", rate: 1000001/s}`, `smtp: {address: "m:1", rate: 3/32851d}`},
	},
	{"ALL", []string{"defaults grace"}, graces, noGraces},
	{"SHARED", []string{"accounts.NAME grace"}, graces, noGraces},
	{"OWN", []string{"credentials grace"}, graces, noGraces},
	// Passwords at eNom have 6 to 60 characters, and no policy speaks of more than 128.
	{"POLICY", []string{"policies.NAME length"}, []string{"length: 6", "length: 60"}, []string{"length: 0", "length: 5", "length: 61", "length: 129"}},
	{"POLICY", []string{"policies.NAME min_length"}, []string{"min_length: 6", "min_length: 60"}, []string{"min_length: 0", "min_length: 5", "min_length: 61", "min_length: 129"}},
	{"POLICY", []string{"policies.NAME max_length"}, []string{"max_length: 6", "max_length: 60"}, []string{"max_length: 0", "max_length: 5", "max_length: 61", "max_length: 129"}},
	{"POLICY", []string{"policies.NAME max_repeat"}, []string{"max_repeat: 1", "max_repeat: 128"}, []string{"max_repeat: 0", "max_repeat: 129"}},
	{"POLICY", []string{"class min"}, []string{"digits: {min: 0}", "digits: {min: 60}"}, []string{"digits: {min: -1}", "digits: {min: 61}", "digits: {min: 129}"}},
	{"POLICY", []string{"class min_distinct"}, []string{"digits: {min_distinct: 0}", "digits: {min_distinct: 10}"}, []string{"digits: {min_distinct: -1}", "digits: {min_distinct: 11}", "digits: {min_distinct: 129}"}},
	{"SCHEDULE", []string{"schedules.NAME every"}, []string{"every: 2m", "every: 32850d"}, []string{"every: 119s", "every: 0s", "every: 32851d"}},
	{
		"SCHEDULE",
		[]string{"schedules.NAME splay"},
		[]string{"every: 30d, splay: 0s", "every: 30d, splay: 30d", "every: 30d, window: \"22:00-04:00\", splay: 6h"},
		[]string{"every: 30d, splay: 720h1ns", "every: 30d, window: \"22:00-04:00\", splay: 6h1ns"},
	},
	{"SCHEDULE", []string{"schedules.NAME window"}, []string{"every: 30d, window: \"00:00-24:00\"", "every: 30d, window: \"00:00-00:01\""}, []string{"every: 30d, window: \"00:00-00:00\"", "every: 30d, window: \"00:00-24:01\""}},
}

// client is the rest of an issuer.
const client = "client_id: a, roles: {viewer: [a]}}"

// A pair's grace is at least timing.min_interval, and shorter than its schedule's period.
var (
	graces   = []string{"grace: 2m", "grace: 2678399999ms"}
	noGraces = []string{"grace: 0s", "grace: 119999ms", "grace: 31d"}
)
