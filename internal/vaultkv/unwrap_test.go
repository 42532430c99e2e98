package vaultkv_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keyturn/internal/secret"
	"keyturn/internal/vaultkv"
)

// wrapped asks for path with a wrapped answer, as `vault write -wrap-ttl` does, and returns the wrapping token.
func wrapped(t *testing.T, method, path string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, shared.Addr+"/v1/"+path, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Vault-Token", shared.Token)
	req.Header.Set("X-Vault-Wrap-Ttl", "5m")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return wrapToken(t, resp.Body)
}

// wrappedRole is a role whose secret_id comes wrapped in a file, and the path that makes more of them.
func wrappedRole(t *testing.T, opts roleOptions) (role vaultkv.StoreConfig, secretIDs string) {
	t.Helper()
	role = config()
	role.Auth = appRole(t, opts)
	role.Auth.Secret, role.Auth.Wrapped = secret.Value{}, true
	role.Auth.File = filepath.Join(t.TempDir(), "wrapped")
	return role, "auth/" + role.Auth.Mount + "/role/keyturn/secret-id"
}

func TestAWrappedSecretIDIsTakenOutOnceAndServesEveryLogin(t *testing.T) {
	t.Parallel()
	var g gate
	role, secretIDs := wrappedRole(t, roleOptions{policy: fullPolicy})
	replace(t, role.Auth.File, wrapped(t, http.MethodPut, secretIDs)+"\n")
	v, cred := g.open(t, role), newCredential()
	save(t, v, cred, openRecord, 0)
	ask(t, http.MethodPut, "auth/token/revoke", map[string]any{"token": g.lastToken()})
	load(t, v, cred)
	if n := g.logins.Load(); n != 2 {
		t.Errorf("%d logins, want 2", n)
	}
	replace(t, role.Auth.File, wrapped(t, http.MethodPut, secretIDs))
	ask(t, http.MethodPut, "auth/token/revoke", map[string]any{"token": g.lastToken()})
	another := open(t, role)
	load(t, another, cred)
}

func TestAWrappedSecretIDThatWasTakenOutByAnotherIsAnAlarm(t *testing.T) {
	t.Parallel()
	var g gate
	role, secretIDs := wrappedRole(t, roleOptions{policy: fullPolicy})
	token := wrapped(t, http.MethodPut, secretIDs)
	replace(t, role.Auth.File, token)
	load(t, open(t, role), newCredential())
	v := g.open(t, role)
	for range 5 {
		_, err := v.Load(t.Context(), newCredential())
		if !errors.Is(err, vaultkv.ErrUnwrap) || !errors.Is(err, vaultkv.ErrLogin) || strings.Contains(err.Error(), token) {
			t.Errorf("load: %v, want ErrUnwrap without the token", err)
		}
	}
	if n := g.lookups.Load(); n != 1 {
		t.Errorf("Vault was asked %d times for 5 calls, want once", n)
	}
}

// An attacker who took the real one may leave another answer in its place.
func TestAWrappedAnswerOfAnotherPathIsNotUsed(t *testing.T) {
	t.Parallel()
	role, _ := wrappedRole(t, roleOptions{policy: fullPolicy})
	other := appRole(t, roleOptions{policy: fullPolicy})
	for _, path := range []string{"sys/wrapping/wrap", "auth/" + other.Mount + "/role/keyturn/secret-id"} {
		replace(t, role.Auth.File, wrapped(t, http.MethodPut, path))
		if _, err := open(t, role).Load(t.Context(), newCredential()); !errors.Is(err, vaultkv.ErrNotOurs) {
			t.Errorf("%s: %v, want ErrNotOurs", path, err)
		}
	}
}

func TestARoleIDIsReadFromItsFileAtEveryLogin(t *testing.T) {
	t.Parallel()
	role := config()
	role.Auth = appRole(t, roleOptions{policy: fullPolicy})
	id := role.Auth.Role
	role.Auth.Role, role.Auth.RoleFile = "", filepath.Join(t.TempDir(), "role-id")
	v := open(t, role)
	if _, err := v.Load(t.Context(), newCredential()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("load without the file: %v, want ErrNotExist", err)
	}
	replace(t, role.Auth.RoleFile, "\ufeff"+id+"\r\n") // as an editor writes it
	load(t, v, newCredential())
}
