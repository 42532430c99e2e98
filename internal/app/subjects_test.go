package app_test

import (
	"context"
	"encoding/pem"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keyturn/internal/app"
	"keyturn/internal/config"
	"keyturn/internal/observe"
	"keyturn/internal/providers"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// fleet is a configuration with every way to verify.
const fleet = `
redis: {address: "127.0.0.1:6379"}
vault: {address: "https://vault.example:8200", auth: {token: {env: VAULT_TOKEN}}}
defaults: {schedule: {every: 30d}}
accounts:
  ses:
    provider: tencent-ses
    keys: {secret_id: {file: key}, secret_key: {vault: "keys/ses#key"}}
    verify: {smtp: {address: "127.0.0.1:465"}}
  domains:
    provider: enom
    keys: {uid: {file: key}, token: {file: key}}
    verify: provider
credentials:
  - {id: one, account: ses, target: one@example.com, path: mail/one}
  - {id: two, account: ses, target: two@example.com, path: mail/two, username: two@example.com}
  - {id: quiet, account: ses, target: quiet@example.com, path: mail/quiet, verify: "off"}
  - {id: domain, account: domains, target: example.com, path: domains/example.com}
`

func load(t *testing.T, text string) *config.Config {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"keyturn.yaml": text, "key": "a management key"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := config.Load(filepath.Join(dir, "keyturn.yaml"), providers.All())
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func fromVault(_ context.Context, store, path, field string) (secret.Value, error) {
	return secret.New(store + ":" + path + "#" + field), nil
}

func TestEachCredentialGetsTheVerifierThatItsConfigurationNames(t *testing.T) {
	t.Parallel()
	cfg := load(t, fleet)
	subjects, err := app.NewSubjects(t.Context(), cfg, fromVault, app.Mail{})
	if err != nil {
		t.Fatal(err)
	}
	of := func(id string) (rotation.Subject, error) {
		cred, ok := cfg.Credential(id)
		if !ok {
			t.Fatal(id)
		}
		return subjects.Of(cred)
	}
	for _, id := range []string{"one", "two", "domain"} {
		if s, err := of(id); err != nil || s.Verifier == nil || s.Client.Setter == nil || s.Credential.ID != id {
			t.Errorf("%s: %v, verifier %v", id, err, s.Verifier)
		}
	}
	if s, err := of("quiet"); err != nil || s.Verifier != nil {
		t.Errorf("quiet: %v, verifier %v", err, s.Verifier)
	}
	if s, err := of("domain"); err != nil || s.Verifier != s.Client.ReadBack {
		t.Errorf("domain: %v: not the provider's own read-back", err)
	}
}

// TestCredentialsOfOneServerShareItsCapOnProbes: a cap that each credential had of its own would let a fleet be locked
// out.
func TestCredentialsOfOneServerShareItsCapOnProbes(t *testing.T) {
	t.Parallel()
	address := `{smtp: {address: "127.0.0.1:1", tls: implicit`
	text := strings.ReplaceAll(fleet, `{smtp: {address: "127.0.0.1:465"`, address)
	text = strings.Replace(text, "username: two@example.com}", "verify: "+address+", username: two}}}", 1)
	subjects, err := app.NewSubjects(t.Context(), load(t, text), fromVault, app.Mail{})
	if err != nil {
		t.Fatal(err)
	}
	log := &lines{}
	subjects.CheckServers(t.Context(), observe.NewMetrics(), slog.New(slog.NewJSONHandler(log, nil)))
	if n := log.count("no password can be verified"); n != 1 {
		t.Errorf("two user names have %d servers: %s", n, log.text.String())
	}
}

func TestEveryMissingKeyIsNamedAtOnce(t *testing.T) {
	t.Parallel()
	cfg := load(t, strings.ReplaceAll(fleet, "{file: key}", "{file: gone}"))
	_, err := app.NewSubjects(t.Context(), cfg, fromVault, app.Mail{})
	if err == nil {
		t.Fatal("no error")
	}
	for _, field := range []string{"accounts.ses.keys.secret_id", "accounts.domains.keys.uid", "accounts.domains.keys.token"} {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("%s is not named in %v", field, err)
		}
	}
}

func TestAVerificationThatCannotWorkShowsBeforeTheFirstRotation(t *testing.T) {
	t.Parallel()
	cfg := load(t, fleet+`  - {id: broken, account: ses, target: broken@example.com, path: mail/broken, verify: {smtp: {ca_file: missing.pem}}}`)
	_, err := app.NewSubjects(t.Context(), cfg, fromVault, app.Mail{})
	if err == nil || !strings.Contains(err.Error(), "credential broken: ") || !strings.Contains(err.Error(), "missing.pem") {
		t.Errorf("%v", err)
	}
}

// A server of one's own often has a certificate of one's own authority.
func TestAnAccountIsCertifiedByItsOwnAuthority(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 1)
	server := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r.URL.Path }))
	t.Cleanup(server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	text := func(ca string) string {
		return strings.NewReplacer("provider: enom", "provider: mailgun\n    endpoint: "+server.URL+"\n    ca_file: "+ca, "uid: {file: key}, token:", "api_key:", "verify: provider", "verify: off",
			"target: example.com", "target: alerts@example.com").Replace(fleet)
	}
	subjects, err := app.NewSubjects(t.Context(), load(t, text(ca)), fromVault, app.Mail{}, "domains")
	if err != nil {
		t.Fatal(err)
	}
	_ = subjects.Client("domains").Setter.Set(t.Context(), "alerts@example.com", secret.New("x")) // its answer is no success
	select {
	case path := <-asked:
		if !strings.HasSuffix(path, "/alerts@example.com") {
			t.Errorf("asked for %s", path)
		}
	default:
		t.Error("it was not asked")
	}
	if _, err := app.NewSubjects(t.Context(), load(t, text("missing.pem")), fromVault, app.Mail{}, "domains"); err == nil || !strings.Contains(err.Error(), "account domains: open ") {
		t.Error(err)
	}
}
