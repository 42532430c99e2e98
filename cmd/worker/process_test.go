package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"keyturn/internal/app/apptest"
	"keyturn/internal/sandbox/core"
)

func hold(f *core.Fault) { f.Count = -1 }

// stop asks a process to end and returns how it ended.
func stop(p *apptest.Process) <-chan error {
	ended := make(chan error, 1)
	go func() { ended <- p.Stop() }()
	return ended
}

func TestAWorkerThatIsToEndFinishesTheRotationThatItHasBegun(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	c := s.SES("last")
	s.Configure(apptest.Settings{Patient: true})
	w := s.Start("worker")
	s.Fault(c, core.Hold)
	s.Ctl("rotate", c.ID)
	s.Held(c)

	ended := stop(w)
	w.Logged("Starting graceful shutdown")
	s.Box.Release("", "")
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if !s.Settled(c, 1) || s.Journal(c).Attempt != 1 {
		t.Errorf("version %d, journal %s", s.Current(c).Version, s.Journal(c).State)
	}
}

func TestAWorkerThatIsToEndLeavesWhatIsNeverAnsweredToTheNext(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	c := s.SES("mute")
	s.Configure(apptest.Settings{CallTimeout: "300ms"})
	w := s.Start("worker")
	s.Fault(c, core.Hold, hold)
	s.Ctl("rotate", c.ID)
	s.Held(c)

	if err := w.Stop(); err != nil {
		t.Error(err)
	}
	if s.Current(c).Version != 0 || s.Journal(c).State != "open" {
		t.Errorf("version %d, journal %s", s.Current(c).Version, s.Journal(c).State)
	}
	s.Box.ClearFaults()
	s.Box.Release("", "")
	s.Start("worker")
	s.Until("the next worker finishes it", func() bool { return s.Settled(c, 1) })
}

func TestTheRotationOfAKilledWorkerGoesOnBeforeTheQueueNotices(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	c := s.Kirim("victim", "first: manual")
	s.Configure(apptest.Settings{Patient: true})
	w := s.Start("worker")
	s.Start("scheduler")
	s.Fault(c, core.Hold)
	s.Ctl("rotate", c.ID)
	s.Held(c)

	if err := w.Kill(); err != nil {
		t.Fatal(err)
	}
	s.Box.Release("", "")
	s.Start("worker")
	s.Until("another worker finishes it", func() bool { return s.Settled(c, 1) })
	if j := s.Journal(c); j.Attempt < 2 {
		t.Errorf("attempt %d", j.Attempt)
	}
}

// TestAReplacedKeyIsUsedByItself: nothing tells the worker, whose breaker is open.
func TestAReplacedKeyIsUsedByItself(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	filed := s.SES("filed", "first: manual")
	s.WriteFile("ses-key", "a-key-that-has-expired")
	s.Configure(apptest.Settings{Patient: true})
	w := s.Start("worker")
	s.Ctl("rotate", filed.ID)
	w.Until("the breaker is open", func(metrics string) bool { return strings.Contains(metrics, `keyturn_breaker_open{account="ses"} 1`) })
	s.WriteFile("ses-key", s.Keys.SESKey)
	w.Logged("a management key was replaced")
	s.Until("its rotation goes on", func() bool { return s.Settled(filed, 1) })
	w.Until("the breaker is closed", func(metrics string) bool { return strings.Contains(metrics, `keyturn_breaker_open{account="ses"} 0`) })

	if err := os.Remove(filepath.Join(s.Dir, "ses-key")); err != nil {
		t.Fatal(err)
	}
	s.Until("it is told that the key's file is gone", func() bool {
		_, body := w.Get("/readyz")
		return strings.Contains(body, "account ses: its management keys stay those of before")
	})
	s.WriteFile("good-key", s.Keys.SESKey)
	if out, status := s.Ctl("--config", s.WriteFile("other.yaml", strings.ReplaceAll(s.Config(apptest.Settings{Patient: true}, filed), "ses-key", "good-key")),
		"rotate", filed.ID, "--wait"); status != 0 {
		t.Errorf("the key of before is not used: %d: %s", status, out)
	}
}

func TestAnOpenRotationIsFinishedWhereItWasOpened(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	before := s.SES("before", "first: manual")
	before.Username, s.Creds[0].Username = "", "" // the target itself logs in
	s.Configure(apptest.Settings{Patient: true})
	w := s.Start("worker")
	s.Start("scheduler")
	s.Fault(before, core.Hold)
	s.Ctl("rotate", before.ID)
	s.Held(before)

	after := before
	after.Target, after.Path = "new-"+before.Target, before.Path+"-new"
	s.Know(after)
	s.Creds = []apptest.Credential{after}
	s.Configure(apptest.Settings{Patient: true})
	if err := w.Kill(); err != nil { // a worker that runs would take that over later
		t.Fatal(err)
	}
	s.Box.Release("", "")
	s.Start("worker")
	s.Until("it is finished at the old target and path", func() bool { return s.Settled(before, 1) })
	if s.Target(after).Version != 0 || s.Current(after).Version != 0 {
		t.Error("the new target or the new path was touched")
	}

	if out, status := s.Ctl("rotate", after.ID, "--wait"); status != 0 {
		t.Fatalf("%d: %s", status, out)
	}
	if !s.Settled(after, 1) || s.Target(before).Version != 1 {
		t.Error("the next rotation did not go to the new target")
	}
}

