package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keyturn/internal/sandbox"
	"keyturn/internal/sandbox/core"
)

// court is a sandbox, a Vault that knows two passwords, and the configuration that leads to both.
type court struct {
	server  *core.Server
	secrets map[string]secret // by path
	config  string
}

func newCourt(t *testing.T) *court {
	t.Helper()
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	server, err := sandbox.Start(t.Context(), core.Config{Listen: "127.0.0.1:0", CAFile: ca, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(t.Context()); err != nil {
			t.Log(err)
		}
	})
	c := &court{server: server, config: filepath.Join(dir, "keyturn.yaml"), secrets: map[string]secret{
		"mail/a": {Password: "password-of-a"},
		"mail/b": {Password: "password-of-b", Username: "myuser@example.com"},
	}}
	c.change(t, "tencent-ses", "alerts@example.com", "password-of-a")
	c.change(t, "kirimemail", kirim, "password-of-b")
	vault := httptest.NewServer(http.HandlerFunc(c.vault))
	t.Cleanup(vault.Close)
	write(t, filepath.Join(dir, "secret-id"), "made-up")
	said := server.Ready().SMTP
	write(t, c.config, fmt.Sprintf(`
vault: {address: %q, auth: {approle: {role_id: keyturn, secret_id: {file: %q}}}}
accounts:
  tencent: {verify: {smtp: {address: %[3]q, ca_file: %[4]q}}}
  kirim: {verify: {smtp: {address: %[5]q, ca_file: %[4]q}}}
credentials:
  - {id: a, account: tencent, target: alerts@example.com, path: mail/a}
  - {id: b, account: kirim, target: %[6]q, path: mail/b}
`, vault.URL, filepath.Join(dir, "secret-id"), said["tencent-ses"], ca, said["kirimemail"], kirim))
	return c
}

const kirim = "example.com/92703823-f3a4-48e2-8e87-7adf25454800"

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (c *court) change(t *testing.T, provider, target, password string) {
	t.Helper()
	if err := c.server.SetPassword(provider, target, password); err != nil {
		t.Fatal(err)
	}
}

func (c *court) vault(w http.ResponseWriter, r *http.Request) {
	answer := map[string]any{"auth": map[string]string{"client_token": "token"}}
	if path, reads := strings.CutPrefix(r.URL.Path, "/v1/secret/data/"); reads {
		if _, known := c.secrets[path]; !known || r.Header.Get("X-Vault-Token") != "token" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		answer = map[string]any{"data": map[string]any{"data": c.secrets[path], "metadata": map[string]int{"version": 7}}}
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func (c *court) judge(t *testing.T) (string, error) {
	t.Helper()
	var out strings.Builder
	err := run(t.Context(), c.config, &out)
	for _, s := range c.secrets {
		if strings.Contains(out.String(), s.Password) || err != nil && strings.Contains(err.Error(), s.Password) {
			t.Error("a password is shown")
		}
	}
	return out.String(), err
}

func TestEveryPasswordInVaultLogsIn(t *testing.T) {
	t.Parallel()
	if out, err := newCourt(t).judge(t); err != nil || out != "2 credentials log in\n" {
		t.Errorf("%q, %v", out, err)
	}
}

func TestALostPasswordIsNamed(t *testing.T) {
	t.Parallel()
	c := newCourt(t)
	c.change(t, "kirimemail", kirim, "of-a-rotation-that-was-lost")
	out, err := c.judge(t)
	if err == nil || err.Error() != "1 of 2 credentials cannot log in" || !strings.HasPrefix(out, "b: version 7: 535 ") {
		t.Errorf("%q, %v", out, err)
	}
}

func TestASecretThatIsNotThereIsNamed(t *testing.T) {
	t.Parallel()
	c := newCourt(t)
	delete(c.secrets, "mail/a")
	if _, err := c.judge(t); err == nil || err.Error() != "a: vault: secret/data/mail/a: HTTP 404" {
		t.Error(err)
	}
}
