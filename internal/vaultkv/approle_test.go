package vaultkv_test

import (
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

	"github.com/google/uuid"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
	"keyturn/internal/vaultkv"
)

var openRecord = rotation.Record{RotationID: "r", State: rotation.Open}

// fullPolicy allows what the tests of this file do, without a word on policies: those have a test of their own.
const fullPolicy = `path "*" { capabilities = ["create", "read", "update", "list"] }`

type roleOptions struct {
	policy      string
	ttl, maxTTL string // "" means Vault's own
}

// appRole makes an AppRole of its own on the shared Vault, as deploy/vault/README.md does, and says how to log in.
func appRole(t *testing.T, opts roleOptions) vaultkv.Auth {
	t.Helper()
	name := "approle-" + uuid.NewString()
	ask(t, http.MethodPut, "sys/auth/"+name, map[string]any{"type": "approle"})
	t.Cleanup(func() { ask(t, http.MethodDelete, "sys/auth/"+name, nil) })
	ask(t, http.MethodPut, "sys/policies/acl/"+name, map[string]any{"policy": opts.policy})
	t.Cleanup(func() { ask(t, http.MethodDelete, "sys/policies/acl/"+name, nil) })
	role := "auth/" + name + "/role/keyturn"
	ask(t, http.MethodPut, role, map[string]any{
		"token_policies": name, "token_no_default_policy": true, "token_ttl": opts.ttl, "token_max_ttl": opts.maxTTL,
	})
	roleID := ask(t, http.MethodGet, role+"/role-id", nil)["role_id"].(string)
	secretID := ask(t, http.MethodPut, role+"/secret-id", nil)["secret_id"].(string)
	return vaultkv.Auth{Method: vaultkv.MethodAppRole, Mount: name, Role: roleID, Secret: secret.New(secretID)}
}

// gate is a proxy that counts logins and renewals, and knows the last token.
type gate struct {
	logins, renewals, lookups atomic.Int32
	shut                      atomic.Bool
	mu                        sync.Mutex
	token                     string
}

func (g *gate) open(t *testing.T, config vaultkv.StoreConfig) *vaultkv.Vault {
	t.Helper()
	return g.openBefore(t, config, shared.Addr)
}

// openBefore opens a store whose requests pass the gate on their way to address.
func (g *gate) openBefore(t *testing.T, config vaultkv.StoreConfig, address string) *vaultkv.Vault {
	t.Helper()
	server := httptest.NewServer(front{to: address, spoil: func(_ http.ResponseWriter, r *http.Request) bool {
		if g.shut.Load() {
			panic(http.ErrAbortHandler)
		}
		switch {
		case strings.HasSuffix(r.URL.Path, "/login"):
			g.logins.Add(1)
		case strings.HasSuffix(r.URL.Path, "/renew-self"):
			g.renewals.Add(1)
		case strings.HasSuffix(r.URL.Path, "/lookup-self"), strings.HasSuffix(r.URL.Path, "/wrapping/lookup"):
			g.lookups.Add(1)
		case strings.Contains(r.URL.Path, "/data/"):
			g.mu.Lock()
			g.token = r.Header.Get("X-Vault-Token")
			g.mu.Unlock()
		}
		return false
	}})
	t.Cleanup(server.Close)
	config.Address = server.URL
	return open(t, config)
}

func (g *gate) lastToken() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.token
}

func TestCallsGoOnAcrossRenewalAndExpiry(t *testing.T) {
	t.Parallel()
	var g gate
	short := config()
	short.Auth = appRole(t, roleOptions{policy: fullPolicy, ttl: "2s", maxTTL: "4s"})
	v, cred := g.open(t, short), newCredential()
	deadline := time.After(time.Minute)
	version := 0
	for g.logins.Load() < 3 || g.renewals.Load() < 3 {
		select {
		case <-deadline:
			t.Fatalf("%d logins and %d renewals in a minute, want 3 of each", g.logins.Load(), g.renewals.Load())
		case <-time.After(5 * time.Millisecond):
		}
		version = save(t, v, cred, openRecord, version)
	}
}

