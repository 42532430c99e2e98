package config_test

import (
	"reflect"
	"strings"
	"testing"

	"keyturn/internal/config"
)

func TestAWebhookIsToldWhatItsMatchSelects(t *testing.T) {
	t.Parallel()
	cfg := mustLoad(t, t.TempDir(), base+`
credentials: []
webhooks:
  all: {url: "https://hooks.example.com/T0/B0?k=v", secret: {file: whsec}}
  pager: {url: "http://127.0.0.1:9000/x", secret: {env: WHSEC}, events: [quarantined, identities_full], match: {accounts: [kirim], owner: payments, labels: {tier: gold}}}
  deploy: {url: "https://deploy.example.com", secret: {vault: "keys/deploy#secret"}, only_notified: true}
`)
	pager := cfg.Webhooks["pager"]
	if len(cfg.Webhooks) != 3 || cfg.Webhooks["all"].URL.String() != "https://hooks.example.com/T0/B0?k=v" || cfg.Webhooks["all"].Events != nil {
		t.Errorf("%+v", cfg.Webhooks["all"])
	}
	if !reflect.DeepEqual(pager.Events, []string{"quarantined", "identities_full"}) || !reflect.DeepEqual(pager.Accounts, []string{"kirim"}) ||
		pager.Marks.Owner != "payments" || pager.Marks.Labels["tier"] != "gold" {
		t.Errorf("%+v", pager)
	}
	if deploy := cfg.Webhooks["deploy"]; !deploy.OnlyNotified || deploy.Secret.Vault.Path != "keys/deploy" {
		t.Errorf("%+v", deploy)
	}
}

func TestNotifyOfACredentialStandsInThePlaceOfItsAccounts(t *testing.T) {
	t.Parallel()
	cfg := mustLoad(t, t.TempDir(), strings.Replace(base, "provider: kirimemail", "provider: kirimemail\n    notify: [{command: reload-postfix}, {restart: deployment/mail/postfix}]", 1)+`
credentials:
  - {id: inherits, account: kirim, target: example.com/92703823-f3a4-48e2-8e87-7adf25454800, path: a}
  - {id: own, account: kirim, target: example.com/92703823-f3a4-48e2-8e87-7adf25454801, path: b, notify: [{webhook: deploy}]}
  - {id: none, account: kirim, target: example.com/92703823-f3a4-48e2-8e87-7adf25454802, path: c, notify: []}
  - {id: other, account: tencent, target: d@example.com, path: d}
webhooks: {deploy: {url: "https://deploy.example.com", secret: {env: WHSEC}}}
`)
	for id, want := range map[string][]config.Notify{
		"inherits": {{config.NotifyCommand, "reload-postfix"}, {config.NotifyRestart, "deployment/mail/postfix"}},
		"own":      {{config.NotifyWebhook, "deploy"}},
		"none":     {},
		"other":    nil,
	} {
		cred, ok := cfg.Credential(id)
		if got := cfg.Notify(cred); !ok || len(got) != len(want) || len(got) > 0 && !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v", id, got)
		}
	}
	if got := cfg.Notified(config.NotifyCommand); !reflect.DeepEqual(got, []string{"reload-postfix"}) {
		t.Errorf("%v", got)
	}
}
