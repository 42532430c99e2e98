package app

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"keyturn/internal/config"
	"keyturn/internal/operate"
	"keyturn/internal/outbox"
	"keyturn/internal/providers"
)

const told = `redis: {address: "localhost:6379"}
vault: {address: "https://vault:8200", auth: {token: {env: VAULT_TOKEN_FILE}}}
accounts:
  kirim:
    provider: kirimemail
    keys: {user: {env: ID}, token: {env: KEY}}
    verify: "off"
    owner: payments
    notify: [{webhook: deploy}, {webhook: all}, {command: reload}, {restart: deployment/mail/postfix}]
defaults: {schedule: {every: 30d}}
credentials:
  - {id: shop, account: kirim, target: example.com/92703823-f3a4-48e2-8e87-7adf25454800, path: a}
  - {id: quiet, account: kirim, target: example.com/92703823-f3a4-48e2-8e87-7adf25454801, path: b, owner: web, notify: []}
webhooks:
  all: {url: "https://a.example.com", secret: {env: A}}
  pager: {url: "https://a.example.com", secret: {env: A}, events: [quarantined], match: {owner: payments}}
  kirim: {url: "https://a.example.com", secret: {env: A}, match: {accounts: [kirim]}}
  deploy: {url: "https://a.example.com", secret: {env: A}, only_notified: true}
`

func loadTold(t *testing.T) *config.Config {
	t.Helper()
	file := filepath.Join(t.TempDir(), "keyturn.yaml")
	if err := os.WriteFile(file, []byte(told), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(file, providers.All())
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestAnEventGoesToThoseWhoseMatchSelectsItAndToWhatNotifyNames(t *testing.T) {
	t.Parallel()
	cfg := loadTold(t)
	for name, tt := range map[string]struct {
		event operate.Event
		want  []outbox.Place
	}{
		"a rotation": {operate.Event{Type: "rotated", Credential: "shop", Account: "kirim", Owner: "payments"}, []outbox.Place{
			{Sink: "command.reload", Subject: "shop"},
			{Sink: "restart.kubernetes", Subject: "deployment@mail@postfix"},
			{Sink: "webhook.all", Subject: "shop"},
			{Sink: "webhook.deploy", Subject: "shop"},
			{Sink: "webhook.kirim", Subject: "shop"},
		}},
		"one that nothing is to follow": {operate.Event{Type: "rotated", Credential: "quiet", Account: "kirim", Owner: "web"}, []outbox.Place{
			{Sink: "webhook.all", Subject: "quiet"}, {Sink: "webhook.kirim", Subject: "quiet"},
		}},
		"a quarantine": {operate.Event{Type: "quarantined", Credential: "shop", Account: "kirim", Owner: "payments"}, []outbox.Place{
			{Sink: "webhook.all", Subject: "shop"}, {Sink: "webhook.kirim", Subject: "shop"}, {Sink: "webhook.pager", Subject: "shop"},
		}},
		"an account":    {operate.Event{Type: "frozen", Account: "kirim"}, []outbox.Place{{Sink: "webhook.all", Subject: "kirim"}, {Sink: "webhook.kirim", Subject: "kirim"}}},
		"a mail server": {operate.Event{Type: "mail_server_sick", Server: "mx:465"}, []outbox.Place{{Sink: "webhook.all", Subject: "fleet"}}},
		"one of another configuration": {operate.Event{Type: "rotated", Credential: "gone", Account: "other"}, []outbox.Place{
			{Sink: "webhook.all", Subject: "gone"},
		}},
	} {
		got := route(cfg, tt.event)
		slices.SortFunc(got, func(a, b outbox.Place) int {
			return slices.Compare([]string{a.Sink, a.Subject}, []string{b.Sink, b.Subject})
		})
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: goes to %v", name, got)
		}
	}
}

func TestOnlyAWorkerThatCanServesCommandsAndRestarts(t *testing.T) {
	cfg := loadTold(t)
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	if none := SinkSettings(cfg, ""); len(none) != len(Sinks(cfg))-2 {
		t.Errorf("%d of %v", len(none), Sinks(cfg))
	}
	t.Setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
	all, without := SinkSettings(cfg, "/etc/keyturn/hooks"), SinkSettings(cfg, "")
	if len(all) != len(Sinks(cfg)) || len(without) != len(all)-1 {
		t.Errorf("%d and %d of %v", len(all), len(without), Sinks(cfg))
	}
	for _, s := range all {
		if err := s.Check(); err != nil {
			t.Error(err)
		}
	}
}

// Receivers tell by the id what they have had already.
func TestAMessageKeepsItsIDThoughItsEventIsNotedAgain(t *testing.T) {
	t.Parallel()
	first := operate.Event{ID: "1-0", Type: "rotated", Credential: "shop", RotationID: "r", Version: 3}
	again := first
	again.ID, again.Again = "2-0", true
	next := first
	next.RotationID = "s"
	stuck := first
	stuck.Type = "quarantined"
	if messageID(first) != messageID(again) || messageID(first) == messageID(next) || messageID(first) == messageID(stuck) {
		t.Error("the ids are not those of what happened")
	}
	asked, other := operate.Event{ID: "1-0", Type: "asked"}, operate.Event{ID: "2-0", Type: "asked"}
	if messageID(asked) == messageID(other) {
		t.Error("two requests have one id")
	}
}
