package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keyturn/internal/providers/declared"
	"keyturn/internal/rotation"
	"keyturn/internal/sandbox/core"
	sandboxdescribed "keyturn/internal/sandbox/described"
	"keyturn/internal/sandbox/sandboxtest"
)

const (
	triedTarget = "alerts@example.com"
	triedKey    = "A-key-that-nothing-shows"
)

// tryStage is a description of a mode, a sandbox that plays it, and a configuration with an account that has another key.
type tryStage struct {
	*sandboxtest.Bench
	t    *testing.T
	file string
	dir  string
}

func newTryStage(t *testing.T, mode string) *tryStage {
	t.Helper()
	s := &tryStage{t: t, dir: t.TempDir()}
	text, err := declared.Skeleton("mine", mode)
	if err != nil {
		t.Fatal(err)
	}
	s.file = s.write("mine.yaml", string(text))
	d, err := declared.ReadFile(s.file)
	if err != nil {
		t.Fatal(err)
	}
	s.Bench = sandboxtest.Start(t, []core.StandIn{sandboxdescribed.StandIn(d, core.Ports{})},
		sandboxtest.With("mine", core.ProviderConfig{Keys: []core.Key{{ID: triedKey, Secret: triedKey}}, Rate: &core.Rate{}}))
	s.write("key", triedKey)
	return s
}

