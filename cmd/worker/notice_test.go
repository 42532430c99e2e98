package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/app/apptest"
	"keyturn/internal/sandbox/core"
	"keyturn/internal/sandbox/tencentses"
)

// event returns the fields of the first event of a kind, which it waits for.
func event(t *testing.T, s *apptest.Stage, kind string) (fields map[string]any) {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: s.Redis.Addr})
	t.Cleanup(func() { _ = rdb.Close() })
	s.Until("an event "+kind, func() bool {
		events, err := rdb.XRange(t.Context(), "keyturn:events", "-", "+").Result()
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			if e.Values["type"] == kind {
				fields = e.Values
			}
		}
		return fields != nil
	})
	return fields
}

// TestAPromotionThatWasNotVerifiedIsHeardOf: its verifier has been away since the provider accepted the password.
func TestAPromotionThatWasNotVerifiedIsHeardOf(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	smtp := s.Box.Ready().SMTP[tencentses.Code]
	c := s.SES("mute", "first: manual", `verify: {propagation: 1s, smtp: {address: "`+smtp+`", tls: implicit, ca_file: "`+s.Dir+`/ca.pem"}}`)
	s.Configure(apptest.Settings{})
	s.Fault(c, core.Unavailable, func(f *core.Fault) { f.At, f.Count = core.AtSMTP, -1 })
	w := s.Start("worker")
	s.Ctl("rotate", c.ID)

	line := w.Line("promoted_unverified")
	if !strings.Contains(line, `"level":"WARN"`) || !strings.Contains(line, c.ID) {
		t.Error(line)
	}
	if e := event(t, s, "promoted_unverified"); e["credential"] != c.ID || e["account"] != "ses" || e["rotation_id"] == "" {
		t.Errorf("%v", e)
	}
	w.Until("the notice is counted", func(metrics string) bool {
		return strings.Contains(metrics, `keyturn_notices_total{account="ses",kind="promoted_unverified"} 1`)
	})
	if out, _ := s.Ctl("status", c.ID); !strings.Contains(out, "unverified") {
		t.Error(out)
	}
}

// TestAVerifierThatIsAwayIsHeardOf: the provider has accepted the password, so that consumers may be locked out.
func TestAVerifierThatIsAwayIsHeardOf(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	c := s.SES("mute", "first: manual")
	s.Configure(apptest.Settings{})
	s.Fault(c, core.Unavailable, func(f *core.Fault) { f.At, f.Count = core.AtSMTP, -1 })
	w := s.Start("worker")
	s.Ctl("rotate", c.ID)

	if line := w.Line(`"kind":"verifier_away"`); !strings.Contains(line, `"level":"WARN"`) || !strings.Contains(line, c.ID) {
		t.Error(line)
	}
	if e := event(t, s, "verifier_away"); e["credential"] != c.ID || e["account"] != "ses" {
		t.Errorf("%v", e)
	}
	for _, command := range []string{"status", "explain"} {
		if out, _ := s.Ctl(command, c.ID); !strings.Contains(out, "the provider accepted the password, and the verifier has not said that it works") {
			t.Errorf("%s: %s", command, out)
		}
	}
}

// TestWhoAskedIsOnRecord: in the journal, the log and the event of a rotation that goes well, of one that does not, and of
// what a person does to a journal.
func TestWhoAskedIsOnRecord(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	good, lost := s.SES("good", "first: manual"), s.SES("lost", "first: manual")
	s.Configure(apptest.Settings{})
	s.Fault(lost, core.NotFound, func(f *core.Fault) { f.Count = -1 })
	w := s.Start("worker")
	s.Ctl("rotate", good.ID, lost.ID, "--wait")
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	who := func(text any) bool { return strings.HasSuffix(fmt.Sprint(text), "@"+host) }
	for kind, c := range map[string]apptest.Credential{"rotated": good, "quarantined": lost} {
		if e := event(t, s, kind); e["credential"] != c.ID || !who(e["requested_by"]) {
			t.Errorf("%v", e)
		}
		if line := w.Line(`"msg":"` + kind + `"`); !strings.Contains(line, "@"+host+`"`) {
			t.Error(line)
		}
		if out, _ := s.Ctl("explain", c.ID); !strings.Contains(out, "@"+host+"), slot") {
			t.Error(out)
		}
	}
	if out, status := s.CtlIn("yes\n"+lost.ID+"\n", "abandon", lost.ID); status != 0 || !who(s.Journal(lost).Owner) {
		t.Errorf("%d, owner %s: %s", status, s.Journal(lost).Owner, out)
	}
	if e := event(t, s, "abandoned"); e["credential"] != lost.ID || !who(e["requested_by"]) {
		t.Errorf("%v", e)
	}
	const byHand = "Set-By-Hand-1234"
	if err := s.Box.SetPassword(lost.Provider, lost.Target, byHand); err != nil {
		t.Fatal(err)
	}
	if out, status := s.CtlIn(byHand+"\n", "adopt", lost.ID); status != 0 || !who(s.Journal(lost).Owner) {
		t.Errorf("%d, owner %s: %s", status, s.Journal(lost).Owner, out)
	}
}
