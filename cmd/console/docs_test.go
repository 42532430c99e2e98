package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"keyturn/internal/app/apptest"
	"keyturn/internal/config"
	"keyturn/internal/operate"
	"keyturn/internal/providers"
	"keyturn/internal/sandbox/alibabadomain"
	"keyturn/internal/sandbox/core"
)

var (
	shellBlock = regexp.MustCompile("(?s)\n```sh\n(.*?)```")
	yamlBlock  = regexp.MustCompile("(?s)\n```yaml\n(.*?)```")
	// documented are the ids of credentials in the manual.
	documented = regexp.MustCompile(`\b(alerts|old-news)\b`)
)

// others are the other sections of a configuration.
const others = `
redis: {address: "127.0.0.1:6379"}
vault: {address: "https://vault.example.com", auth: {token: {file: token}}}
accounts: {ses: {provider: tencent-ses, region: ap-singapore, keys: {secret_id: {env: ID}, secret_key: {file: key}}}}
credentials: [{id: alerts, account: ses, target: alerts@example.com, path: mail/alerts, schedule: {every: 30d}}]
`

// curl tells whether there is one. In CI there must be.
func curl(t *testing.T) {
	t.Helper()
	_, err := exec.LookPath("curl")
	switch {
	case err == nil:
	case os.Getenv("CI") == "":
		//nolint:forbidigo // a contributor need not install curl; CI has it
		t.Skip("did not run:", err)
	default:
		t.Fatal(err)
	}
}

func TestEveryExampleOfTheAPIsManualWorks(t *testing.T) {
	t.Parallel()
	curl(t)
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "api.md"))
	if err != nil {
		t.Fatal(err)
	}
	s := apptest.New(t)
	good, stuck := s.SES("alerts", "owner: payments", "labels: {team: mail}"), s.SES("old-news")
	s.Fault(stuck, core.NotFound)
	s.Configure(apptest.Settings{Top: withContacts(s) + withConsole("")})
	w := open(t, s)
	s.Start("worker")
	s.Start("scheduler")
	s.Until("one is rotated and one stuck", func() bool {
		return s.Settled(good, 1) && w.row(good).State == operate.Healthy && w.row(stuck).State == operate.Quarantined
	})
	ids := map[string]string{"alerts": good.ID, "old-news": stuck.ID}
	dir, blocks, outputs := t.TempDir(), 0, map[string]string{}
	for _, found := range shellBlock.FindAllStringSubmatch(string(page), -1) {
		blocks++
		example := documented.ReplaceAllStringFunc(found[1], func(id string) string { return ids[id] })
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		cmd := exec.CommandContext(ctx, "sh", "-euc", example)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "KEYTURN="+w.url, "TOKEN="+admin)
		out, err := cmd.CombinedOutput()
		cancel()
		if err != nil {
			t.Errorf("%s: %v\n%s", example, err, out)
		}
		outputs[found[1]] = string(out)
	}
	for _, want := range []struct{ example, output string }{
		{"/v1/fleet", `"need_you":1`},
		{"-d q=alerts", `"credential":"` + good.ID + `"`},
		{"limit=1&after", `"next":"` + good.ID + `"`},
		{"credentials/alerts\"", `"can":["rotate","check"]`},
		{"/v1/events\"", `"type":"rotated"`},
		{"Last-Event-ID", "event: rotated\ndata: {"},
		{"alerts/check", `"outcome":"asked"`},
		{"alerts/rotate", `"outcome":"rotated"`},
		{"-d days=30", `"rate_suffices":true`},
		{"-d rate=10/h", `"can_go_per_day":2`},
		{"rotations/estimate", `"confirm":false`},
		{"leak-4712", `"asked":1`},
		{"incident 4711", `"outcome":"frozen"`},
		{"/v1/freezes\"\n", `"reason":"incident 4711"`},
		{"freezes/thaw", `"outcome":"thawed"`},
		{"/v1/verifications\"", `"address":"owner@example.com"`},
		{"owners/verify", `"outcome":"asked"`},
		{"old-news/abandon", `"outcome":"abandoned"`},
		{"unpause", `"account":"ses"`},
		{"credentials/unknown", "application/problem+json"},
	} {
		shown := false
		for example, output := range outputs {
			shown = shown || strings.Contains(example, want.example) && strings.Contains(output, want.output)
		}
		if !shown {
			t.Errorf("no example with %s shows %s", want.example, want.output)
		}
	}
	secrets := []string{s.Keys.SESKey, s.Vault.Token, digest(admin)}
	for version := s.Current(good).Version; version > 0; version-- {
		secrets = append(secrets, s.CurrentAt(good.Path, version).Password)
	}
	for example, output := range outputs {
		for _, secret := range secrets {
			if strings.Contains(output, secret) {
				t.Errorf("a secret is shown by %s", example)
			}
		}
	}
	if blocks < 23 {
		t.Errorf("%d examples", blocks)
	}
	if described, err := os.ReadFile(filepath.Join(dir, "openapi.json")); err != nil || !strings.Contains(string(described), `"openapi":"3.1`) {
		t.Errorf("the description: %.40s, %v", described, err)
	}
}

// withContacts is the part of a configuration that asks a contact to confirm an address.
func withContacts(s *apptest.Stage) string {
	s.WriteFile("alibaba-id", "testid")
	s.WriteFile("alibaba-secret", "testsecret")
	return fmt.Sprintf(`
  domains:
    provider: alibaba-domain
    region: international
    endpoint: "%s"
    insecure_http: true
    keys: {access_key_id: {file: alibaba-id}, access_key_secret: {file: alibaba-secret}}

verifications:
  owners: {account: domains, addresses: [owner@example.com], schedule: {every: 7d}}
`, s.Box.Ready().Providers[alibabadomain.Code])
}

func TestEveryConfigurationOfTheManualLoads(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "console.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := yamlBlock.FindAllStringSubmatch(string(page), -1)
	if len(blocks) < 2 {
		t.Errorf("%d configurations", len(blocks))
	}
	for _, block := range blocks {
		file := filepath.Join(t.TempDir(), "keyturn.yaml")
		if err := os.WriteFile(file, []byte(others+block[1]), 0o600); err != nil {
			t.Fatal(err)
		}
		if cfg, err := config.Load(file, providers.All()); err != nil || len(cfg.Console.Tokens) != 1 {
			t.Errorf("%s: %v", block[1], err)
		}
	}
}