func (s *tryStage) write(name, text string) string {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// config is a configuration with one account at an endpoint.
func (s *tryStage) config(endpoint string) string {
	s.t.Helper()
	return s.write("keyturn.yaml", fmt.Sprintf(`redis: {address: "127.0.0.1:1"}
vault: {address: "http://127.0.0.1:1", insecure_http: true, auth: {token: {file: key}}}
provider_files: [mine.yaml]
accounts:
  mine: {provider: mine, endpoint: "%s", insecure_http: true, keys: {token: {file: key}}, verify: off}
credentials:
  - {id: kept, account: mine, target: kept@example.com, path: mail/kept, schedule: manual}
`, endpoint))
}

// try runs the command, and holds that it shows no secret.
func (s *tryStage) try(args ...string) (out string, err error) {
	s.t.Helper()
	out, problems, err := ask(s.t, append([]string{"provider", "try", s.file, "--sandbox", strings.TrimPrefix(s.Ready().Admin, "http://")}, args...)...)
	live := s.State()["mine"][triedTarget].Live
	for _, secret := range []string{triedKey, live} {
		if secret != "" && strings.Contains(out+problems+fmt.Sprint(err), secret) {
			s.t.Errorf("%q shows a secret:\n%s%s%v", args, out, problems, err)
		}
	}
	return out, err
}

func TestATryChangesAPasswordAtTheSandboxAndSaysSoBefore(t *testing.T) {
	t.Parallel()
	for mode, change := range map[string]string{"setter": "keyturn makes", "issuer": "the provider makes"} {
		s := newTryStage(t, mode)
		out, err := s.try("--target", "Alerts@EXAMPLE.com")
		before, after, answered := strings.Cut(out, "answer  HTTP 200")
		if err != nil || !answered || s.Target("mine", triedTarget).Version != 1 {
			t.Fatalf("%s: %v\n%s", mode, err, out)
		}
		for _, want := range []string{"at      " + s.Ready().Providers["mine"], "keys    their names in capitals", "changes the password of alerts@example.com there, to one that " + change, "Authorization: Bearer TOKEN"} {
			if !strings.Contains(before, want) {
				t.Errorf("%s: does not say %q before:\n%s", mode, want, before)
			}
		}
		if !strings.Contains(after, "  yes success status is \"ok\"\n") || !strings.HasSuffix(after, "means   success\nkeyturn verifies the password where it logs in, then promotes it\n") {
			t.Errorf("%s: %s", mode, after)
		}
	}
}

func TestATryShowsWhatARefusalMeans(t *testing.T) {
	t.Parallel()
	s := newTryStage(t, "setter")
	for kind, want := range map[core.Kind]string{
		core.Unauthorized: "means   unauthorized\n", core.RateLimit: "means   rate limited\n", core.Reject: "means   rejected\n",
		core.LoseReply: "answer  none\nmeans   in doubt\n", core.HTML: "means   in doubt\n", core.ServerError: "means   in doubt\n",
	} {
		s.Inject(core.Fault{Provider: "mine", Kind: kind})
		out, err := s.try("--target", triedTarget)
		if failed := (*failedError)(nil); !errors.As(err, &failed) || !strings.Contains(out, want) {
			t.Errorf("%s: %v\n%s", kind, err, out)
		}
		if row := kind == core.Reject; row != strings.Contains(out, "  yes code error.code\nrow     "+s.file+":") {
			t.Errorf("%s:\n%s", kind, out)
		}
	}
	if out, err := s.try("--target", triedTarget, "-o", "json"); err != nil || !json.Valid([]byte(out)) || !strings.Contains(out, `"means": "success"`) {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestATryWithAnAccountUsesItsKeysWhereItIsPointedAt(t *testing.T) {
	t.Parallel()
	s := newTryStage(t, "setter")
	at := s.Ready().Providers["mine"]
	for endpoint, args := range map[string][]string{at: nil, "https://keyturn.invalid": {"--endpoint", at}} {
		out, err := s.try(append(args, "-c", s.config(endpoint), "--target", triedTarget, "--account", "mine")...)
		if err != nil || !strings.Contains(out, "keys    those of account mine\n") || !strings.Contains(out, "means   success") {
			t.Errorf("%q: %v\n%s", args, err, out)
		}
	}
	// An account of a service gives the sandbox none of its keys.
	out, err := s.try("-c", s.config("https://keyturn.invalid"), "--target", triedTarget, "--account", "mine")
	if err != nil || !strings.Contains(out, "keys    their names in capitals\n") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestATryCallsNoServiceUnlessThatIsAskedFor(t *testing.T) {
	t.Parallel()
	s := newTryStage(t, "setter")
	away := []string{"-c", s.config("https://keyturn.invalid"), "--account", "mine", "--target"}
	out, err := s.try(append(away, triedTarget, "--for-real")...)
	if err == nil || !strings.Contains(out, "at      https://keyturn.invalid\n") || !strings.Contains(out, "means   not sent\n") {
		t.Errorf("%v\n%s", err, out)
	}
	for _, test := range []struct {
		want string
		args []string
	}{
		{"say --for-real if that is meant", append(away, triedTarget, "--endpoint", "https://keyturn.invalid")},
		{"want --account", []string{"--target", triedTarget, "--for-real"}},
		{"want --account", []string{"--target", triedTarget, "--for-real", "--endpoint", "https://keyturn.invalid"}},
		{"is not on this machine", []string{"--target", triedTarget, "--endpoint", "https://127.0.0.1.example.com"}},
		{"is not on this machine", []string{"--target", triedTarget, "--sandbox", "192.0.2.1:7500"}},
		{"no sandbox at 127.0.0.1:1", []string{"--target", triedTarget, "--sandbox", "127.0.0.1:1"}},
		{"want https", append(away, triedTarget, "--for-real", "--endpoint", "http://keyturn.invalid")},
		{"it is the target of kept", append(away, "kept@example.com", "--for-real")},
		{"it is the target of kept", append(away, "kept@example.com", "--endpoint", s.Ready().Providers["mine"])},
		{"has no account \"other\"", []string{"-c", s.config("https://keyturn.invalid"), "--target", triedTarget, "--account", "other"}},
		{"mine has no region \"eu\"", []string{"--target", triedTarget, "--region", "eu"}},
		{"--target: the target is an address", []string{"--target", "no-address"}},
		{"want --target", nil},
		{"want text or json", []string{"--target", triedTarget, "-o", "yaml"}},
	} {
		out, err := s.try(test.args...)
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(out, "answer") {
			t.Errorf("%q: %v\n%s", test.args, err, out)
		}
	}
	if got := s.Target("mine", triedTarget); got.Calls != 0 {
		t.Errorf("%d calls were made", got.Calls)
	}
}

func TestTheSandboxThatDoesNotPlayAFileIsNamed(t *testing.T) {
	t.Parallel()
	s := newTryStage(t, "setter")
	text, err := declared.Skeleton("other", "setter")
	if err != nil {
		t.Fatal(err)
	}
	s.file = s.write("other.yaml", string(text))
	if _, err := s.try("--target", triedTarget); err == nil || !strings.Contains(err.Error(), "does not play other: start it with -provider "+s.file+" (it plays mine)") {
		t.Error(err)
	}
}

func TestWhatKeyturnDoesNextIsWhatItsPageSays(t *testing.T) {
	t.Parallel()
	page := repositoryFile(t, "docs", "providers", "README.md")
	all := maps.Clone(next)
	maps.Copy(all, map[rotation.Kind]string{rotation.Full: nextOfMint[rotation.Full]})
	for kind, does := range all {
		if row := fmt.Sprintf("| %s | %s |\n", kind, does); !strings.Contains(page, row) {
			t.Errorf("docs/providers/README.md lacks %q", row)
		}
	}
}
