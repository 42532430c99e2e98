package config_test

import (
	"fmt"
	"strings"
	"testing"

	"keyturn/internal/config"
	"keyturn/internal/rotation"
)

func TestOwnerAndLabelsOfACredentialStandOverItsAccounts(t *testing.T) {
	t.Parallel()
	text := strings.Replace(base, "provider: kirimemail", "provider: kirimemail\n    owner: mail team\n    labels: {tier: gold, team: mail}", 1) + `
credentials:
  - {id: inherits, account: kirim, target: example.com/00000000-0000-4000-8000-000000000001, path: a, username: a}
  - {id: own, account: kirim, target: example.com/00000000-0000-4000-8000-000000000002, path: b, username: b, owner: shop, labels: {tier: silver, env/eu: "1"}}
  - {id: alike, account: kirim, target: example.com/00000000-0000-4000-8000-000000000003, path: c, username: c}
  - {id: none, account: tencent, target: d@example.com, path: d}
`
	cfg := mustLoad(t, t.TempDir(), text)
	for id, want := range map[string]string{
		"inherits": "mail team,team=mail,tier=gold", "own": "shop,env/eu=1,team=mail,tier=silver", "none": "",
	} {
		if got := marksOf(cfg, id); got.String() != want {
			t.Errorf("%s has %q, want %q", id, got, want)
		}
	}
	if got := cfg.Accounts["kirim"].Marks.String(); got != "mail team,team=mail,tier=gold" {
		t.Errorf("the account has %q", got)
	}
	if marksOf(cfg, "inherits") != marksOf(cfg, "alike") {
		t.Error("a million credentials of an account would each have labels of their own")
	}
}

// Both configurations are in memory until the new one is in force.
func TestOtherLabelsAreNoOtherCredential(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := base + "credentials:\n  - {id: a, account: tencent, target: a@example.com, path: a, labels: {tier: gold}}\n"
	first := mustLoad(t, dir, text)
	calls, _ := start(t, first)
	write(t, dir, "keyturn.yaml", strings.Replace(text, "gold", "silver", 1))
	o := next(t, calls)
	if o.err != nil {
		t.Fatal(o.err)
	}
	was, _ := first.Credential("a")
	now, _ := o.cfg.Credential("a")
	if before, after := marksOf(first, "a"), marksOf(o.cfg, "a"); was != now || before.String() != ",tier=gold" || after.String() != ",tier=silver" {
		t.Errorf("the same credential: %v; %q, then %q", was == now, before, after)
	}
}

func TestWhatRotatesNothingHasAnOwnerAllTheSame(t *testing.T) {
	t.Parallel()
	cfg := mustLoad(t, t.TempDir(), strings.Replace(base, "accounts:\n", "accounts:\n  china: {provider: alibaba-domain, owner: legal, keys: {access_key_id: {env: A}, access_key_secret: {env: B}}}\n", 1))
	if got := cfg.Accounts["china"].Marks.String(); got != "legal" {
		t.Errorf("%q", got)
	}
}

func marksOf(cfg *config.Config, id string) *rotation.Marks {
	cred, _ := cfg.Credential(id)
	return cfg.Marks(cred)
}

func TestLabelsThatCannotBeShownOrNamedAreRefused(t *testing.T) {
	t.Parallel()
	many := ""
	for i := range 17 {
		many += fmt.Sprintf("l%d: x, ", i)
	}
	for given, want := range map[string]string{
		`labels: {Team: x}`:             `labels.Team: is not a valid label (a-z, 0-9, and . _ / - in the middle, at most 63)`,
		`labels: {team: "a,b"}`:         `labels.team: is not a valid text for it (at most 128 bytes, printable, without a comma and without blanks at its ends)`,
		`labels: {team: "a\u0007"}`:     `labels.team: is not a valid text for it`,
		`labels: {team: [a]}`:           `labels.team: must be text`,
		`labels: {team: " a"}`:          `labels.team: is not a valid text for it`,
		`labels: {team: ""}`:            `labels.team: is empty (leave it out)`,
		`labels: {team: a, team: b}`:    `labels.team: is defined twice`,
		`labels: [team]`:                `labels: must be a`,
		`labels: {` + many + `}`:        `labels: has 17 labels with those that it inherits; 16 are the most`,
		`owner: ""`:                     `owner: is empty (leave it out)`,
		`owner: "` + many + many + `x"`: `owner: is not a valid text for it`,
	} {
		_, err := load(t, t.TempDir(), base+"credentials:\n  - {id: a, account: tencent, target: a@example.com, path: a, "+given+"}\n")
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "credentials[0].") {
			t.Errorf("%s: %v, want %q", given, err, want)
		}
	}
}
