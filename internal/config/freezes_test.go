package config_test

import (
	"strings"
	"testing"
	"time"
)

func TestACalendarOfFreezesIsReadInItsZone(t *testing.T) {
	t.Parallel()
	cfg := mustLoad(t, t.TempDir(), base+`
credentials:
  - {id: a, account: tencent, target: a@example.com, path: a, owner: payments, labels: {tier: gold}}
freezes:
  year-end: {from: 2026-12-15, until: 2027-01-07 08:00, zone: Europe/Berlin, reason: year end}
  audit: {from: "2026-11-30T12:00:00+01:00", until: 2026-12-01, account: tencent, owner: payments, labels: {tier: gold}, reason: audit}
`)
	if len(cfg.Freezes) != 2 || len(cfg.Warnings) != 0 {
		t.Fatalf("%+v, %v", cfg.Freezes, cfg.Warnings)
	}
	at := func(text string) time.Time {
		t.Helper()
		when, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	end, audit := cfg.Freezes[0], cfg.Freezes[1]
	if !end.From.Equal(at("2026-12-14T23:00:00Z")) || !end.Until.Equal(at("2027-01-07T07:00:00Z")) || end.Name != "year-end" || end.String() != "the whole fleet" {
		t.Errorf("%+v", end)
	}
	if !audit.From.Equal(at("2026-11-30T11:00:00Z")) || !audit.Until.Equal(at("2026-12-01T00:00:00Z")) ||
		audit.String() != "account tencent, owner payments, label tier=gold" || audit.Reason != "audit" {
		t.Errorf("%+v", audit)
	}
}

func TestAFreezeOfNothingIsAWarning(t *testing.T) {
	t.Parallel()
	cfg := mustLoad(t, t.TempDir(), base+`
credentials:
  - {id: a, account: tencent, target: a@example.com, path: a, owner: payments}
freezes: {typo: {from: 2026-12-15, until: 2026-12-16, owner: payment, reason: x}}
`)
	if len(cfg.Warnings) != 1 || !strings.Contains(cfg.Warnings[0].Error(), "freezes.typo: warning: no credential is filed so: it freezes nothing") {
		t.Errorf("%v", cfg.Warnings)
	}
}

// Schedulers that differ in what is frozen, or in what a freeze is selected by, work on different configurations.
func TestTheFingerprintFollowsFreezesAndLabels(t *testing.T) {
	t.Parallel()
	text := strings.Replace(base, "provider: kirimemail", "provider: kirimemail\n    owner: shop", 1) + `
credentials:
  - {id: a, account: tencent, target: a@example.com, path: a, owner: payments}
freezes: {f: {from: 2026-12-15, until: 2026-12-16, owner: payments, reason: x}}
`
	one := mustLoad(t, t.TempDir(), text).Fingerprint()
	for was, is := range map[string]string{"until: 2026-12-16": "until: 2026-12-17", "path: a, owner: payments": "path: a, owner: pay", "owner: shop": "owner: web"} {
		if got := mustLoad(t, t.TempDir(), strings.Replace(text, was, is, 1)).Fingerprint(); got == one {
			t.Errorf("the fingerprint stays for %s", is)
		}
	}
	if got := mustLoad(t, t.TempDir(), strings.Replace(text, "reason: x", "reason: y", 1)).Fingerprint(); got != one {
		t.Error("what a freeze is for makes schedulers differ")
	}
}
