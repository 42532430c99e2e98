package config_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"keyturn/internal/config"
)

func TestAStoreMayNameTheNodesOfAClusterAndFilesToLogInWith(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := mustLoad(t, dir, `
redis: {address: "localhost:6379"}
vault:
  addresses: ["https://one:8200/", "https://two:8200"]
  auth: {approle: {role_id: {file: role-id}, secret_id: {wrapped: {file: wrapped}}}}
accounts:
  tencent: {provider: tencent-ses, keys: {secret_id: {env: A}, secret_key: {env: B}}}
`)
	s := cfg.Stores["default"]
	if s.Address != "https://one:8200" || !slices.Equal(s.Nodes, []string{"https://two:8200"}) {
		t.Errorf("got addresses %s, %v", s.Address, s.Nodes)
	}
	a := s.Auth
	if a.Role != "" || a.RoleFrom.File != filepath.Join(dir, "role-id") || !a.Wrapped || a.Secret.File != filepath.Join(dir, "wrapped") {
		t.Errorf("got auth %+v", a)
	}
}

// Programs with roles of their own share a configuration.
func TestTheRoleOfAPodMayStandWhereTheProcessRuns(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for source, want := range map[string]config.Source{"{env: KEYTURN_VAULT_ROLE}": {Env: "KEYTURN_VAULT_ROLE"}, "{file: role}": {File: filepath.Join(dir, "role")}} {
		cfg := mustLoad(t, dir, `
redis: {address: "localhost:6379"}
vault: {address: "https://vault:8200", auth: {kubernetes: {role: `+source+`}}}
accounts:
  tencent: {provider: tencent-ses, keys: {secret_id: {env: A}, secret_key: {env: B}}}
`)
		if a := cfg.Stores["default"].Auth; a.Role != "" || a.RoleFrom.Env != want.Env || a.RoleFrom.File != want.File {
			t.Errorf("%s: got auth %+v", source, a)
		}
	}
}

// Two lists may name one cluster.
func TestStoresWithANodeInCommonAreOneVault(t *testing.T) {
	t.Parallel()
	_, err := load(t, t.TempDir(), `
redis: {address: "localhost:6379"}
vault:
  stores:
    a: {addresses: ["https://one:8200", "https://two:8200"], auth: {token: {env: A}}}
    b: {addresses: ["https://three:8200", "https://two:8200"], mount: keyturn-journal, journal_mount: other, auth: {token: {env: A}}}
accounts: {}
`)
	if err == nil || !strings.Contains(err.Error(), "vault.stores.a.journal_mount: is the mount of store b") {
		t.Errorf("got %v, want the journals of a in the mount of b", err)
	}
}
