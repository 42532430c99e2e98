package config_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"keyturn/internal/config"
	"keyturn/internal/config/inventory"
	"keyturn/internal/providers"
)

// base is a small valid configuration without credentials; tests append to it.
const base = `redis: {address: "localhost:6379"}
vault: {address: "https://vault:8200", auth: {token: {env: VAULT_TOKEN_FILE}}}
accounts:
  tencent:
    provider: tencent-ses
    keys: {secret_id: {env: ID}, secret_key: {env: KEY}}
    verify: {smtp: {address: "smtp.example.com:465"}}
  kirim:
    provider: kirimemail
    keys: {user: {env: ID}, token: {env: KEY}}
defaults: {schedule: {every: 30d}}
`

// write puts a file into dir and returns its path.
func write(t testing.TB, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// load loads text as keyturn.yaml, beside whatever dir holds already.
func load(t testing.TB, dir, text string) (*config.Config, error) {
	t.Helper()
	return reload(write(t, dir, "keyturn.yaml", text))
}

func reload(path string) (*config.Config, error) { return config.Load(path, providers.All()) }

func mustLoad(t testing.TB, dir, text string) *config.Config {
	t.Helper()
	cfg, err := load(t, dir, text)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func difference(before, after *config.Config) inventory.Difference {
	return inventory.Diff(&before.Inventory, &after.Inventory)
}

// writeFleet writes n credentials as JSON Lines.
func writeFleet(t testing.TB, dir string, n int) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "fleet.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(f)
	for i := range n {
		fmt.Fprintf(w, `{"id":"mail-%07d","account":"tencent","target":"user%07d@example.com","path":"mail/user%07d","username":"user%07d@example.com"}`+"\n", i, i, i, i)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
