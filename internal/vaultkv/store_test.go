package vaultkv_test

import (
	"context"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
	"keyturn/internal/vaultkv"
)

func TestOpenNamesEveryFaultOfTheConfiguration(t *testing.T) {
	t.Parallel()
	_, err := vaultkv.Open(t.Context(), map[string]vaultkv.StoreConfig{
		"a": {Address: "vault:8200", Auth: vaultkv.Auth{Method: "ldap"}},
		"b": {
			Address: "https://user:canary@vault", Mount: "same", JournalMount: "/same/",
			Auth: vaultkv.Auth{Method: vaultkv.MethodAppRole}, Fields: vaultkv.Fields{Password: "username"}, Timeout: -1,
		},
		"c": {
			Address: "https://vault", JournalMount: "a/../b",
			Auth: vaultkv.Auth{Method: vaultkv.MethodToken, Secret: secret.New("x"), File: "y"},
		},
		"d": {Address: "https://vault", CAFile: "missing.pem", Auth: vaultkv.Auth{Method: vaultkv.MethodToken, Secret: secret.New("x")}},
	})
	wantAll(t, err, `vault store "a"`, "want http://HOST:PORT", `auth method "ldap"`,
		`vault store "b"`, "user name or password", "the role is missing", `"username" is named twice`, `both "same"`, "timeout",
		`vault store "c"`, `"a/../b"`, "either the secret or the file",
		`vault store "d"`, "missing.pem")
	if err != nil && strings.Contains(err.Error(), "canary") {
		t.Error("the error repeats a password")
	}
}

func TestTwoStoresKeepApart(t *testing.T) {
	t.Parallel()
	other := config()
	other.Mount, other.JournalMount = mount(t, "2", map[string]any{}), mount(t, "2", map[string]any{})
	v := openAll(t, map[string]vaultkv.StoreConfig{"main": config(), "other": other})
	here := newCredential()
	there := *here
	there.Place.Store = "other"
	save(t, v, here, rotation.Record{RotationID: "here"}, 0)
	save(t, v, &there, rotation.Record{RotationID: "there"}, 0)
	if got := load(t, v, here).RotationID; got != "here" {
		t.Errorf("journal of %q in the first store", got)
	}
	if err := v.Write(t.Context(), there.Place, rotation.Entry{Password: secret.New("p")}); err != nil {
		t.Fatal(err)
	}
	if e := read(t, v, here.Place); e.Version != 0 {
		t.Error("what was written to one store stands in the other")
	}
}

func TestEveryCallNamesTheNamespace(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	seen := make(map[string]string)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen[r.Method+" "+r.URL.Path] = r.Header.Get("X-Vault-Namespace")
		mu.Unlock()
		if strings.HasSuffix(r.URL.Path, "/login") {
			_, _ = w.Write([]byte(`{"auth":{"client_token":"t"}}`))
			return
		}
		_, _ = w.Write([]byte(`{"data":{"version":1}}`))
	}))
	defer server.Close()
	team := config()
	team.Address, team.Namespace = server.URL, "team/mail"
	team.Auth = vaultkv.Auth{Method: vaultkv.MethodAppRole, Role: "r", Secret: secret.New("s")}
	v, cred := open(t, team), newCredential()
	save(t, v, cred, openRecord, 0)
	_, _ = v.Load(t.Context(), cred)
	mu.Lock()
	defer mu.Unlock()
	if len(seen) != 3 {
		t.Errorf("calls %v, want a login, a write and a read", seen)
	}
	for call, namespace := range seen {
		if namespace != "team/mail" {
			t.Errorf("%s was sent to namespace %q", call, namespace)
		}
	}
}

// An operator's shell points at another Vault.
func TestTheEnvironmentOfAnotherVaultIsIgnored(t *testing.T) {
	t.Setenv("VAULT_ADDR", "http://127.0.0.1:1")
	t.Setenv("VAULT_AGENT_ADDR", "http://127.0.0.1:1")
	const foreign = "another-user"
	t.Setenv("VAULT_TOKEN", foreign)
	t.Setenv("VAULT_NAMESPACE", "elsewhere")
	t.Setenv("VAULT_HEADERS", `{"x-canary":"1"}`)
	spoiled := make(chan string, 16)
	server := httptest.NewServer(front{spoil: func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("X-Canary") != "" || r.Header.Get("X-Vault-Namespace") != "" || r.Header.Get("X-Vault-Token") == foreign {
			spoiled <- r.URL.Path
		}
		return false
	}})
	defer server.Close()
	byToken, byRole := config(), config()
	byToken.Address, byRole.Address = server.URL, server.URL
	byRole.Auth = appRole(t, roleOptions{policy: fullPolicy})
	for _, here := range []vaultkv.StoreConfig{byToken, byRole} {
		v, cred := open(t, here), newCredential()
		load(t, v, cred)
		save(t, v, cred, openRecord, 0)
	}
	close(spoiled)
	for path := range spoiled {
		t.Errorf("the call of %s was spoiled by the environment", path)
	}
}

