package main

import (
	"strings"
	"testing"

	"keyturn/internal/app/apptest"
)

// TestWhatWaitsToBeRetiredIsSeenHeldAndTakenAway goes through what a person does who finds a program that still uses the
// identity before.
func TestWhatWaitsToBeRetiredIsSeenHeldAndTakenAway(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	c := s.Overlap("news", "first: manual")
	s.Configure(apptest.Settings{})
	w := s.Start("worker")
	s.Start("scheduler")
	ctl := func(wanted string, args ...string) string {
		t.Helper()
		out, status := s.Ctl(args...)
		if status != 0 || !strings.Contains(out, wanted) {
			t.Fatalf("rotatectl %s: %d, want %q in: %s", strings.Join(args, " "), status, wanted, out)
		}
		return out
	}
	waits := func(n string) {
		t.Helper()
		w.Until("the metrics count what waits", func(metrics string) bool {
			return strings.Contains(metrics, `keyturn_credentials{account="`+c.Account+`",state="retiring"} `+n)
		})
	}
	ctl("rotated", "rotate", c.ID, "--wait")
	if out, status := s.Ctl("retire", c.ID, "--hold", "--wait"); status == 0 || !strings.Contains(out, "no identity of it waits") {
		t.Errorf("nothing waits yet: %d: %s", status, out)
	}
	ctl("rotated", "rotate", c.ID, "--wait")
	waits("1")
	ctl("1 have an identity that waits to be retired", "plan")
	ctl(`"strategy":"overlap","retiring":1,"retires_at":"`, "status", c.ID, "-o", "json")
	ctl("stays for another grace", "retire", c.ID, "--hold", "--wait")
	waits("1")
	ctl("nothing that is due waits", "retire", c.ID, "--now", "--wait")
	waits("0")
	if out, status := s.Ctl("retire", c.ID, "--now", "--hold"); status != 2 || !strings.Contains(out, "now") {
		t.Errorf("now and hold exclude each other: %d: %s", status, out)
	}
}
