package devenv_test

import (
	"testing"

	"keyturn/internal/devenv"
	"keyturn/internal/devenv/devenvtest"
)

func TestTheUsersVaultIsIgnoredAndHiddenFromChildren(t *testing.T) {
	t.Setenv("VAULT_ADDR", "https://vault.production.example:8200")
	t.Setenv("VAULT_TOKEN", "a-production-token")
	t.Setenv(devenv.VaultAddrVariable, "")

	vault := devenvtest.Vault(t)
	if err := vault.Mount(t.Context(), "proof", 2); err != nil {
		t.Errorf("not a Vault of our own: %v", err)
	}
	var got ready
	devenvtest.Process(t, child(t, "serve", &got))
	if got.Vault != "" {
		t.Errorf("the child sees the user's Vault: %q", got.Vault)
	}
}

func TestOnlyTheTestVariableOptsInToAnotherVault(t *testing.T) {
	t.Setenv("VAULT_ADDR", "https://vault.production.example:8200")
	t.Setenv(devenv.VaultAddrVariable, "")
	if v := devenv.ExternalVault(); v != nil {
		t.Errorf("got %v from VAULT_ADDR", v)
	}
	t.Setenv(devenv.VaultAddrVariable, "http://127.0.0.1:1/")
	t.Setenv(devenv.VaultTokenVariable, "test-token")
	v := devenvtest.Vault(t)
	if v.Addr != "http://127.0.0.1:1" || v.Token != "test-token" {
		t.Errorf("got %v", v)
	}
}
