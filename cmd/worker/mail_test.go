package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"keyturn/internal/app/apptest"
	"keyturn/internal/devenv"
	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/sandbox/tencentses"
)

// mailCase is a mail server, and what keyturn is told of it.
type mailCase struct {
	rate   string        // verify.smtp.rate
	spread time.Duration // until the mail server knows a password that the provider has accepted
	limit  int           // Postfix's limit of logins a minute
	outage time.Duration // the server loses its passwords for so long, once the credentials are rotated
	patience,
	every time.Duration // of drift checks
}

// mailCases are the figures of docs/verification.md. Only the first is short enough for each run of the tests; a flag
// names another one.
var mailCases = map[string]mailCase{
	"0s":         {rate: "30/m", patience: time.Minute},
	"5s":         {rate: "30/m", spread: 5 * time.Second, patience: 30 * time.Minute},
	"30s":        {rate: "30/m", spread: 30 * time.Second, patience: 45 * time.Minute},
	"limit":      {rate: "10/m", limit: 10, patience: 15 * time.Minute},
	"fail2ban":   {rate: "12/10m", patience: 40 * time.Minute},
	"unbudgeted": {rate: "6000/m", spread: 5 * time.Second, patience: 15 * time.Minute},
	"outage":     {rate: "10/m", limit: 10, outage: 8 * time.Minute, every: 3 * time.Minute, patience: 40 * time.Minute},
}

var chosen = flag.String("mail", "0s", "which case of mailCases to measure")

const fleetSize = 12

// mailFleet are twelve credentials whose provider is the sandbox, and whose mail server is a real one.
type mailFleet struct {
	*apptest.Stage
	t      *testing.T
	c      mailCase
	server *devenv.Mail
	creds  []apptest.Credential
	began  time.Time
	live   map[string]time.Time // by target: when consumers had the password that the provider accepted first
	stop   atomic.Bool
}

func newMailFleet(t *testing.T, c mailCase) *mailFleet {
	t.Helper()
	f := &mailFleet{Stage: apptest.New(t), t: t, c: c, server: devenvtest.Mail(t, devenv.MailOptions{LoginsPerMinute: c.limit}), live: map[string]time.Time{}}
	text := fmt.Sprintf(`
redis: {address: %q}
vault: {address: %q, insecure_http: true, auth: {token: {file: vault-token}}}
defaults: {schedule: {every: 1d}, first: now}
accounts:
  ses:
    provider: tencent-ses
    endpoint: %q
    insecure_http: true
    keys: {secret_id: {env: SES_ID}, secret_key: {file: ses-key}}
    verify: {smtp: {address: %q, tls: implicit, ca_file: %q, rate: %s}}
`, f.Redis.Addr, f.Vault.Addr, f.Box.Ready().Providers[tencentses.Code], f.server.Addr, f.server.CAFile, c.rate)
	if c.every > 0 {
		text += fmt.Sprintf("timing: {drift_check: {every: %v}}\n", c.every)
	}
	text += "credentials:\n"
	for i := range fleetSize {
		cred := f.SES(fmt.Sprintf("box%02d", i))
		first := fmt.Sprintf("As-It-Was-Before-%02d", i)
		if err := f.Box.SetPassword(cred.Provider, cred.Target, first); err != nil {
			t.Fatal(err)
		}
		if err := f.server.SetPassword(cred.Username, first); err != nil {
			t.Fatal(err)
		}
		f.WriteSecret(cred.Path, map[string]string{"username": cred.Username, "password": first})
		f.creds = append(f.creds, cred)
		text += fmt.Sprintf("  - {id: %s, account: ses, target: %s, path: %s, username: %s}\n", cred.ID, cred.Target, cred.Path, cred.Username)
	}
	f.WriteFile("keyturn.yaml", text)
	return f
}

// spread tells the mail server each password that the provider has accepted, when its time has come.
func (f *mailFleet) spread() {
	known, due := map[string]string{}, map[string]time.Time{}
	for !f.stop.Load() {
		for target, state := range f.Box.State()[tencentses.Code] {
			if state.AcceptedAt.IsZero() || known[target] == state.Live {
				continue
			}
			if at, waits := due[target]; !waits {
				due[target] = time.Now().Add(f.c.spread)
			} else if time.Now().Before(at) {
				continue
			}
			if f.c.spread > 0 && time.Now().Before(due[target]) {
				continue
			}
			if err := f.server.SetPassword(target, state.Live); err != nil {
				f.t.Error(err)
			}
			known[target] = state.Live
			delete(due, target)
		}
		<-time.After(2 * time.Millisecond)
	}
}

// rotated reports whether consumers have the live password of every credential, and notes since when.
func (f *mailFleet) rotated() bool {
	all := true
	for _, cred := range f.creds {
		state := f.Target(cred)
		if _, done := f.live[cred.Target]; done {
			continue
		}
		if state.AcceptedAt.Before(f.began) || f.Current(cred).Password != state.Live {
			all = false
			continue
		}
		f.live[cred.Target] = time.Now()
	}
	return all
}

