package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"keyturn/internal/devenv"
	"keyturn/internal/devenv/devenvtest"
)

// machine is a sealed Vault on a disk, as docker-compose.yml starts it, and who tends it.
type machine struct {
	*setup
	process *devenv.Process
	ready   struct{ Addr string }
	logged  bytes.Buffer
}

func start(t *testing.T) *machine {
	t.Helper()
	binary, err := devenv.VaultBinary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "config.json")
	write(t, config, fmt.Sprintf(`{
		"storage": {"file": {"path": %q}},
		"listener": [{"tcp": {"address": "127.0.0.1:0", "tls_disable": true}}]}`, filepath.Join(dir, "vault")))
	targets := filepath.Join(dir, "targets.yaml")
	write(t, targets, "providers: {tencent-ses: {targets: [{target: a@example.com}]}, kirimemail: {rate: 5/s}}\n")

	for _, folder := range []string{"redis", "redis-client"} {
		if err := os.Mkdir(filepath.Join(dir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}

	m := &machine{}
	m.process = devenvtest.Process(t, devenv.Command{
		Path: binary, Args: []string{"server", "-config", config, "-ready-json"}, Ready: &m.ready,
	})
	m.setup = &setup{
		vault: &vault{address: m.ready.Addr, client: http.DefaultClient}, log: slog.New(slog.NewTextHandler(&m.logged, nil)),
		keys: filepath.Join(dir, "keys.json"), secretID: filepath.Join(dir, "secret-id"),
		token: filepath.Join(dir, "console-token"), digest: filepath.Join(dir, "demo.sha256"),
		policies: "../../vault", targets: targets, sandbox: filepath.Join(dir, "sandbox.yaml"),
		redis: redisFiles{server: filepath.Join(dir, "redis"), client: filepath.Join(dir, "redis-client"), template: "../../redis/users.acl"},
	}
	return m
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// tended looks after Vault until there is nothing left to do.
func (m *machine) tended(t *testing.T) {
	t.Helper()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	for {
		err := m.tend(t.Context())
		if err == nil {
			return
		}
		select {
		case <-deadline.C:
			t.Fatal(err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// login returns Vault as keyturn sees it.
func (m *machine) login(t *testing.T) *vault {
	t.Helper()
	var made struct {
		Auth struct {
			Token string `json:"client_token"`
		} `json:"auth"`
	}
	anybody := &vault{address: m.vault.address, client: http.DefaultClient}
	body := map[string]string{"role_id": role, "secret_id": read(t, m.secretID)}
	if err := anybody.put(t.Context(), "auth/approle/login", body, &made); err != nil {
		t.Fatal(err)
	}
	return &vault{address: m.vault.address, token: made.Auth.Token, client: http.DefaultClient}
}

func TestKeyturnGetsItsRightsAndNoMore(t *testing.T) {
	t.Parallel()
	m := start(t)
	if err := m.healthy(t.Context()); err == nil {
		t.Error("healthy before anything is prepared")
	}
	m.tended(t)
	if err := m.healthy(t.Context()); err != nil {
		t.Errorf("prepared, but not healthy: %v", err)
	}
	keyturn := m.login(t)
	for _, path := range []string{"secret/data/mail/a", "keyturn-journal/data/abc/a"} {
		if err := keyturn.put(t.Context(), path, map[string]any{"data": map[string]string{"a": "b"}}, nil); err != nil {
			t.Error(err)
		}
	}
	// With the default policy, whose templates Vault evaluates at every request, it does half as much.
	var token struct{ Data struct{ Policies []string } }
	if err := keyturn.get(t.Context(), "auth/token/lookup-self", &token); err != nil {
		t.Error(err)
	}
	if p := token.Data.Policies; len(p) == 0 || slices.Contains(p, "default") {
		t.Errorf("its policies are %v", p)
	}
	for _, path := range []string{"secret/data/other", "sys/policies/acl/mine", "sys/seal"} {
		var refused *statusError
		if err := keyturn.put(t.Context(), path, struct{}{}, nil); !errors.As(err, &refused) || refused.code != http.StatusForbidden {
			t.Errorf("%s: %v, want it forbidden", path, err)
		}
	}
}

func TestTheSandboxGetsTheKeysThatKeyturnReads(t *testing.T) {
	t.Parallel()
	m := start(t)
	m.tended(t)
	var data struct {
		Providers map[string]struct {
			Keys    []managementKey  `yaml:"keys"`
			Targets []map[string]any `yaml:"targets"`
			Rate    string           `yaml:"rate"`
		} `yaml:"providers"`
	}
	if err := yaml.Unmarshal([]byte(read(t, m.sandbox)), &data); err != nil {
		t.Fatal(err)
	}
	for _, code := range []string{"tencent-ses", "kirimemail"} {
		var kept struct{ Data struct{ Data managementKey } }
		if err := m.login(t).get(t.Context(), "secret/data/keyturn/"+code, &kept); err != nil {
			t.Fatal(err)
		}
		keys := data.Providers[code].Keys
		if len(keys) != 1 || keys[0] != kept.Data.Data || keys[0].Secret == "" {
			t.Errorf("%s: the sandbox and Vault differ", code)
		}
		beside := filepath.Join(filepath.Dir(m.sandbox), code)
		if keys[0].ID != read(t, beside+"-id") || keys[0].Secret != read(t, beside+"-secret") {
			t.Errorf("%s: the sandbox and the files beside its data differ", code)
		}
	}
	if len(data.Providers["tencent-ses"].Targets) != 1 || data.Providers["kirimemail"].Rate != "5/s" {
		t.Errorf("the rest of the data did not survive: %d targets, rate %q",
			len(data.Providers["tencent-ses"].Targets), data.Providers["kirimemail"].Rate)
	}
}

func TestTheConsoleGetsTheDigestOfATokenThatStays(t *testing.T) {
	t.Parallel()
	m := start(t)
	m.tended(t)
	token := read(t, m.token)
	if got, want := read(t, m.digest), fmt.Sprintf("%x\n", sha256.Sum256([]byte(token))); len(token) < 20 || got != want {
		t.Errorf("the digest is %q, want %q", got, want)
	}
	if err := os.Remove(m.digest); err != nil { // its volume was removed
		t.Fatal(err)
	}
	m.prepared = false
	m.tended(t)
	if read(t, m.token) != token || read(t, m.digest) != fmt.Sprintf("%x\n", sha256.Sum256([]byte(token))) {
		t.Error("the token has changed, or its digest is lost")
	}
}

func TestARestartedVaultIsUnsealedAndAsItWas(t *testing.T) {
	t.Parallel()
	m := start(t)
	m.tended(t)
	login, sandbox := read(t, m.secretID), read(t, m.sandbox)
	if err := m.process.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.vault.address = m.ready.Addr
	if err := m.healthy(t.Context()); err == nil {
		t.Error("healthy while Vault is sealed")
	}
	m.prepared = false // as if setup had been restarted, too
	m.tended(t)
	if err := m.healthy(t.Context()); err != nil {
		t.Error(err)
	}
	if read(t, m.secretID) != login || read(t, m.sandbox) != sandbox {
		t.Error("login or management keys have changed")
	}
}

func TestANewVaultGetsANewLogin(t *testing.T) {
	t.Parallel()
	m := start(t)
	write(t, m.secretID, "of a Vault that is gone")
	write(t, m.keys, "of a Vault that is gone")
	m.tended(t)
	m.login(t)
}

func TestLostKeysAreNamed(t *testing.T) {
	t.Parallel()
	m := start(t)
	m.tended(t)
	if err := os.Remove(m.keys); err != nil {
		t.Fatal(err)
	}
	if err := m.tend(t.Context()); err == nil || !strings.Contains(err.Error(), "keys of this vault are lost") {
		t.Errorf("got %v", err)
	}
}

func TestNoSecretIsLoggedOrReadableByOthers(t *testing.T) {
	t.Parallel()
	m := start(t)
	m.tended(t)
	k, err := m.load()
	if err != nil {
		t.Fatal(err)
	}
	for name, secret := range map[string]string{"unseal key": k.UnsealKey, "root token": k.RootToken, "secret_id": read(t, m.secretID), "console's token": read(t, m.token), "password of Redis": read(t, m.redis.password())} {
		if secret == "" || strings.Contains(m.logged.String(), secret) {
			t.Errorf("the %s is empty, or in the log", name)
		}
	}
	modes := map[string]os.FileMode{m.redis.key(): 0o640, m.redis.acl(): 0o640, m.redis.password(): 0o600}
	for _, file := range []string{m.keys, m.secretID, m.sandbox, m.token, m.digest, filepath.Join(filepath.Dir(m.sandbox), "kirimemail-secret")} {
		modes[file] = 0o600
	}
	for file, mode := range modes {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != mode {
			t.Errorf("%s has mode %v", file, info.Mode())
		}
	}
}
