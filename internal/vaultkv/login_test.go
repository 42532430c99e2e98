package vaultkv_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"keyturn/internal/secret"
	"keyturn/internal/vaultkv"
)

// Vault locks a role for all its users after five refused logins.
func TestARefusedLoginIsNotRepeatedByEveryCall(t *testing.T) {
	t.Parallel()
	var g gate
	bad := config()
	bad.Auth = appRole(t, roleOptions{policy: fullPolicy})
	neighbour := bad
	bad.Auth.Secret = secret.New("no secret_id of this role")
	v := g.open(t, bad)
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for range 10 {
				_, err := v.Load(t.Context(), newCredential())
				if !errors.Is(err, vaultkv.ErrLogin) {
					t.Errorf("load: %v, want ErrLogin", err)
				}
			}
		})
	}
	all.Wait()
	if n := g.logins.Load(); n != 1 {
		t.Errorf("%d logins for 160 calls, want 1", n)
	}
	if _, err := v.Load(t.Context(), newCredential()); err == nil || !strings.Contains(err.Error(), "the next login is in ") {
		t.Errorf("error %v does not say when the login is tried again", err)
	}
	if _, err := open(t, neighbour).Load(t.Context(), newCredential()); err != nil {
		t.Errorf("a neighbour with a good secret_id: %v", err)
	}
}

// Vault counts by role, and so do the stores of one process.
func TestStoresOfOneRoleShareWhatWasRefused(t *testing.T) {
	t.Parallel()
	bad := config()
	bad.Auth = appRole(t, roleOptions{policy: fullPolicy})
	neighbour := bad
	bad.Auth.Secret = secret.New("no secret_id of this role")
	configs := make(map[string]vaultkv.StoreConfig)
	for i := range 8 {
		configs[fmt.Sprint("s", i)] = bad
	}
	v := openAll(t, configs)
	var all sync.WaitGroup
	for name := range configs {
		all.Go(func() {
			cred := newCredential()
			cred.Place.Store = name
			_, err := v.Load(t.Context(), cred)
			wantAll(t, err, fmt.Sprintf("vault store %q: log in", name), "login refused")
		})
	}
	all.Wait()
	if _, err := open(t, neighbour).Load(t.Context(), newCredential()); err != nil {
		t.Errorf("a neighbour with a good secret_id: %v", err)
	}
}

// Without that right Vault denies the question whether the token lives, too.
func TestADeniedCallDoesNotLogInWithoutTheRightToLookItselfUp(t *testing.T) {
	t.Parallel()
	var g gate
	role := config()
	role.Auth = appRole(t, roleOptions{policy: `path "secret/data/mail/*" { capabilities = ["read"] }`})
	v := g.open(t, role)
	for range 5 {
		if _, err := v.Load(t.Context(), newCredential()); !errors.Is(err, vaultkv.ErrForbidden) {
			t.Errorf("load: %v, want ErrForbidden", err)
		}
		if _, err := v.Read(t.Context(), newCredential().Place); err != nil {
			t.Errorf("read: %v, which the policy allows", err)
		}
	}
	if n := g.logins.Load(); n != 1 {
		t.Errorf("%d logins, want 1: each uses up one of secret_id_num_uses", n)
	}
}

// Servers of before 2022 say of a dead token what they say of a missing right.
func TestAnOldServersDenialsLogInOnceMoreAtMost(t *testing.T) {
	t.Parallel()
	var g gate
	role := config()
	role.Auth = appRole(t, roleOptions{policy: fullPolicy})
	role.Address, _ = answers(t, 1000, func(r *http.Request) bool { return !strings.HasSuffix(r.URL.Path, "/login") },
		refusal(http.StatusForbidden, "permission denied"))
	v := g.openBefore(t, role, role.Address)
	for range 5 {
		if _, err := v.Load(t.Context(), newCredential()); !errors.Is(err, vaultkv.ErrForbidden) {
			t.Errorf("load: %v, want ErrForbidden", err)
		}
	}
	if n := g.logins.Load(); n != 2 {
		t.Errorf("%d logins, want the first and one more", n)
	}
}

// A token of a file that was not replaced stays what it is.
func TestADeadTokenThatWasGivenIsTriedOnceMoreAtMost(t *testing.T) {
	t.Parallel()
	dead := config()
	dead.Auth.Secret = secret.New("hvs.mistyped")
	address, asked := answers(t, 0, func(r *http.Request) bool { return strings.Contains(r.URL.Path, "/data/") }, nil)
	dead.Address = address
	v := open(t, dead)
	for range 5 {
		if _, err := v.Load(t.Context(), newCredential()); !errors.Is(err, vaultkv.ErrForbidden) {
			t.Errorf("load: %v, want ErrForbidden", err)
		}
	}
	if n := asked.Load(); n > 10 {
		t.Errorf("%d requests for 5 calls", n)
	}
}