func TestACredentialThatNoWorkerKnowsIsReported(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	known := s.SES("known")
	s.Configure(apptest.Settings{})
	w := s.Start("worker")
	unknown := s.SES("unknown")
	newer := s.WriteFile("newer.yaml", s.Config(apptest.Settings{}, known, unknown))

	var out string
	s.Until("rotatectl says that it is not in the configuration", func() bool {
		var status int
		if out, status = s.Ctl("--config", newer, "rotate", unknown.ID, "--wait", "--timeout", "1s"); status != 1 {
			t.Fatalf("exit status %d: %s", status, out)
		}
		return strings.Contains(out, "not in the configuration of this account")
	})
	w.Logged("not in the configuration of this account")
	if s.Target(unknown).Version != 0 {
		t.Error("it was rotated")
	}
	if out, status := s.Ctl("rotate", known.ID, "--wait"); status != 0 {
		t.Errorf("the others must go on: %d: %s", status, out)
	}
}

func TestAChangedConfigurationIsTakenOverWithoutARestart(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	first := s.SES("first")
	s.Configure(apptest.Settings{})
	processes := []*apptest.Process{s.Start("worker"), s.Start("scheduler")}
	s.Until("the first one is rotated", func() bool { return s.Settled(first, 1) })

	// A broken file changes nothing and says why.
	s.WriteFile("keyturn.yaml", s.Config(apptest.Settings{Top: "nonsense: 1"}, s.Creds...))
	for _, p := range processes {
		s.Until(p.Name+" is unready and says why", func() bool {
			status, body := p.Get("/readyz")
			return status == 503 && strings.Contains(body, "keyturn.yaml:") && strings.Contains(body, "nonsense")
		})
		p.Logged("nonsense")
	}
	if out, status := s.Ctl("--config", s.WriteFile("good.yaml", s.Config(apptest.Settings{}, first)), "rotate", first.ID, "--wait"); status != 0 {
		t.Errorf("it must go on as before: %d: %s", status, out)
	}

	second := s.Kirim("second")
	s.Configure(apptest.Settings{})
	s.Until("the appended one is rotated", func() bool { return s.Settled(second, 1) })
	for _, p := range processes {
		s.Until(p.Name+" is ready again", func() bool { status, _ := p.Get("/readyz"); return status == 200 })
	}

	// Another rate counts at once: one call in an hour, which was just made.
	s.WriteFile("keyturn.yaml", strings.ReplaceAll(s.Config(apptest.Settings{}, s.Creds...), "500/s", "1/1h"))
	processes[0].Until("the other rate is in force", func(string) bool {
		out, _ := s.Ctl("--config", filepath.Join(s.Dir, "good.yaml"), "rotate", first.ID, "--wait", "--timeout", "2s")
		return strings.Contains(out, "the account's rate is used up")
	})
}

// TestAMendedKeyNeedsNoRestart: a key in a file and one in Vault are read again on SIGHUP, though no file of the
// configuration has changed.
func TestAMendedKeyNeedsNoRestart(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	filed, kept := s.SES("filed", "first: manual"), s.Kirim("kept", "first: manual")
	s.WriteFile("ses-key", "a-key-that-has-expired")
	s.WriteSecret("keys/"+s.Name, map[string]string{"token": "a-token-that-has-expired"})
	s.Configure(apptest.Settings{Patient: true})
	w := s.Start("worker")
	for _, c := range []apptest.Credential{filed, kept} {
		if out, status := s.Ctl("rotate", c.ID, "--wait", "--timeout", "1s"); status == 0 {
			t.Fatalf("a key that has expired works: %s", out)
		}
	}

	s.WriteFile("ses-key", s.Keys.SESKey)
	s.WriteSecret("keys/"+s.Name, map[string]string{"token": s.Keys.KirimToken})
	if err := syscall.Kill(w.PID(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	w.Logged("configuration reloaded")
	for _, c := range []apptest.Credential{filed, kept} {
		if out, status := s.Ctl("rotate", c.ID, "--wait", "--timeout", "50s"); status != 0 {
			t.Errorf("%s: %d: %s", c.ID, status, out)
		}
	}
}
