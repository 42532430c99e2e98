package app_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keyturn/internal/config"
	"keyturn/internal/devenv"
	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/providers"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
	"keyturn/internal/vaultkv"
)

// examples returns the configurations that a new operator copies: the example and README's first block of YAML.
func examples(t *testing.T) map[string]*config.Config {
	t.Helper()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(readme), "```yaml\n")
	text, _, _ = strings.Cut(text, "```")
	path := filepath.Join(t.TempDir(), "readme.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	loaded := map[string]*config.Config{}
	for name, path := range map[string]string{"README": path, "keyturn.example.yaml": "../../keyturn.example.yaml"} {
		if loaded[name], err = config.Load(path, providers.All()); err != nil {
			t.Fatal(err)
		}
	}
	return loaded
}

// as opens the Vault as the holder of a policy that ships.
func as(t *testing.T, vault *devenv.Vault, policy string) *vaultkv.Vault {
	t.Helper()
	text, err := os.ReadFile("../../deploy/vault/" + policy + ".hcl")
	if err != nil {
		t.Fatal(err)
	}
	token, err := vault.NewToken(t.Context(), policy, string(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := vaultkv.Open(t.Context(), map[string]vaultkv.StoreConfig{"default": {
		Address: vault.Addr, Auth: vaultkv.Auth{Method: vaultkv.MethodToken, Secret: secret.New(token)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(opened.Close)
	return opened
}

// A new operator copies an example, writes the policies, and expects them to fit.
func TestTheExamplesRunWithTheShippedPolicies(t *testing.T) {
	t.Parallel()
	vault := devenvtest.Vault(t)
	roles := map[string][]vaultkv.Access{
		"keyturn-worker":    {vaultkv.ReadWrite},
		"keyturn-scheduler": {vaultkv.ReadOnly},
		"keyturn-operator":  {vaultkv.ReadOnly, vaultkv.ReadWrite},
	}
	configs := examples(t)
	for role, accesses := range roles {
		store := as(t, vault, role)
		for name, cfg := range configs {
			var places []rotation.Place
			for cred := range cfg.Credentials() {
				places = append(places, cred.Place)
			}
			if len(places) == 0 {
				t.Fatalf("%s has no credentials", name)
			}
			for _, access := range accesses {
				if err := store.Check(t.Context(), access, places...); err != nil {
					t.Errorf("%s with %s: %v", name, role, err)
				}
			}
			if role != "keyturn-scheduler" {
				readKeys(t, vault, store, name+" with "+role, cfg)
			}
		}
	}
}

// readKeys reads every management key that a configuration has in Vault.
func readKeys(t *testing.T, vault *devenv.Vault, store *vaultkv.Vault, what string, cfg *config.Config) {
	t.Helper()
	for _, account := range cfg.Accounts {
		for _, source := range account.Keys {
			ref := source.Vault
			if ref == (config.VaultRef{}) {
				continue
			}
			body := map[string]any{"data": map[string]string{ref.Field: "a key"}}
			if err := vault.Ask(t.Context(), http.MethodPut, "secret/data/"+ref.Path, body, nil); err != nil {
				t.Fatal(err)
			}
			if _, err := store.ReadField(t.Context(), ref.Store, ref.Path, ref.Field); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
}
