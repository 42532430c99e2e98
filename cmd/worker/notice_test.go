package main

import (
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/sandbox"
	"keyturn/internal/wiring/wiringtest"
)

// event returns the fields of the first event of a kind, which it waits for.
func event(t *testing.T, s *wiringtest.Stage, kind string) (fields map[string]any) {
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

// TestAPromotionThatNobodyVerifiedIsHeardOf: its verifier has been away since the provider accepted the password.
func TestAPromotionThatNobodyVerifiedIsHeardOf(t *testing.T) {
	t.Parallel()
	s := wiringtest.New(t)
	smtp := s.Box.Ready().SMTP[sandbox.TencentSES]
	c := s.SES("mute", "first: manual", `verify: {propagation: 1s, smtp: {address: "`+smtp+`", tls: implicit, ca_file: "`+s.Dir+`/ca.pem"}}`)
	s.Configure(wiringtest.Settings{})
	s.Fault(c, sandbox.Unavailable, func(f *sandbox.Fault) { f.At, f.Count = sandbox.AtSMTP, -1 })
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
