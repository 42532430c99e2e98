package app_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keyturn/internal/app"
	"keyturn/internal/config"
	"keyturn/internal/devenv"
	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/providers"
	"keyturn/internal/vaultkv"
)

// stores is a configuration with a credential in each of its stores: the running Vault, and what stands at the addresses.
func stores(t *testing.T, vault *devenv.Vault, addresses ...string) *config.Config {
	t.Helper()
	dir := t.TempDir()
	token := filepath.Join(dir, "token")
	if err := os.WriteFile(token, []byte(vault.Token), 0o600); err != nil {
		t.Fatal(err)
	}
	text := "redis: {address: \"localhost:6379\"}\nvault:\n  stores:\n"
	credentials := "credentials:\n"
	for i, address := range addresses {
		text += fmt.Sprintf("    s%d: {address: %q, insecure_http: true, auth: {token: {file: token}}}\n", i, address)
		credentials += fmt.Sprintf("  - {id: c%d, account: a, target: c%[1]d@example.com, path: mail/c%[1]d, store: s%[1]d}\n", i)
	}
	text += "  default: s0\naccounts: {a: {provider: tencent-ses, keys: {secret_id: {env: A}, secret_key: {env: B}}}}\n" +
		"defaults: {schedule: {every: 30d}}\n" + credentials
	path := filepath.Join(dir, "keyturn.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(path, providers.All())
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

const closed = "http://127.0.0.1:1"

func TestAProcessStartsWhileOneOfSeveralStoresIsAway(t *testing.T) {
	t.Parallel()
	vault := devenvtest.Vault(t)
	cfg := stores(t, vault, vault.Addr, closed)
	var warnings []string
	opened, err := app.Vault(t.Context(), cfg, vaultkv.ReadWrite, func(err error) { warnings = append(warnings, err.Error()) })
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	if len(warnings) != 1 || !strings.Contains(warnings[0], `vault store "s1"`) {
		t.Errorf("warnings %q, want one of the store that is away", warnings)
	}
	for cred := range cfg.Credentials() {
		if _, err := opened.Load(t.Context(), cred); (err != nil) != (cred.Place.Store == "s1") {
			t.Errorf("%s: %v", cred.ID, err)
		}
	}
}

func TestAProcessDoesNotStartWhereNoStoreCanBeUsed(t *testing.T) {
	t.Parallel()
	cfg := stores(t, devenvtest.Vault(t), closed, closed+"0")
	_, err := app.Vault(t.Context(), cfg, vaultkv.ReadWrite, func(err error) { t.Error(err) })
	if err == nil || !strings.Contains(err.Error(), `"s0"`) || !strings.Contains(err.Error(), `"s1"`) {
		t.Errorf("error %v, want one that names both stores", err)
	}
}
