package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"keyturn/internal/app/apptest"
	"keyturn/internal/providers/declared"
	"keyturn/internal/sandbox/core"
	"keyturn/internal/sandbox/described"
	"keyturn/internal/sandbox/mailgun"
)

// account makes a configuration know a provider at the sandbox, by its code and the name of its key.
func account(s *apptest.Stage, code, key, value string) (top string) {
	s.WriteFile(code+"-key", value)
	return fmt.Sprintf(`
  %[1]s:
    provider: %[1]s
    endpoint: "%[2]s"
    insecure_http: true
    rate: [500/s]
    keys: {%[3]s: {file: %[1]s-key}}
    verify: {propagation: 10s, smtp: {address: "%[4]s", tls: implicit, rate: 6000/s, ca_file: ca.pem}}
`, code, s.Box.Ready().Providers[code], key, s.Box.Ready().SMTP[code])
}

// minting is the code of the minter in a file, whose targets are domains.
const minting = "own-minter"

// at adds a credential at a provider, whose account is called like it.
func at(s *apptest.Stage, code, name, more string) apptest.Credential {
	c := apptest.Credential{
		ID: code + "-" + name + "-" + s.Name, Account: code, Provider: code, Target: name + "@" + s.Name + ".example.com", Path: "mail/" + s.Name + "/" + code + "-" + name, More: more,
	}
	if code == minting {
		c.Target, c.Overlaps = name+"."+s.Name+".example.com", true
	}
	s.Know(c)
	s.Creds = append(s.Creds, c)
	return c
}

// trouble is what happens to the first call of one credential each.
var trouble = map[core.Kind]func(*core.Fault){
	core.LoseReply: func(*core.Fault) {}, core.ServerError: func(f *core.Fault) { f.When = core.After }, core.Hold: func(*core.Fault) {},
	core.RateLimit:   func(f *core.Fault) { f.RetryAfter = core.Duration(2 * time.Second) },
	core.Propagation: func(f *core.Fault) { f.Delay = core.Duration(2 * time.Second) },
}

// rotateThroughTrouble rotates a credential in each kind of trouble at each provider. Once the others are done, it kills the
// worker while it waits for replies of each that are held: a job whose rotation has not begun would wait for a minute for the
// next one. Then every password is where consumers read it, and no identity is left over.
func rotateThroughTrouble(t *testing.T, s *apptest.Stage, top string, codes ...string) {
	t.Helper()
	var victims, others []apptest.Credential
	for _, code := range codes {
		for kind, edit := range trouble {
			name := strings.ReplaceAll(string(kind), "_", "-")
			if kind == core.Hold {
				victims = append(victims, at(s, code, name, "first: manual"))
			} else {
				others = append(others, at(s, code, name, ""))
			}
			s.Fault(s.Creds[len(s.Creds)-1], kind, edit)
		}
	}
	s.Configure(apptest.Settings{Patient: true, Top: top})
	w := s.Start("worker")
	s.Start("scheduler")
	s.UntilNil(func() error { return unsettled(s, others) })
	for _, c := range victims {
		if out, status := s.Ctl("rotate", c.ID); status != 0 {
			t.Fatal(out)
		}
	}
	s.UntilNil(func() error { return unheld(s, &victims) })
	if err := w.Kill(); err != nil {
		t.Fatal(err)
	}
	s.Box.Release("", "")
	s.Start("worker")
	s.UntilNil(func() error { return unsettled(s, s.Creds) })
	for _, code := range codes {
		stats := s.Box.Stats()[code]
		for kind := range trouble {
			if stats.Faults[kind] == 0 {
				t.Errorf("%s: %s never struck", code, kind)
			}
		}
		if stats.InURL != 0 {
			t.Errorf("%s: %d passwords came in a URL", code, stats.InURL)
		}
	}
}

// unsettled tells what is in the way of a password of one of these, or which identity is left over.
func unsettled(s *apptest.Stage, creds []apptest.Credential) error {
	for _, c := range creds {
		if err := s.Unsettled(c, 1); err != nil {
			return err
		}
		if strays := s.Strays(c); c.Overlaps && len(strays) > 0 {
			return fmt.Errorf("%s has the strays %v", c.ID, strays)
		}
	}
	return nil
}

// unheld tells of which of these no reply was held yet. The worker gives each up after a while, so that those before need not be
// held any more, but one is.
func unheld(s *apptest.Stage, victims *[]apptest.Credential) error {
	holds := s.Box.Holds()
	*victims = slices.DeleteFunc(*victims, func(c apptest.Credential) bool {
		return slices.ContainsFunc(holds, func(h core.Held) bool { return h.Provider == c.Provider && h.Target == c.Target })
	})
	if len(*victims) > 0 || len(holds) == 0 {
		return fmt.Errorf("%d replies are held, and none yet of %v", len(holds), *victims)
	}
	return nil
}

// Mailgun is described in a file, and played from its page.
func TestMailgunRotatesThroughEveryTrouble(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	rotateThroughTrouble(t, s, account(s, mailgun.Code, "api_key", "test-key"), mailgun.Code)
}

// A provider that a user's file describes is one like any other, and rotates at the sandbox that plays the file.
func TestAProviderInAFileRotatesThroughEveryTrouble(t *testing.T) {
	t.Parallel()
	var standIns []core.StandIn
	texts := map[string]string{}
	for _, mode := range []string{"setter", "issuer", "minter"} {
		text, err := declared.Skeleton("own-"+mode, mode)
		if err != nil {
			t.Fatal(err)
		}
		d, err := declared.Read(mode+".yaml", text)
		if err != nil {
			t.Fatal(err)
		}
		standIn := described.StandIn(d, core.Ports{})
		standIn.Rate = core.Rate{}
		standIns, texts[mode] = append(standIns, standIn), string(text)
	}
	s := apptest.New(t, standIns...)
	top := ""
	for mode, text := range texts {
		s.WriteFile(mode+".yaml", text)
		top += account(s, "own-"+mode, "token", "TOKEN")
	}
	rotateThroughTrouble(t, s, top+"\nprovider_files: [setter.yaml, issuer.yaml, minter.yaml]\n", "own-setter", "own-issuer", minting)
}