func TestACallEndsWithItsContextAndItsTimeLimit(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(front{spoil: func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasPrefix(r.URL.Path, "/v1/auth/") {
			return false
		}
		<-r.Context().Done() // until the caller hangs up
		return true
	}})
	defer server.Close()
	slow := config()
	slow.Address, slow.Timeout = server.URL, time.Second
	v, cred := open(t, slow), newCredential()
	if _, err := v.Load(t.Context(), cred); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("load: %v, want the time limit", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := v.Save(ctx, cred, openRecord, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("save: %v, want the context's error", err)
	}
}

func TestOnlyTheNamedAuthorityIsTrusted(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(front{spoil: func(http.ResponseWriter, *http.Request) bool { return false }})
	defer server.Close()
	secure := config()
	secure.Address = server.URL
	if _, err := open(t, secure).Load(t.Context(), newCredential()); err == nil {
		t.Error("a certificate of an unknown authority was accepted")
	}
	secure.CAFile = filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(secure.CAFile, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, secure).Load(t.Context(), newCredential()); err != nil {
		t.Error(err)
	}
}

// A standby that may not forward tells its clients where the active one is.
func TestAWriteArrivesWholeAfterARedirect(t *testing.T) {
	t.Parallel()
	// It answers everything else itself: what follows one redirect goes straight to where that led.
	standby := httptest.NewServer(front{spoil: func(w http.ResponseWriter, r *http.Request) bool {
		if isWrite(r) {
			http.Redirect(w, r, shared.Addr+r.URL.RequestURI(), http.StatusTemporaryRedirect)
		}
		return isWrite(r)
	}})
	defer standby.Close()
	redirected := config()
	redirected.Address, redirected.Nodes = standby.URL, []string{shared.Addr}
	v, cred := open(t, redirected), newCredential()
	save(t, v, cred, rotation.Record{RotationID: "redirected"}, 0)
	if got := load(t, v, cred).RotationID; got != "redirected" {
		t.Errorf("the journal holds %q", got)
	}
}

func TestStoresComeAndGoWhileOthersStayLoggedIn(t *testing.T) {
	t.Parallel()
	configs := map[string]vaultkv.StoreConfig{"main": config()}
	v := openAll(t, configs)
	cred := newCredential()
	save(t, v, cred, rotation.Record{RotationID: "before"}, 0)
	counted := &counter{}
	use := func(change func()) {
		change()
		if err := v.Use(configs); err != nil {
			t.Fatal(err)
		}
	}
	added := *cred
	added.Place.Store = "added"
	use(func() {
		c := config()
		c.Address = counted.serve(t)
		configs["added"] = c
	})
	if got := load(t, v, &added).RotationID; got != "before" || v.Stores() != 2 || counted.calls.Load() == 0 {
		t.Errorf("the store that was added: %q, %d stores, %d calls", got, v.Stores(), counted.calls.Load())
	}
	logins := counted.looks.Load()
	use(func() {})
	use(func() {
		c := config()
		c.Timeout = 5 * time.Second
		configs["main"] = c
	})
	if got := load(t, v, &added).RotationID; got != "before" || counted.looks.Load() != logins {
		t.Errorf("a store that stayed as it was looked its token up again: %q, %d times", got, counted.looks.Load()-logins)
	}
	use(func() { delete(configs, "added") })
	if got := load(t, v, &added).RotationID; got != "before" || v.Stores() != 1 || len(v.StoreNames()) != 1 {
		t.Errorf("a run that is under way in a store that was removed: %q; stores in force: %v", got, v.StoreNames())
	}
}

// counter is a Vault that counts what it is asked.
type counter struct{ calls, looks atomic.Int64 }

func (c *counter) serve(t *testing.T) string {
	t.Helper()
	f := front{spoil: func(_ http.ResponseWriter, r *http.Request) bool {
		c.calls.Add(1)
		if strings.HasSuffix(r.URL.Path, "/lookup-self") {
			c.looks.Add(1)
		}
		return false
	}}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return server.URL
}

func TestAStoreThatWouldBeAnotherOneIsRefusedAndNothingChanges(t *testing.T) {
	t.Parallel()
	v := open(t, config())
	cred := newCredential()
	save(t, v, cred, rotation.Record{RotationID: "here"}, 0)
	for name, change := range map[string]func(*vaultkv.StoreConfig){
		"mount":         func(c *vaultkv.StoreConfig) { c.Mount = "elsewhere" },
		"journal mount": func(c *vaultkv.StoreConfig) { c.JournalMount = "elsewhere" },
		"namespace":     func(c *vaultkv.StoreConfig) { c.Namespace = "elsewhere" },
	} {
		c := config()
		change(&c)
		err := v.Use(map[string]vaultkv.StoreConfig{"main": c, "other": config()})
		if !errors.Is(err, vaultkv.ErrMoved) || !strings.Contains(err.Error(), `"main"`) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := load(t, v, cred).RotationID; got != "here" || v.Stores() != 1 {
		t.Errorf("%q, %d stores", got, v.Stores())
	}
}