// An idle worker must not find its token dead when work comes.
func TestTheLoginIsRepeatedWithoutACall(t *testing.T) {
	t.Parallel()
	var g gate
	short := config()
	short.Auth = appRole(t, roleOptions{policy: fullPolicy, ttl: "2s", maxTTL: "2s"})
	load(t, g.open(t, short), newCredential())
	deadline := time.After(time.Minute)
	for g.logins.Load() < 3 {
		select {
		case <-deadline:
			t.Fatalf("%d logins in a minute, want 3", g.logins.Load())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func TestAWriteWithARevokedTokenLogsInAndSucceeds(t *testing.T) {
	t.Parallel()
	var g gate
	role := config()
	role.Auth = appRole(t, roleOptions{policy: fullPolicy})
	v, cred := g.open(t, role), newCredential()
	version := save(t, v, cred, openRecord, 0)
	ask(t, http.MethodPut, "auth/token/revoke", map[string]any{"token": g.lastToken()})

	const writers = 8
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			if _, err := v.Save(t.Context(), newCredential(), openRecord, 0); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	save(t, v, cred, openRecord, version)
	if n := g.logins.Load(); n != 2 {
		t.Errorf("%d logins, want the first and one more for all", n)
	}
}

func TestADeniedCallDoesNotLogIn(t *testing.T) {
	t.Parallel()
	var g gate
	role := config()
	role.Auth = appRole(t, roleOptions{policy: `path "auth/token/lookup-self" { capabilities = ["read"] }`})
	v := g.open(t, role)
	for range 5 {
		if _, err := v.Load(t.Context(), newCredential()); !errors.Is(err, vaultkv.ErrForbidden) {
			t.Errorf("load: %v, want ErrForbidden", err)
		}
	}
	if n := g.logins.Load(); n != 1 {
		t.Errorf("%d logins, want 1: the token lives, its policy is what denies", n)
	}
}

func TestManyFirstCallsLogInOnce(t *testing.T) {
	t.Parallel()
	var g gate
	role := config()
	role.Auth = appRole(t, roleOptions{policy: fullPolicy})
	v := g.open(t, role)
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			if _, err := v.Load(t.Context(), newCredential()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := g.logins.Load(); n != 1 {
		t.Errorf("%d logins, want 1", n)
	}
}

func TestAVaultThatComesLaterIsUsed(t *testing.T) {
	t.Parallel()
	var g gate
	g.shut.Store(true)
	role := config()
	role.Auth = appRole(t, roleOptions{policy: fullPolicy})
	v := g.open(t, role)
	var failed *vaultkv.Error
	if _, err := v.Load(t.Context(), newCredential()); !errors.As(err, &failed) || failed.Op != "log in" {
		t.Errorf("load while Vault is away: %v, want an *Error of the login", err)
	}
	g.shut.Store(false)
	if _, err := v.Load(t.Context(), newCredential()); err != nil {
		t.Errorf("load: %v", err)
	}
}

func TestASecretIDIsReadFromItsFileAtEveryLogin(t *testing.T) {
	t.Parallel()
	role := config()
	role.Auth = appRole(t, roleOptions{policy: fullPolicy})
	good := role.Auth.Secret
	role.Auth.Secret, role.Auth.File = secret.Value{}, filepath.Join(t.TempDir(), "secret-id")
	v := open(t, role)
	if _, err := v.Load(t.Context(), newCredential()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("load without the file: %v, want ErrNotExist", err)
	}
	write := func(text string) {
		if err := os.WriteFile(role.Auth.File, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("canary")
	if _, err := v.Load(t.Context(), newCredential()); !errors.Is(err, vaultkv.ErrLogin) || strings.Contains(err.Error(), "canary") {
		t.Errorf("load with a wrong secret_id: %v, want ErrLogin without it", err)
	}
	write(good.Reveal() + "\n")
	if _, err := v.Load(t.Context(), newCredential()); err != nil {
		t.Errorf("load: %v", err)
	}
}

func TestARevokedTokenThatWasGivenIsForbidden(t *testing.T) {
	t.Parallel()
	var g gate
	given := config()
	made := ask(t, http.MethodPut, "auth/token/create", map[string]any{"ttl": "1h"})
	given.Auth.Secret = secret.New(made["client_token"].(string))
	v := g.open(t, given)
	if _, err := v.Load(t.Context(), newCredential()); err != nil {
		t.Fatal(err)
	}
	ask(t, http.MethodPut, "auth/token/revoke", map[string]any{"token": made["client_token"]})
	if _, err := v.Load(t.Context(), newCredential()); !errors.Is(err, vaultkv.ErrForbidden) {
		t.Errorf("load: %v, want ErrForbidden", err)
	}
}

func TestATokenThatWasGivenIsRenewed(t *testing.T) {
	t.Parallel()
	var g gate
	given := config()
	// Renewed after two thirds of it: a busy machine may be 5 s late.
	made := ask(t, http.MethodPut, "auth/token/create", map[string]any{"period": "15s"})
	given.Auth.Secret = secret.New(made["client_token"].(string))
	v, cred := g.open(t, given), newCredential()
	deadline := time.After(2 * time.Minute)
	for g.renewals.Load() < 3 { // at once, before the first period ends, and after it: without the second there is no third
		select {
		case <-deadline:
			t.Fatalf("%d renewals in two minutes, want 3", g.renewals.Load())
		case <-time.After(10 * time.Millisecond):
		}
		load(t, v, cred)
	}
}
