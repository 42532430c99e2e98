package config_test

import (
	"strings"
	"testing"
	"time"

	"keyturn/internal/rotation"
)

const pairs = base + `
credentials:
  - id: shop
    account: tencent
    path: mail/shop
    strategy: pair
    targets:
      - {target: Shop-A@Example.com, fields: {from: shop-a}}
      - {target: shop-b@example.com, username: b, fields: {from: shop-b}}
`

func TestAPairHasTwoTargetsWithTheirFields(t *testing.T) {
	t.Parallel()
	c, ok := mustLoad(t, t.TempDir(), pairs).Credential("shop")
	if !ok || c.Pair == nil || c.Strategy() != rotation.StrategyPair {
		t.Fatalf("got %+v", c)
	}
	a, b := c.Pair.Targets[0], c.Pair.Targets[1]
	if a.Login() != a.Target || a.Fields["from"] != "shop-a" || c.Target != a.Target {
		t.Errorf("the first target is %+v, the credential's %s", a, c.Target)
	}
	if b.Target != "shop-b@example.com" || b.Login() != "b" || b.Fields["from"] != "shop-b" {
		t.Errorf("the second target is %+v", b)
	}
	if c.Pair.Grace != 24*time.Hour {
		t.Errorf("the grace is %v", c.Pair.Grace)
	}
}

func TestTheNearestGraceCounts(t *testing.T) {
	t.Parallel()
	text := strings.ReplaceAll(pairs, "defaults: {", "defaults: {grace: 3d, ")
	account := strings.ReplaceAll(text, "provider: tencent-ses", "provider: tencent-ses\n    grace: 4d")
	own := strings.ReplaceAll(account, "strategy: pair", "strategy: pair\n    grace: 5d")
	for days, text := range map[int]string{3: text, 4: account, 5: own} {
		c, _ := mustLoad(t, t.TempDir(), text).Credential("shop")
		if want := time.Duration(days) * 24 * time.Hour; c.Pair.Grace != want {
			t.Errorf("the grace is %v, want %d days", c.Pair.Grace, days)
		}
	}
}

func TestAPairIsPartOfTheFingerprintAndOfWhatChanges(t *testing.T) {
	t.Parallel()
	before := mustLoad(t, t.TempDir(), pairs)
	for old, changed := range map[string]string{
		"shop-b@example.com": "shop-c@example.com", "username: b": "username: c", "from: shop-b": "from: shop-c",
		"strategy: pair": "strategy: pair\n    grace: 2d",
	} {
		after := mustLoad(t, t.TempDir(), strings.ReplaceAll(pairs, old, changed))
		if after.Fingerprint() == before.Fingerprint() {
			t.Errorf("the fingerprint stays for %s", changed)
		}
		if d := difference(before, after); len(d.Changed) != 1 {
			t.Errorf("%s: %d credentials have changed", changed, len(d.Changed))
		}
	}
	if d := difference(before, mustLoad(t, t.TempDir(), pairs)); !d.Empty() {
		t.Error("the same pair has changed")
	}
}

func TestAPairWithoutFieldsIsWarnedAboutWhereTheLoginIsTheSender(t *testing.T) {
	t.Parallel()
	text := strings.NewReplacer(", fields: {from: shop-a}", "", ", fields: {from: shop-b}", "").Replace(pairs)
	warnings := mustLoad(t, t.TempDir(), text).Warnings
	if len(warnings) != 1 || !strings.Contains(warnings[0].Error(), "sends as the login") {
		t.Errorf("got %v", warnings)
	}
	if warnings := mustLoad(t, t.TempDir(), pairs).Warnings; len(warnings) > 0 {
		t.Errorf("with fields: %v", warnings)
	}
}
