package config_test

import (
	"fmt"
	"strings"
	"testing"
)

const everyProvider = `redis: {address: "localhost:6379"}
vault: {address: "https://vault:8200", auth: {token: {env: VAULT_TOKEN_FILE}}}
accounts:
  alibaba-directmail: {provider: alibaba-directmail, keys: {access_key_id: {env: ID}, access_key_secret: {env: KEY}}, verify: off}
  alibaba-domain: {provider: alibaba-domain, keys: {access_key_id: {env: ID}, access_key_secret: {env: KEY}}}
  enom: {provider: enom, keys: {uid: {env: ID}, token: {env: KEY}}, verify: off}
  kirimemail: {provider: kirimemail, keys: {user: {env: ID}, token: {env: KEY}}, verify: off}
  tencent-ses: {provider: tencent-ses, keys: {secret_id: {env: ID}, secret_key: {env: KEY}}, verify: off}
defaults: {schedule: {every: 30d}}
`

// spellings are ways to write one domain.
var spellings = []string{
	"m\u00fcnchen.de", "M\u00dcNCHEN.DE", "mu\u0308nchen.de", "xn--mnchen-3ya.de", "XN--MNCHEN-3YA.de", "m\u00fcnchen.de.",
	"m\u00fcnchen\u3002de", "m\u00fcnchen\uff0ede", "\uff4d\u00fcnchen.de", "m\u00fcn\u00adchen.de", " m\u00fcnchen.de ",
}

func TestTwoSpellingsOfOneTargetAreOneCredential(t *testing.T) {
	t.Parallel()
	for account, form := range map[string]string{
		"alibaba-directmail": "%s", "enom": "%s", "tencent-ses": "alerts@%s",
		"kirimemail": "%s/92703823-f3a4-48e2-8e87-7adf25454800",
	} {
		for _, other := range append(spellings[1:], strings.ToUpper(spellings[0])) {
			text := fmt.Sprintf(everyProvider+"credentials:\n  - {id: one, account: %[1]s, target: %[2]q, path: a}\n  - {id: two, account: %[1]s, target: %[3]q, path: b}\n",
				account, fmt.Sprintf(form, spellings[0]), fmt.Sprintf(form, other))
			if _, err := load(t, t.TempDir(), text); err == nil || !strings.Contains(err.Error(), `is rotated by "one" too`) {
				t.Errorf("%s: %q: got %v", account, other, err)
			}
		}
	}
}

func TestTwoMailboxesThatDifferOnlyInCaseAreOneCredential(t *testing.T) {
	t.Parallel()
	text := everyProvider + `credentials:
  - {id: one, account: tencent-ses, target: alerts@example.com, path: a}
  - {id: two, account: tencent-ses, target: Alerts@Example.com, path: b}
  - {id: three, account: tencent-ses, target: other@example.com, path: c}
`
	if _, err := load(t, t.TempDir(), text); err == nil || !strings.Contains(err.Error(), `Alerts@example.com is rotated by "one" too`) {
		t.Errorf("got %v", err)
	}
	kept := mustLoad(t, t.TempDir(), strings.ReplaceAll(text, "  - {id: one, account: tencent-ses, target: alerts@example.com, path: a}\n", ""))
	if c := credential(t, kept, "two"); c.Target != "Alerts@example.com" {
		t.Errorf("the case of the mailbox is lost: %q", c.Target)
	}
}

func TestOneContactIsNotAskedTwice(t *testing.T) {
	t.Parallel()
	for _, other := range append(spellings[1:], "xn--mnchen-3ya.de") {
		text := everyProvider + fmt.Sprintf("verifications:\n  owners: {account: alibaba-domain, schedule: {every: 30d}, addresses: [%q, %q]}\n",
			"owner@"+spellings[0], "OWNER@"+other)
		if _, err := load(t, t.TempDir(), text); err == nil || !strings.Contains(err.Error(), "is listed twice") {
			t.Errorf("%q: got %v", other, err)
		}
	}
}
