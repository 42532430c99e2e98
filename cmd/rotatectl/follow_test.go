package main

import (
	"strings"
	"testing"

	"keyturn/internal/app/apptest"
	"keyturn/internal/sandbox/core"
)

// TestAWaitOutlivesTheWorkerThatTookTheJob: the queue gives a dead worker's task back after a minute or more. By then
// another worker has long finished the rotation, from the journal.
func TestAWaitOutlivesTheWorkerThatTookTheJob(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	c := s.SES("orphan", "first: manual")
	s.Configure(apptest.Settings{})
	first := s.Start("worker")
	s.Fault(c, core.Hold)
	type ended struct {
		out    string
		status int
	}
	waited := make(chan ended, 1)
	go func() {
		out, status := s.Ctl("rotate", c.ID, "--wait", "--timeout", "40s")
		waited <- ended{out, status}
	}()
	s.Held(c)
	if err := first.Kill(); err != nil {
		t.Fatal(err)
	}
	s.Box.Release("", "")
	s.Start("worker")
	s.Start("scheduler")
	if e := <-waited; e.status != 0 || !strings.Contains(e.out, "rotated after") {
		t.Errorf("%d: %s", e.status, e.out)
	}
}

func TestACheckSaysWhatItFound(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	good, blind, stuck := s.SES("good", "first: manual"), s.SES("blind", "first: manual", "verify: off"), s.SES("stuck", "first: manual")
	other := s.SES("other", "first: manual") // that it logs in is why a refusal of the good one is believed
	s.Configure(apptest.Settings{})
	s.Fault(stuck, core.NotFound, func(f *core.Fault) { f.Count = -1 })
	s.Start("worker")
	s.Ctl("rotate", good.ID, blind.ID, stuck.ID, other.ID, "--wait")
	for id, want := range map[string]struct {
		status int
		text   string
	}{
		good.ID:  {0, good.ID + ": the password works\n"},
		blind.ID: {1, blind.ID + ": not checked: verification is off\n"},
		stuck.ID: {1, stuck.ID + ": not checked: it is in quarantine: target: "},
	} {
		if out, status := s.Ctl("check", id, "--wait"); status != want.status || !strings.Contains(out, want.text) {
			t.Errorf("%d: %s", status, out)
		}
	}
	if out, _ := s.Ctl("status", good.ID); !strings.Contains(out, " works 20") {
		t.Errorf("status does not show the check: %s", out)
	}

	// One that was changed by hand is found, shown and repaired. The time that a change may need to spread is over.
	setByHand(t, s, good, live)
	s.Until("the change could have spread", func() bool {
		out, _ := s.Ctl("check", good.ID, "--wait", "--timeout", "30s")
		return strings.Contains(out, "refused")
	})
	s.Until("it is repaired", func() bool { return s.Settled(good, 2) })

	// What is retried and fails again says so, as JSON too.
	out, status := s.Ctl("retry", stuck.ID, "--wait", "-o", "json")
	if status != 1 || !strings.Contains(out, `"outcome":"quarantined","why":"target: tencent-ses`) {
		t.Errorf("%d: %s", status, out)
	}
}
