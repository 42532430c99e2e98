package config_test

import (
	"fmt"
	"strings"
	"testing"
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
		if c, _ := cfg.Credential(id); c.Marks.String() != want {
			t.Errorf("%s has %q, want %q", id, c.Marks, want)
		}
	}
	one, _ := cfg.Credential("inherits")
	other, _ := cfg.Credential("alike")
	if one.Marks != other.Marks {
		t.Error("a million credentials of an account would each have labels of their own")
	}
	after := mustLoad(t, t.TempDir(), strings.Replace(text, "tier: silver", "tier: bronze", 1))
	if d := difference(cfg, after); len(d.Changed) != 1 || d.Changed[0].ID != "own" {
		t.Errorf("another label is %+v", d)
	}
	if cfg.Fingerprint() != after.Fingerprint() {
		t.Error("labels decide nothing, and make schedulers differ")
	}
}

func TestLabelsThatCannotBeShownOrNamedAreRefused(t *testing.T) {
	t.Parallel()
	many := ""
	for i := range 17 {
		many += fmt.Sprintf("l%d: x, ", i)
	}
	for given, want := range map[string]string{
		`labels: {Team: x}`:             `labels.Team: is not a valid label (a-z, 0-9, and . _ / - in the middle, at most 63)`,
		`labels: {team: "a,b"}`:         `labels.team: is not a valid text for it (at most 128 bytes, printable, without a comma)`,
		`labels: {team: "a\u0007"}`:     `labels.team: is not a valid text for it`,
		`labels: {team: [a]}`:           `labels.team: must be text`,
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
