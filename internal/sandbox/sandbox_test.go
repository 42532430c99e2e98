package sandbox_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"keyturn/internal/sandbox"
	"keyturn/internal/sandbox/core"
	"keyturn/internal/sandbox/sandboxtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "rewrite the generated part of docs/sandbox.md: look at the difference before committing it")

const (
	manual         = "../../docs/sandbox.md"
	generatedBegin = "<!-- generated from what the stand-ins say of themselves by `go generate ./internal/sandbox`: do not edit -->\n"
	generatedEnd   = "<!-- end of the generated part -->\n"
)

func TestEveryProviderHasAPortOfItsOwn(t *testing.T) {
	t.Parallel()
	b := sandboxtest.Start(t, sandbox.StandIns())
	seen, want := map[string]bool{}, 1
	for _, m := range []map[string]string{b.Ready().Providers, b.Ready().SMTP, b.Ready().STARTTLS, {"": b.Ready().Admin}} {
		for _, address := range m {
			seen[address] = true
		}
	}
	for _, s := range sandbox.StandIns() {
		want++
		if s.Names != nil {
			want += 2
		}
		if !strings.HasPrefix(b.Ready().Providers[s.Code], "http://127.0.0.1:") {
			t.Errorf("%s at %q", s.Code, b.Ready().Providers[s.Code])
		}
	}
	if len(seen) != want {
		t.Errorf("%d addresses, want %d: %v", len(seen), want, seen)
	}
}

// People write the ports of a stand-in into their configurations.
func TestPortsNeverChange(t *testing.T) {
	t.Parallel()
	fixed := map[string]core.Ports{
		"alibaba-directmail": {API: 1, SMTP: 6}, "alibaba-domain": {API: 2}, "enom": {API: 3}, "kirimemail": {API: 4, SMTP: 8},
		"tencent-ses": {API: 5, SMTP: 10}, "mailgun": {API: 12, SMTP: 13}, "smtp2go": {API: 15, SMTP: 16}, "mailcow": {API: 18, SMTP: 19},
		"mailu": {API: 21, SMTP: 22}, "sendgrid": {API: 24, SMTP: 25}, "aws-ses": {API: 27, SMTP: 28},
		"hubspot": {API: 30, SMTP: 31}, "ahasend": {API: 33, SMTP: 34}, "migadu": {API: 36, SMTP: 37},
		"alibaba-ram": {API: 39}, "tencent-cam": {API: 40},
	}
	taken := map[int]string{0: "admin"}
	for _, s := range sandbox.StandIns() {
		if want, known := fixed[s.Code]; !known || s.Ports != want {
			t.Errorf("%s has %+v, want %+v", s.Code, s.Ports, want)
		}
		own := []int{s.Ports.API}
		if s.Names != nil {
			own = append(own, s.Ports.SMTP, s.Ports.SMTP+1)
		}
		for _, port := range own {
			if taken[port] != "" {
				t.Errorf("P+%d is of %s and of %s", port, taken[port], s.Code)
			}
			taken[port] = s.Code
		}
	}
}

func TestEveryStandInSaysWhatIsTrueOfIt(t *testing.T) {
	t.Parallel()
	b := sandboxtest.Start(t, sandbox.StandIns())
	for _, s := range sandbox.StandIns() {
		t.Run(s.Code, func(t *testing.T) {
			if s.Key.ID == "" || s.Key.Secret == "" || s.Rate.Requests <= 0 {
				t.Errorf("key %v, rate %v", s.Key, s.Rate)
			}
			state := b.State()[s.Code]
			for _, target := range s.Targets {
				if canonical, err := s.Check(target); err != nil || canonical.Target != target.Target {
					t.Errorf("%s is spelled %s: %v", target.Target, canonical.Target, err)
				}
				if _, known := state[target.Target]; !known {
					t.Errorf("does not know %s", target.Target)
				}
			}
			if logins := state[s.Targets[0].Target].Logins; (s.Username != "") != (s.Names != nil) || s.Username != "" && !slices.Contains(logins, s.Username) {
				t.Errorf("the user name is %q, and logins go by %q", s.Username, logins)
			}
			if s.Contacts {
				return // any address will do
			}
			if _, known := state[s.Unknown]; known || s.Unknown == "" {
				t.Errorf("knows %q", s.Unknown)
			}
			if _, err := s.Check(core.Target{Target: s.Unknown}); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTheManualListsEveryStandIn(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.FromSlash(manual))
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(page), generatedBegin)
	got, after, ends := strings.Cut(rest, generatedEnd)
	if !begins || !ends {
		t.Fatal("the page has no generated part")
	}
	want := "\n" + table() + "\n"
	switch {
	case got == want:
	case *update:
		if err := os.WriteFile(filepath.FromSlash(manual), []byte(before+generatedBegin+want+generatedEnd+after), 0o600); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("docs/sandbox.md is out of date: go generate ./internal/sandbox")
	}
}

// table has a row for each stand-in. P is the port of -listen.
func table() string {
	var b strings.Builder
	b.WriteString("| provider | port | SMTP | STARTTLS | key | target | limit |\n| --- | --- | --- | --- | --- | --- | --- |\n")
	for _, s := range sandbox.StandIns() {
		implicit, upgraded := "", ""
		if s.Names != nil {
			implicit, upgraded = fmt.Sprintf("P+%d", s.Ports.SMTP), fmt.Sprintf("P+%d", s.Ports.SMTP+1)
		}
		target := s.Targets[0].Target
		if s.Contacts {
			target = "any address"
		}
		fmt.Fprintf(&b, "| %s | P+%d | %s | %s | %s / %s | %s | %s |\n", s.Code, s.Ports.API, implicit, upgraded, s.Key.ID, s.Key.Secret, target, limit(s.Rate))
	}
	return b.String()
}

func limit(r core.Rate) string {
	unit := map[time.Duration]string{time.Second: "s", time.Minute: "m"}[r.Per]
	return fmt.Sprintf("%d/%s", r.Requests, unit)
}

func TestTheManualListsTheFaultsOfOneStandIn(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.FromSlash(manual))
	if err != nil {
		t.Fatal(err)
	}
	owner := map[core.Kind]string{}
	for _, s := range sandbox.StandIns() {
		for _, own := range s.Faults {
			if owner[own.Kind] != "" {
				t.Errorf("fault %s is defined by %s and by %s", own.Kind, owner[own.Kind], s.Code)
			}
			owner[own.Kind] = s.Code
			_, row, _ := strings.Cut(string(page), "| "+string(own.Kind)+" | after | ")
			if row, _, _ = strings.Cut(row, "\n"); !strings.Contains(row, "("+s.Code+" only)") {
				t.Errorf("docs/sandbox.md does not say that %s is of %s only: %q", own.Kind, s.Code, row)
			}
		}
	}
}
