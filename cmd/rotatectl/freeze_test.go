package main

import (
	"strings"
	"testing"

	"keyturn/internal/app/apptest"
)

// The stages of other tests have their journals, and so their freezes, in the same Vault: only what is this one's is frozen.
func TestAFreezeHoldsScheduledRotationsBackUntilItIsThawed(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	kept, free := s.SES("kept", "owner: "+s.Name), s.SES("free", "labels: {tier: gold}")
	s.Configure(apptest.Settings{})
	ctl := func(status int, want string, args ...string) {
		t.Helper()
		if out, got := s.Ctl(args...); got != status || !strings.Contains(out, want) {
			t.Errorf("%v: %d, want %d and %q:\n%s", args, got, status, want, out)
		}
	}
	ctl(0, "owner "+s.Name+": frozen until", "freeze", "--owner", s.Name, "--until", "2h", "--reason", "year end")
	worker, scheduler := s.Start("worker"), s.Start("scheduler")
	s.Until("what is not frozen is rotated", func() bool { return s.Settled(free, 1) })
	if got := s.Current(kept).Version; got != 0 {
		t.Fatalf("what is frozen was rotated: version %d", got)
	}
	ctl(0, "year end", "status", "--owner", s.Name)
	ctl(0, "when the change freeze is over", "explain", kept.ID)
	ctl(0, `"frozen":1,"late":1,"latest":[{"credential":"`+kept.ID+`"`, "plan", "--owner", s.Name, "-o", "json")
	ctl(0, "year end", "events", "--type", "frozen")
	ctl(1, "(year end): with --force", "rotate", kept.ID)
	ctl(0, "rotated", "rotate", kept.ID, "--force", "--wait")
	ctl(0, "the old password is refused", "rotate", "--leaked", kept.ID)
	ctl(2, "account ses, owner "+s.Name+": no such freeze was asked for", "thaw", "--owner", s.Name, "--account", "ses")
	ctl(0, "owner "+s.Name+": thawed", "thaw", "--owner", s.Name)
	for _, p := range []*apptest.Process{worker, scheduler} {
		if err := p.Stop(); err != nil { // those that start read at once
			t.Fatal(err)
		}
	}
	s.Start("worker")
	s.Start("scheduler")
	ctl(0, "rotated", "rotate", kept.ID, "--wait")
}

func TestAFreezeThatMakesNoSenseIsRefused(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	s.SES("one", "owner: "+s.Name)
	s.Configure(apptest.Settings{})
	for want, args := range map[string][]string{
		"say what: --account, --owner, --label":  {"--until", "2h", "--reason", "x"},
		"several of them, or --all":              {"--all", "--owner", "shop", "--until", "2h", "--reason", "x"},
		"--until tomorrow: want a time":          {"--owner", s.Name, "--until", "tomorrow", "--reason", "x"},
		"--until : want a time":                  {"--owner", s.Name, "--reason", "x"},
		"is not after now":                       {"--owner", s.Name, "--until", "2020-01-01", "--reason", "x"},
		"is more than a year ahead":              {"--owner", s.Name, "--until", "2206-01-01", "--reason", "x"},
		"reason: is missing":                     {"--owner", s.Name, "--until", "2h"},
		"reason: want one printable line":        {"--owner", s.Name, "--until", "2h", "--reason", "a\x1b[2Jb"},
		"owner web: no credential is filed":      {"--owner", "web", "--until", "2h", "--reason", "x"},
		"--account kirimm: want one of":          {"--account", "kirimm", "--until", "2h", "--reason", "x"},
		"--label tier: want KEY=VALUE":           {"--label", "tier", "--until", "2h", "--reason", "x"},
		"account kirim: no credential is filed ": {"--account", "kirim", "--until", "2h", "--reason", "x"},
	} {
		if out, status := s.Ctl(append([]string{"freeze"}, args...)...); status != 2 || !strings.Contains(out, want) {
			t.Errorf("%q: %d: want %q in %s", args, status, want, out)
		}
	}
}
