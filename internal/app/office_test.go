package app_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/app"
	"keyturn/internal/config"
	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/observe"
	"keyturn/internal/rotation"
	"keyturn/internal/sandbox"
	"keyturn/internal/sandbox/core"
	"keyturn/internal/sandbox/tencentses"
	"keyturn/internal/secret"
)

// office is a mail server with some credentials, a real Redis, and a Vault that is a map.
type office struct {
	t        *testing.T
	box      *core.Server
	cfg      *config.Config
	subjects *app.Subjects
	vault    vault
	log      *lines
	rdb      redis.UniversalClient
}

type vault map[string]string // path → password

func (v vault) Read(_ context.Context, place rotation.Place) (rotation.Entry, error) {
	return rotation.Entry{Version: 1, Password: secret.New(v[place.Path])}, nil
}

func (v vault) Password(context.Context, rotation.Place, int) (secret.Value, error) {
	return secret.Value{}, nil
}

func (v vault) Write(context.Context, rotation.Place, rotation.Entry) error {
	return errors.New("nothing is written here")
}

func (v vault) Fence(context.Context, rotation.Place, rotation.Entry) error {
	return errors.New("nothing is written here")
}

// lines is a log that can be read while others write.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), what)
}

const staff = 12

// openOffice has the credentials c00 to c11, whose passwords in Vault work.
func openOffice(t *testing.T, rate string) *office {
	t.Helper()
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	box, err := sandbox.Start(t.Context(), core.Config{Now: time.Now, CAFile: ca})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = box.Close(context.WithoutCancel(t.Context())) })
	o := &office{t: t, box: box, vault: vault{}, log: &lines{}}
	text := fmt.Sprintf(`
redis: {address: "127.0.0.1:6379"}
vault: {address: "https://vault.example:8200", auth: {token: {env: VAULT_TOKEN}}}
defaults: {schedule: {every: 30d}}
accounts:
  ses:
    provider: tencent-ses
    keys: {secret_id: {file: key}, secret_key: {file: key}}
    verify: {smtp: {address: %q, tls: implicit, ca_file: %q, rate: %q, timeout: 10s}}
credentials:
`, box.Ready().SMTP[tencentses.Code], ca, rate)
	for i := range staff {
		id := name(i)
		target := id + "@example.com"
		text += fmt.Sprintf("  - {id: %s, account: ses, target: %s, path: %s}\n", id, target, id)
		o.vault[id] = "Right-" + id
		if _, err := box.AddTargets(tencentses.Code, core.Target{Target: target, Password: o.vault[id]}); err != nil {
			t.Fatal(err)
		}
	}
	o.cfg = load(t, text)
	rdb := redis.NewClient(&redis.Options{
		Addr: devenvtest.Redis(t).Addr, Username: devenvtest.RedisUser, Password: devenvtest.RedisPassword, ContextTimeoutEnabled: true,
	})
	t.Cleanup(func() { _ = rdb.Close() })
	o.rdb = rdb
	o.subjects, err = app.NewSubjects(t.Context(), o.cfg, fromVault, app.Mail{
		Redis: rdb, Secrets: o.vault, Metrics: observe.NewMetrics(), Log: slog.New(slog.NewJSONHandler(o.log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func name(i int) string { return fmt.Sprintf("c%02d", i) }

func (o *office) verifier(i int) rotation.Verifier {
	o.t.Helper()
	cred, _ := o.cfg.Credential(name(i))
	s, err := o.subjects.Of(cred)
	if err != nil {
		o.t.Fatal(err)
	}
	return s.Verifier
}

// ask asks about a password of a credential; "" is the one in Vault.
func (o *office) ask(i int, password string) (rotation.Verdict, error) {
	o.t.Helper()
	if password == "" {
		password = o.vault[name(i)]
	}
	return o.verifier(i).Verify(o.t.Context(), name(i)+"@example.com", secret.New(password))
}

// asked is how many logins the server has judged.
func (o *office) asked() int64 {
	s := o.box.Stats()[tencentses.Code]
	return s.LoginsOK + s.LoginsNo
}

// refuseEverybody lets the server answer 535 to each login.
func (o *office) refuseEverybody() {
	o.t.Helper()
	if _, err := o.box.AddFaults(core.Fault{At: core.AtSMTP, Kind: core.Reject, Count: -1}); err != nil {
		o.t.Fatal(err)
	}
}