func (f *mailFleet) wait(what string, holds func() bool) {
	f.t.Helper()
	deadline := time.Now().Add(f.c.patience)
	for !holds() {
		if time.Now().After(deadline) {
			f.t.Fatalf("after %v still not: %s", f.c.patience, what)
		}
		<-time.After(10 * time.Millisecond)
	}
}

// refusals are the times of the lines of Postfix's log by which fail2ban's filter postfix[mode=auth] counts.
func (f *mailFleet) refusals() (n int) {
	log, err := os.ReadFile(f.server.Log)
	if err != nil {
		f.t.Fatal(err)
	}
	for line := range strings.Lines(string(log)) {
		if strings.Contains(line, "authentication failed:") {
			n++
		}
	}
	return n
}

// TestTwelveCredentialsRotateAgainstPostfixAndDovecot, with the real programs and all defaults, Dovecot's penalty included.
func TestTwelveCredentialsRotateAgainstPostfixAndDovecot(t *testing.T) {
	t.Parallel()
	c, ok := mailCases[*chosen]
	if !ok {
		t.Fatalf("no case %q", *chosen)
	}
	f := newMailFleet(t, c)
	spreading := make(chan struct{})
	go func() { defer close(spreading); f.spread() }()
	t.Cleanup(func() { f.stop.Store(true); <-spreading })
	worker := f.Start("worker")
	f.Start("scheduler")
	f.began = time.Now()
	ids := []string{"rotate"}
	for _, cred := range f.creds {
		ids = append(ids, cred.ID)
	}
	if out, status := f.Ctl(ids...); status != 0 {
		t.Fatalf("%d: %s", status, out)
	}
	f.wait("all are rotated", f.rotated)
	var exposed, delayed []time.Duration
	for _, cred := range f.creds {
		state := f.Target(cred)
		exposed = append(exposed, f.live[cred.Target].Sub(state.AcceptedAt))
		delayed = append(delayed, state.AcceptedAt.Sub(f.began))
		if e := f.Current(cred); e.Verified != "yes" {
			t.Errorf("%s: verified %q", cred.ID, e.Verified)
		}
		if j := f.Journal(cred); j.State == "quarantined" {
			t.Errorf("%s is in quarantine", cred.ID)
		}
	}
	slices.Sort(exposed)
	slices.Sort(delayed)
	t.Logf("mail %s: exposure %v to %v, median %v; the last send after %v; %d refusals", *chosen, exposed[0].Round(time.Millisecond), exposed[fleetSize-1].Round(time.Millisecond),
		exposed[fleetSize/2].Round(time.Millisecond), delayed[fleetSize-1].Round(time.Millisecond), f.refusals())
	if c.outage > 0 {
		f.outage(worker, ids)
	}
}

// outage lets the server refuse every login for a while, in which all credentials are to be rotated, and looks what becomes
// of the fleet: of the rotations too that had sent their password when it began.
func (f *mailFleet) outage(worker *apptest.Process, rotate []string) {
	f.t.Helper()
	before := f.passwords()
	clear(f.live)
	f.began = time.Now()
	if out, status := f.Ctl(rotate...); status != 0 {
		f.t.Fatalf("%d: %s", status, out)
	}
	f.wait("the first password of the second round is accepted", func() bool { return f.passwords() > before })
	if err := f.server.LosePasswords(); err != nil {
		f.t.Fatal(err)
	}
	<-time.After(f.c.outage)
	sent := f.passwords() - before
	if err := f.server.FindPasswords(); err != nil {
		f.t.Fatal(err)
	}
	ended := time.Now()
	f.wait("the server is known to be well", func() bool { return strings.Contains(worker.Output(), "accepts logins again") })
	f.t.Logf("mail outage: known to be over after %v; told %d times; %d of %d had sent a password", time.Since(ended).Round(time.Second),
		strings.Count(worker.Output(), "refuses logins that worked"), sent, fleetSize)
	f.wait("all are rotated once more", func() bool { return f.rotated() && f.closed() })
	f.t.Logf("mail outage: every credential is in order %v after its end; %d passwords more than rotations", time.Since(ended).Round(time.Second),
		f.passwords()-before-fleetSize)
	unproven := 0
	for _, cred := range f.creds {
		if f.Current(cred).Verified != "yes" {
			unproven++
		}
	}
	// What was sent before the outage or in it, and could not be asked about for the whole time that a password may need
	// to spread, is promoted on the provider's word.
	if unproven > sent {
		f.t.Errorf("%d passwords are not verified, and %d were sent before the outage ended", unproven, sent)
	}
	if n := f.passwords() - before - fleetSize; n != 0 {
		f.t.Errorf("%d extra passwords", n)
	}
}

// closed reports whether no rotation is open. A quarantine fails the test.
func (f *mailFleet) closed() bool {
	for _, cred := range f.creds {
		switch j := f.Journal(cred); j.State {
		case "closed":
		case "quarantined":
			f.t.Fatalf("%s is in quarantine", cred.ID)
		default:
			return false
		}
	}
	return true
}

// passwords is how many passwords the provider has accepted.
func (f *mailFleet) passwords() (n int) {
	for _, cred := range f.creds {
		n += f.Target(cred).Version
	}
	return n
}
