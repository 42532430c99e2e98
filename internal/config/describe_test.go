package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keyturn/internal/config"
	"keyturn/internal/rotation"
)

// described is a configuration whose provider is a file beside it.
const described = `redis: {address: "localhost:6379"}
vault: {address: "https://vault:8200", auth: {token: {env: VAULT_TOKEN_FILE}}}
provider_files: ["providers/*.yaml"]
accounts:
  own: {provider: example, keys: {token: {env: ID}}}
defaults: {schedule: {every: 30d}}
credentials:
  - {id: a, account: own, target: A@example.com, path: a}
`

// describing returns a folder with a description, after edits, pairs of old and new.
func describing(t *testing.T, edits ...string) (dir string) {
	t.Helper()
	text, err := os.ReadFile("../providers/declared/testdata/setter.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "providers"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "providers/own.yaml", strings.NewReplacer(edits...).Replace(string(text)))
	return dir
}

func first(t *testing.T, cfg *config.Config) *rotation.Credential {
	t.Helper()
	cred, ok := cfg.Credential("a")
	if !ok {
		t.Fatal("there is no credential")
	}
	return cred
}

func TestAProviderIsOneFile(t *testing.T) {
	t.Parallel()
	cfg := mustLoad(t, describing(t), described)
	cred := first(t, cfg)
	if cred.Target != "a@example.com" || cfg.Accounts["own"].Endpoint != "https://api.example.com/v1" {
		t.Errorf("target %q, endpoint %q", cred.Target, cfg.Accounts["own"].Endpoint)
	}
	if cred.Verify.Mode != rotation.VerifySMTP || cred.Verify.SMTP.Address != "smtp.example.com:465" || cred.Verify.SMTP.TLS != "implicit" {
		t.Errorf("verified by %+v", cred.Verify)
	}
}

// Where a description says how a password logs in, only a person turns that off, and the nearest word counts.
func TestVerificationIsOnByDefault(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ old, new, address string }{
		"nothing is said":          {"", "", "smtp.example.com:465"},
		"the defaults, off":        {"defaults: {", "defaults: {verify: off, ", ""},
		"the defaults, elsewhere":  {"defaults: {", `defaults: {verify: {smtp: {address: "mx.example.com:25"}}, `, "mx.example.com:25"},
		"the account, off":         {"{provider: example,", "{provider: example, verify: off,", ""},
		"the account, a user name": {"{provider: example,", "{provider: example, verify: {smtp: {username: u}},", "smtp.example.com:465"},
		"the credential, off":      {"path: a}", "path: a, verify: off}", ""},
	} {
		cfg := mustLoad(t, describing(t), strings.Replace(described, test.old, test.new, 1))
		if got := first(t, cfg).Verify.SMTP.Address; got != test.address || len(cfg.Warnings) != 0 {
			t.Errorf("%s: verified at %q, want %q; %v", name, got, test.address, cfg.Warnings)
		}
	}
	const smtp = "smtp: {host: smtp.example.com, port: 465, tls: implicit, username: target}\n"
	cfg := mustLoad(t, describing(t, smtp, ""), described)
	if len(cfg.Warnings) != 1 || !strings.Contains(cfg.Warnings[0].Error(), "keyturn.yaml:5:8: accounts.own: warning: example does not say where passwords log in") {
		t.Errorf("warnings %v", cfg.Warnings)
	}
}

// What logs in to no mail server is asked about at none, whatever the defaults say of others.
func TestWhatLogsInNowhereIsNotVerified(t *testing.T) {
	t.Parallel()
	dir := describing(t, "smtp: {host: smtp.example.com, port: 465, tls: implicit, username: target}", "smtp: none")
	const elsewhere = `{smtp: {address: "mx.example.com:25"}}`
	for name, edits := range map[string][]string{
		"nothing is said": {}, "the defaults": {"defaults: {", "defaults: {verify: " + elsewhere + ", "}, "the account, off": {"{provider: example,", "{provider: example, verify: off,"},
	} {
		cfg := mustLoad(t, dir, strings.NewReplacer(edits...).Replace(described))
		if got := first(t, cfg).Verify.Mode; got != rotation.VerifyOff || len(cfg.Warnings) != 0 {
			t.Errorf("%s: verified by %v; %v", name, got, cfg.Warnings)
		}
	}
	for name, edits := range map[string][]string{
		"the account":    {"{provider: example,", "{provider: example, verify: " + elsewhere + ","},
		"the credential": {"path: a}", "path: a, verify: " + elsewhere + "}"},
	} {
		_, err := load(t, dir, strings.NewReplacer(edits...).Replace(described))
		if err == nil || strings.Count(err.Error(), "verify: what example makes logs in to no mail server (leave it out)") != 1 {
			t.Errorf("%s: got %v", name, err)
		}
	}
	_, err := load(t, dir, strings.NewReplacer("{provider: example,", "{provider: example, verify: "+elsewhere+",", "  - {id: a, account: own, target: A@example.com, path: a}\n", "  []\n").Replace(described))
	if err == nil || !strings.Contains(err.Error(), "logs in to no mail server") {
		t.Errorf("an account without credentials: got %v", err)
	}
}

