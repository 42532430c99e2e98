package app

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"keyturn/internal/config"
	"keyturn/internal/devenv"
	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/providers"
	"keyturn/internal/rotation"
	"keyturn/internal/vaultkv"
)

const twoStores = `
redis: {address: "127.0.0.1:6379"}
vault:
  stores:
    here: {address: %q, insecure_http: true, auth: {token: {file: token}}}
    away: {address: %q, insecure_http: true, auth: {token: {file: token}}}
  default: here
defaults: {schedule: {every: 30d}, verify: "off"}
accounts:
  near: {provider: tencent-ses, keys: {secret_id: {vault: "keyturn/k#id"}, secret_key: {vault: "keyturn/k#key"}}}
  far: {provider: tencent-ses, keys: {secret_id: {vault: "keyturn/k#id", store: away}, secret_key: {vault: "keyturn/k#key", store: away}}}
credentials:
  - {id: near, account: near, target: near@example.com, path: mail/near}
  - {id: far, account: far, target: far@example.com, path: mail/far, store: away}
`

// process returns a process with a store that is away until the flag says that it is back.
func process(t *testing.T, vault *devenv.Vault) (p *Process, back *atomic.Bool) {
	t.Helper()
	body := map[string]any{"data": map[string]string{"id": "an id", "key": "a key"}}
	if err := vault.Ask(t.Context(), http.MethodPut, "secret/data/keyturn/k", body, nil); err != nil {
		t.Fatal(err)
	}
	target, err := url.Parse(vault.Addr)
	if err != nil {
		t.Fatal(err)
	}
	back = new(atomic.Bool)
	proxy := httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !back.Load() {
			http.Error(w, `{"errors":["Vault is sealed"]}`, http.StatusServiceUnavailable)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	dir := t.TempDir()
	for name, text := range map[string]string{"token": vault.Token, "keyturn.yaml": fmt.Sprintf(twoStores, vault.Addr, server.URL)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := config.Load(filepath.Join(dir, "keyturn.yaml"), providers.All())
	if err != nil {
		t.Fatal(err)
	}
	p = &Process{Log: slog.New(slog.DiscardHandler)}
	p.use(cfg)
	if p.Vault, err = Vault(t.Context(), cfg, vaultkv.ReadWrite, func(error) {}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Vault.Close)
	return p, back
}

func TestAStoreThatIsAwayKeepsOnlyTheAccountsWaitingThatHaveTheirKeysThere(t *testing.T) {
	t.Parallel()
	p, back := process(t, devenvtest.Vault(t))
	subjects, err := p.Subjects(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	near, _ := p.Config().Credential("near")
	far, _ := p.Config().Credential("far")
	if s, err := subjects.Of(near); err != nil || s.Client.Setter == nil {
		t.Errorf("the neighbour: %v", err)
	}
	var wait *rotation.WaitError
	if _, err := subjects.Of(far); !errors.As(err, &wait) || !strings.Contains(wait.Reason, `vault store "away"`) {
		t.Errorf("the account whose keys are away: %v, want to come back later because of that store", err)
	}
	back.Store(true)
	all := p.AwaitKeys(t.Context(), subjects)
	if all == nil {
		t.Fatal("the keys are not read when the store is back")
	}
	if s, err := all.Of(far); err != nil || s.Client.Setter == nil {
		t.Errorf("with the keys: %v", err)
	}
	if again := p.AwaitKeys(t.Context(), all); again != nil {
		t.Error("it goes on waiting for nothing")
	}
}
