package main

import (
	"strings"
	"testing"

	"keyturn/internal/app/apptest"
)

func TestACredentialWithAManualScheduleRotatesOnDemandAlone(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	c := s.SES("calm", "first: now", "schedule: manual", "owner: shop", "labels: {tier: gold}")
	s.Configure(apptest.Settings{})
	s.Start("worker")
	s.Start("scheduler")
	s.Until("the first rotation", func() bool { return s.Current(c).Version > 0 })
	if out, status := s.Ctl("rotate", c.ID, "--wait"); status != 0 {
		t.Fatalf("%d: %s", status, out)
	}
	for want, args := range map[string][]string{
		`"on_demand":true`:                        {"status", c.ID, "-o", "json"},
		`"owner":"shop","labels":{"tier":"gold"}`: {"status", "--owner", "shop", "--label", "tier=gold", "-o", "json"},
		"1 rotate on demand alone":                {"plan"},
		"until a person asks for a r":             {"explain", c.ID},
	} {
		if out, status := s.Ctl(args...); status != 0 || !strings.Contains(out, want) || strings.Contains(out, `"due":"`) || strings.Contains(out, "9999") {
			t.Errorf("%v: %d: want %q in %s", args, status, want, out)
		}
	}
	if out, status := s.Ctl("status", "--label", "tier=silver"); status != 0 || strings.Contains(out, c.ID) {
		t.Errorf("another label: %d: %s", status, out)
	}
	if out, status := s.Ctl("events", "--label", "tier=gold", "-o", "json"); status != 0 || !strings.Contains(out, `"owner":"shop","labels":{"tier":"gold"}`) {
		t.Errorf("events: %d: %s", status, out)
	}
	if out, status := s.Ctl("rotate", "--all", "--account", c.Account, "--owner", "web", "--yes"); status != 0 || !strings.Contains(out, "there is nothing to rotate") {
		t.Errorf("another owner: %d: %s", status, out)
	}
	if out, status := s.Ctl("explain", c.ID); status != 0 || !strings.Contains(out, "tier=gold") {
		t.Errorf("explain: %d: %s", status, out)
	}
	if out, status := s.Ctl("plan", "--label", "tier"); status != 2 || !strings.Contains(out, "--label tier: want KEY=VALUE") {
		t.Errorf("half a label: %d: %s", status, out)
	}
}
