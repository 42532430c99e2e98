package app_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"keyturn/internal/app"
	"keyturn/internal/config"
	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/doctor"
	"keyturn/internal/providers"
	"keyturn/internal/sandbox"
	"keyturn/internal/sandbox/core"
	"keyturn/internal/sandbox/tencentses"
)

// requests is a server that notes what it is asked.
type requests struct {
	*httptest.Server
	mu    sync.Mutex
	paths []string
}

func countRequests(t *testing.T, answer string) *requests {
	t.Helper()
	r := &requests{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.paths = append(r.paths, req.Method+" "+req.URL.Path)
		_, _ = w.Write([]byte(answer))
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *requests) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.paths, ", ")
}

// patient writes a configuration and has it examined.
func patient(t *testing.T, text string) doctor.Report {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keyturn.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(path, providers.All())
	if err != nil {
		t.Fatal(err)
	}
	return app.Examine(t.Context(), cfg)
}

// of are the findings about an area with a severity.
func of(r doctor.Report, area doctor.Area, severity doctor.Severity) []doctor.Finding {
	var found []doctor.Finding
	for _, f := range r.Findings {
		if f.Area == area && f.Severity == severity {
			found = append(found, f)
		}
	}
	return found
}

func TestAServerThatManyAccountsShareIsAskedOnce(t *testing.T) {
	t.Parallel()
	endpoint := countRequests(t, "")
	ca := filepath.Join(t.TempDir(), "ca.pem")
	box, err := sandbox.Start(t.Context(), core.Config{Now: time.Now, CAFile: ca, Providers: map[string]core.ProviderConfig{tencentses.Code: {}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = box.Close(context.WithoutCancel(t.Context())) })
	var text, credentials strings.Builder
	fmt.Fprintf(&text, "redis: {address: %q}\nvault: {address: %q, insecure_http: true, auth: {token: {env: HOME}}}\naccounts:\n", "127.0.0.1:1", closed)
	for i := range 50 {
		fmt.Fprintf(&text, "  a%d: {provider: tencent-ses, endpoint: \"%s/v%[1]d\", insecure_http: true, keys: {secret_id: {env: NONE}, secret_key: {env: NONE}}}\n", i, endpoint.URL)
		fmt.Fprintf(&credentials, "  - {id: c%d, account: a%[1]d, target: c%[1]d@example.com, path: c%[1]d, verify: {smtp: {address: %q, tls: implicit, ca_file: %q, username: c%[1]d}}}\n",
			i, box.Ready().SMTP[tencentses.Code], ca)
	}
	r := patient(t, text.String()+"defaults: {schedule: {every: 30d}}\ncredentials:\n"+credentials.String())
	if got := endpoint.String(); got != "HEAD /" {
		t.Errorf("asked %s", got)
	}
	if found := of(r, doctor.AreaProvider, doctor.OK); len(found) != 1 || !strings.Contains(found[0].What, "accounts a0, a1, a10 and 47 more") {
		t.Errorf("%+v", found)
	}
	if found := of(r, doctor.AreaMail, doctor.OK); len(found) != 1 || !strings.Contains(found[0].What, "AUTH PLAIN, LOGIN over TLS, for accounts a0, a1, a10 and 47 more") {
		t.Errorf("%+v in %+v", found, r.Findings)
	}
}

func TestAWrappedSecretIDIsNotUsedUp(t *testing.T) {
	t.Parallel()
	vault := countRequests(t, `{"initialized":true,"sealed":false,"standby":false,"version":"1.19.0"}`)
	file := filepath.Join(t.TempDir(), "wrapped")
	if err := os.WriteFile(file, []byte("hvs.wrapping"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := patient(t, fmt.Sprintf(`
redis: {address: "127.0.0.1:1"}
vault: {address: %q, insecure_http: true, auth: {approle: {role_id: r, secret_id: {wrapped: {file: %q}}}}}
accounts: {}
`, vault.URL, file))
	if got := vault.String(); got != "GET /v1/sys/health" {
		t.Errorf("asked %s", got)
	}
	if found := of(r, doctor.AreaVault, doctor.Skipped); len(found) != 1 || !strings.Contains(found[0].What, "would use up the wrapped secret_id") {
		t.Errorf("%+v", r.Findings)
	}
}

func TestAStoreThatCannotBeOpenedHidesNoOther(t *testing.T) {
	t.Parallel()
	vault := devenvtest.Vault(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "token"), []byte(vault.Token), 0o600); err != nil {
		t.Fatal(err)
	}
	r := patient(t, fmt.Sprintf(`
redis: {address: "127.0.0.1:1"}
vault:
  default: good
  stores:
    good: {address: %q, insecure_http: true, auth: {token: {file: %q}}}
    away: {address: %q, insecure_http: true, auth: {token: {file: %[2]q}}}
    lost: {address: %[1]q, insecure_http: true, mount: other, journal_mount: other-journal, auth: {token: {file: %[2]q}}}
    missing: {address: %[1]q, insecure_http: true, mount: third, journal_mount: third-journal, auth: {token: {file: no-such-file}}}
accounts: {}
`, vault.Addr, filepath.Join(dir, "token"), closed))
	bad := map[string]string{}
	for _, f := range of(r, doctor.AreaVault, doctor.Error) {
		bad[f.Subject] += f.What + " → " + strings.Join(f.Commands, "; ") + "\n"
	}
	for store, want := range map[string][]string{
		"away":    {"connection refused"},
		"lost":    {`mount "other": it does not exist`, "vault secrets enable -path=other -version=2 kv", `mount "other-journal": it does not exist`, "-path=other-journal "},
		"missing": {"no-such-file"},
	} {
		for _, text := range want {
			if !strings.Contains(bad[store], text) {
				t.Errorf("of %s: %q, want %q", store, bad[store], text)
			}
		}
	}
	if bad["good"] != "" || len(of(r, doctor.AreaVault, doctor.OK)) < 3 {
		t.Errorf("of the good one: %q\n%+v", bad["good"], r.Findings)
	}
}
