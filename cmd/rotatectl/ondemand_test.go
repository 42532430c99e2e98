package main

import (
	"strings"
	"testing"

	"keyturn/internal/app/apptest"
)

func TestACredentialWithAManualScheduleRotatesOnDemandAlone(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	c := s.SES("calm", "first: now", "schedule: manual")
	s.Configure(apptest.Settings{})
	s.Start("worker")
	s.Start("scheduler")
	s.Until("the first rotation", func() bool { return s.Current(c).Version > 0 })
	if out, status := s.Ctl("rotate", c.ID, "--wait"); status != 0 {
		t.Fatalf("%d: %s", status, out)
	}
	for want, args := range map[string][]string{
		`"on_demand":true`:            {"status", c.ID, "-o", "json"},
		"1 rotate on demand alone":    {"plan"},
		"until a person asks for a r": {"explain", c.ID},
	} {
		if out, status := s.Ctl(args...); status != 0 || !strings.Contains(out, want) || strings.Contains(out, `"due":"`) || strings.Contains(out, "9999") {
			t.Errorf("%v: %d: want %q in %s", args, status, want, out)
		}
	}
}
