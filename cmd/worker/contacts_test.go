package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"keyturn/internal/app/apptest"
	"keyturn/internal/sandbox/alibabadomain"
	"keyturn/internal/sandbox/core"
)

// verifications is the part of a configuration that verifies contacts at both sites of the provider: a job for each, of
// the site's own address and more.
func verifications(s *apptest.Stage, more ...string) string {
	var text strings.Builder
	for _, site := range []string{"international", "china"} {
		fmt.Fprintf(&text, `
  %s:
    provider: alibaba-domain
    region: %s
    endpoint: "%s"
    insecure_http: true
    rate: [100/s]
    keys: {access_key_id: {file: alibaba-id}, access_key_secret: {file: alibaba-secret}}`, site, site, s.Box.Ready().Providers[alibabadomain.Code])
	}
	text.WriteString("\nverifications:\n")
	for _, site := range []string{"international", "china"} {
		addresses := append([]string{site + "@example.com"}, more...)
		fmt.Fprintf(&text, "  owners-%s: {account: %s, addresses: [%s], schedule: {every: 4s}}\n", site, site, strings.Join(addresses, ", "))
	}
	s.WriteFile("alibaba-id", "testid")
	s.WriteFile("alibaba-secret", "testsecret")
	return text.String()
}

// contact is one line of the worker's log about contacts.
type contact struct {
	Msg, Verification, Address, Result, Code string
	Tries                                    int
}

// contactsOf are the lines about an address in the job of a site.
func contactsOf(p *apptest.Process, site, address string) []contact {
	var found []contact
	for line := range strings.Lines(p.Output()) {
		var c contact
		if json.Unmarshal([]byte(line), &c) == nil && c.Msg == "contact" && c.Verification == "owners-"+site && c.Address == address {
			found = append(found, c)
		}
	}
	return found
}

func mails(s *apptest.Stage, address string) int {
	c := s.Box.State()[alibabadomain.Code][address].Contact
	if c == nil {
		return 0
	}
	return c.Mails
}

func TestContactsAreMailedOnScheduleAtBothSites(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	s.Configure(apptest.Settings{Top: verifications(s, "aaa@test.com", "bbb@test.com")})
	w := s.Start("worker")
	s.Start("scheduler")
	for _, site := range []string{"international", "china"} {
		for address, want := range map[string]contact{
			site + "@example.com": {Result: "sent"},
			"aaa@test.com":        {Result: "mailed or verified before"},
			"bbb@test.com":        {Result: "failed", Code: "SendTokenQuotaExceeded"},
		} {
			want.Msg, want.Verification, want.Address, want.Tries = "contact", "owners-"+site, address, 1
			s.Until(address+" is asked for", func() bool { return len(contactsOf(w, site, address)) > 0 })
			if got := contactsOf(w, site, address)[0]; got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		}
		s.Until("the job waits for the next day", func() bool { return waitsADay(w, "owners-"+site) })
		if n := len(contactsOf(w, site, "bbb@test.com")); n != 1 {
			t.Errorf("%s: asked %d times for an address whose quota is used up", site, n)
		}
		if n := mails(s, site+"@example.com"); n != 1 {
			t.Errorf("%s: %d mails", site, n)
		}
	}
}

// waitsADay tells whether the worker sent a job back for a day.
func waitsADay(p *apptest.Process, name string) bool {
	for line := range strings.Lines(p.Output()) {
		var back struct {
			Msg, Credential, Kind, Status, After string
		}
		if json.Unmarshal([]byte(line), &back) != nil || back.Msg != "a job comes back" || back.Kind != "contacts" {
			continue
		}
		after, err := time.ParseDuration(back.After)
		if err == nil && back.Credential == name && back.Status == "waiting" && after > 24*time.Hour-10*time.Second {
			return true
		}
	}
	return false
}

func TestAContactIsMailedOnceThoughTheCallIsRepeated(t *testing.T) {
	t.Parallel()
	for kind, result := range map[core.Kind]string{
		core.LoseReply:   "mailed or verified before", // by the call whose reply was lost
		core.Unavailable: "sent",
		core.RateLimit:   "sent",
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := apptest.New(t)
			s.Configure(apptest.Settings{Top: verifications(s)})
			if _, err := s.Box.AddFaults(core.Fault{Provider: alibabadomain.Code, Target: "china@example.com", Kind: kind}); err != nil {
				t.Fatal(err)
			}
			w := s.Start("worker")
			s.Start("scheduler")
			s.Until("the second call is answered", func() bool { return len(contactsOf(w, "china", "china@example.com")) > 0 })
			if got := contactsOf(w, "china", "china@example.com")[0]; got.Result != result {
				t.Errorf("got %+v", got)
			}
			if n := mails(s, "china@example.com"); n != 1 {
				t.Errorf("%d mails", n)
			}
		})
	}
}

func TestAWorkerWhoseClockIsOffHearsItFromContactsToo(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	s.Configure(apptest.Settings{Top: verifications(s)})
	w := s.Start("worker")
	skewed := core.Fault{Provider: alibabadomain.Code, Kind: core.WithCode, Code: "InvalidTimeStamp.Expired", Status: http.StatusBadRequest, Count: -1}
	if _, err := s.Box.AddFaults(skewed); err != nil {
		t.Fatal(err)
	}
	s.Start("scheduler")
	s.Until("the worker is unready", func() bool {
		status, body := w.Get("/readyz")
		return status == http.StatusServiceUnavailable && strings.Contains(body, "clock")
	})
}
