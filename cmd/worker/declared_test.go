package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"keyturn/internal/app/apptest"
	"keyturn/internal/sandbox/core"
	"keyturn/internal/sandbox/mailgun"
)

// described makes the stage know a provider that a file of the user's describes: Mailgun, under another code.
func described(t *testing.T, s *apptest.Stage) (top string) {
	t.Helper()
	text, err := os.ReadFile("../../internal/providers/declared/mailgun.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s.WriteFile("own.yaml", strings.Replace(string(text), "code: mailgun", "code: own", 1))
	s.WriteFile("own-key", "test-key")
	return fmt.Sprintf(`
  own:
    provider: own
    endpoint: "%s"
    insecure_http: true
    rate: [500/s]
    keys: {api_key: {file: own-key}}
    verify: {propagation: 10s, smtp: {address: "%s", tls: implicit, rate: 6000/s, ca_file: ca.pem}}
provider_files: [own.yaml]
`, s.Box.Ready().Providers[mailgun.Code], s.Box.Ready().SMTP[mailgun.Code])
}

func own(s *apptest.Stage, name string) apptest.Credential {
	target := name + "@" + s.Name + ".example.com"
	c := apptest.Credential{ID: name + "-" + s.Name, Account: "own", Provider: mailgun.Code, Target: target, Path: "mail/" + s.Name + "/" + name}
	s.Know(c)
	s.Creds = append(s.Creds, c)
	return c
}

// A provider that a file describes is one like any other: what goes wrong on the way costs no password.
func TestAProviderInAFileRotatesThroughEveryTrouble(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	top := described(t, s)
	kinds := map[core.Kind]func(*core.Fault){
		core.LoseReply: func(*core.Fault) {}, core.ServerError: func(f *core.Fault) { f.When = core.After }, core.Hold: func(*core.Fault) {},
		core.RateLimit:   func(f *core.Fault) { f.RetryAfter = core.Duration(2 * time.Second) },
		core.Propagation: func(f *core.Fault) { f.Delay = core.Duration(2 * time.Second) },
	}
	var victim apptest.Credential
	for kind, edit := range kinds {
		c := own(s, strings.ReplaceAll(string(kind), "_", "-"))
		s.Fault(c, kind, edit)
		if kind == core.Hold {
			victim = c
		}
	}
	s.Configure(apptest.Settings{Patient: true, Top: top})
	w := s.Start("worker")
	s.Start("scheduler")
	s.Held(victim)
	if err := w.Kill(); err != nil {
		t.Fatal(err)
	}
	s.Box.Release("", "")
	s.Start("worker")
	s.Until("every password is where consumers read it", func() bool {
		for _, c := range s.Creds {
			if !s.Settled(c, 1) {
				return false
			}
		}
		return true
	})
	stats := s.Box.Stats()[mailgun.Code]
	for kind := range kinds {
		if stats.Faults[kind] == 0 {
			t.Errorf("%s never struck", kind)
		}
	}
	if stats.InURL != 0 {
		t.Errorf("%d passwords came in a URL", stats.InURL)
	}
}