func TestABadDescriptionIsAnErrorOfTheConfiguration(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ old, new, want string }{
		"a mistake":                  {"rate: 5/s", "rate: often", "own.yaml:9:7: rate: is not a rate"},
		"a built-in of its code":     {"code: example", "code: enom", `own.yaml:1:7: code: "enom" is another provider's`},
		"an embedded of its code":    {"code: example", "code: mailgun", `own.yaml:1:7: code: "mailgun" is another provider's`},
		"a server of each account's": {"https://api.example.com/v1", "account", "keyturn.yaml:5:8: accounts.own.endpoint: is missing"},
		"a form that matches less":   {"[a-z.]+)$'", "example[.]com)x?$'", ""},
	} {
		_, err := load(t, describing(t, test.old, test.new), described)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	dir := describing(t)
	write(t, dir, "providers/large.yaml", "# "+strings.Repeat("x", 10<<20))
	if _, err := load(t, dir, described); err == nil || !strings.Contains(err.Error(), "large.yaml: a description is at most 256 KiB long") {
		t.Errorf("a file of 10 MiB: %v", err)
	}
	dir = describing(t)
	text, err := os.ReadFile(filepath.Join(dir, "providers", "own.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "providers/zzz.yaml", string(text))
	if _, err := load(t, dir, described); err == nil || !strings.Contains(err.Error(), `zzz.yaml:1:7: code: "example" is another provider's`) {
		t.Errorf("two files of one code: %v", err)
	}
	if _, err := load(t, t.TempDir(), described); err == nil || !strings.Contains(err.Error(), "provider_files[0]: matches no file") {
		t.Errorf("no file: %v", err)
	}
}

func TestAChangedDescriptionIsAnotherConfiguration(t *testing.T) {
	t.Parallel()
	before := mustLoad(t, describing(t), described)
	if same := mustLoad(t, describing(t), described); same.Fingerprint() != before.Fingerprint() {
		t.Error("the same description has another fingerprint")
	}
	if other := mustLoad(t, describing(t, "hint: the key", "hint: the token"), described); other.Fingerprint() == before.Fingerprint() {
		t.Error("another description has the same fingerprint")
	}
	if before.Files[1] == "" || filepath.Base(before.Files[1]) != "own.yaml" {
		t.Errorf("the description is not among the files that are followed: %q", before.Files)
	}
}

func TestAChangedDescriptionIsReadAgain(t *testing.T) {
	t.Parallel()
	dir := describing(t)
	calls, _ := start(t, mustLoad(t, dir, described))
	text, err := os.ReadFile(filepath.Join(dir, "providers", "own.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "providers/own.yaml", strings.Replace(string(text), "rate: 5/s", "rate: 7/s", 1))
	if o := next(t, calls); o.err != nil || o.cfg.Accounts["own"].Provider.Rate.Requests != 7 {
		t.Errorf("got %v", o.err)
	}
}

// A provider that changes no password has but one strategy.
func TestADescribedMinterHasIdentitiesThatFollowEachOther(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../providers/declared/testdata/minter.yaml")
	if err != nil {
		t.Fatal(err)
	}
	whole := string(text)
	unnamed := strings.NewReplacer("json: {name: \"${label}\"}", "json: {}", ", name: {is: \"${label}\"}", "", "  label: name\n", "", ", echo: {name: \"${label}\"}", "",
		"lists: [c-1]", "lists: [c-0, c-1]", `{"name":"kt-example-0a1b2c3d-1"}`, "{}").Replace(whole)
	for _, test := range []struct{ description, strategy, owner, want string }{
		{whole, ", strategy: overlap", "ca978112ca", ""},
		{whole, ", strategy: overlap, label: mine", "mine", ""},
		{whole, ", strategy: overlap, exclusive: true", "", ""},
		{whole, "", "", "credentials[0].strategy: example changes no password: it makes another identity for each rotation (say strategy: overlap)"},
		{whole, ", strategy: replace", "", "credentials[0].strategy: example changes no password"},
		{whole, ", strategy: overlap, policy: p", "", "credentials[0].policy: example makes its passwords itself"},
		{whole, ", strategy: overlap, label: M", "", "credentials[0].label: a label is 1 to 24 of a-z"},
		{unnamed, ", strategy: overlap, exclusive: true", "", ""},
		{unnamed, ", strategy: overlap", "", "credentials[0].exclusive: identities at example carry no label"},
	} {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, "providers"), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, dir, "providers/own.yaml", test.description)
		cfg, err := load(t, dir, strings.Replace(described, "target: A@example.com", "target: Example.com"+test.strategy, 1)+"policies: {p: {length: 20}}\n")
		if test.want != "" {
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s: got\n%v\nwant\n%s", test.strategy, err, test.want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", test.strategy, err)
			continue
		}
		if cred := first(t, cfg); cred.Target != "example.com" || cred.Overlap == nil || cred.Overlap.Owner != test.owner || cred.Policy != nil {
			t.Errorf("%s: %+v", test.strategy, cred)
		}
	}
}
