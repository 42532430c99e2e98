package apptest

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"text/template"
	"time"

	"keyturn/internal/devenv"
	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/sandbox"
	"keyturn/internal/sandbox/alibabadomain"
	"keyturn/internal/sandbox/core"
	"keyturn/internal/sandbox/kirimemail"
	"keyturn/internal/sandbox/tencentses"
)

// Stage is what one test runs keyturn on.
type Stage struct {
	Name  string // unique; ids, targets and paths carry it
	Dir   string
	Redis *devenv.Redis
	Vault *devenv.Vault
	Box   *core.Server
	Keys  Keys
	Creds []Credential
	Env   []string // KEY=value, of the programs that are started from then on

	tb testing.TB
}

// Keys are the management keys of this stage alone, so that a search for them finds nothing else.
type Keys struct {
	SESID, SESKey, KirimUser, KirimToken string
}

// Credential is one that the sandbox knows.
type Credential struct {
	ID, Account, Provider, Target, Path, Username string
	// Second is the other target of a pair; Overlaps says that the provider makes an identity for each rotation.
	Second   string
	Overlaps bool

	More string // fields that are added as they stand: "first: manual"
}

// New starts the servers of one test, which end with it. The sandbox also serves the given stand-ins.
func New(tb testing.TB, more ...core.StandIn) *Stage {
	tb.Helper()
	s := &Stage{
		Name: strings.ToLower(rand.Text()[:10]), Dir: tb.TempDir(), Redis: devenvtest.Redis(tb), Vault: vault, tb: tb,
		Keys: Keys{SESID: "id-" + rand.Text(), SESKey: "key-" + rand.Text(), KirimUser: "user-" + rand.Text(), KirimToken: "token-" + rand.Text()},
	}
	box, err := sandbox.Start(tb.Context(), core.Config{
		Now:    time.Now, //nolint:forbidigo // the clock of the processes that it serves
		CAFile: filepath.Join(s.Dir, "ca.pem"), StandIns: more,
		Providers: map[string]core.ProviderConfig{
			tencentses.Code:    {Rate: &core.Rate{}, Keys: []core.Key{{ID: s.Keys.SESID, Secret: s.Keys.SESKey}}},
			alibabadomain.Code: {Rate: &core.Rate{}},
			kirimemail.Code:    {Rate: &core.Rate{}, Keys: []core.Key{{ID: s.Keys.KirimUser, Secret: s.Keys.KirimToken}}},
		},
	})
	if err != nil {
		tb.Fatal(err)
	}
	s.Box = box
	tb.Cleanup(func() {
		// A client may have opened connections that it never used; those are not waited for.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), 100*time.Millisecond)
		defer cancel()
		_ = box.Close(ctx)
	})
	s.WriteFile("vault-token", s.Vault.Token)
	s.WriteFile("ses-key", s.Keys.SESKey)
	s.WriteSecret("keys/"+s.Name, map[string]string{"token": s.Keys.KirimToken})
	return s
}

// SES adds a credential at tencent-ses, which takes passwords; more are fields of its configuration.
func (s *Stage) SES(name string, more ...string) Credential {
	address := name + "@" + s.Name + ".example.com"
	return s.add(Credential{Account: "ses", Provider: tencentses.Code, Target: address, Username: address}, name, more)
}

// Kirim adds a credential at kirimemail, which makes passwords itself.
func (s *Stage) Kirim(name string, more ...string) Credential {
	target := fmt.Sprintf("%s.example.com/00000000-0000-4000-8000-%012d", s.Name, len(s.Creds))
	return s.add(Credential{Account: "kirim", Provider: kirimemail.Code, Target: target, Username: name + "@" + s.Name + ".example.com"}, name, more)
}

// Pair adds two sender addresses at tencent-ses that take turns. Its grace is longer than any test.
func (s *Stage) Pair(name string, more ...string) Credential {
	first, second := name+"-a@"+s.Name+".example.com", name+"-b@"+s.Name+".example.com"
	return s.add(Credential{Account: "ses", Provider: tencentses.Code, Target: first, Second: second}, name, more)
}

// Overlap adds a domain at kirimemail for which each rotation makes another identity. Its grace is longer than any test.
func (s *Stage) Overlap(name string, more ...string) Credential {
	return s.add(Credential{Account: "kirim", Provider: kirimemail.Code, Target: name + "." + s.Name + ".example.com", Overlaps: true}, name, more)
}

func (s *Stage) add(c Credential, name string, more []string) Credential {
	s.tb.Helper()
	c.ID, c.Path, c.More = name+"-"+s.Name, "mail/"+s.Name+"/"+name, strings.Join(more, ", ")
	s.Know(c)
	s.Creds = append(s.Creds, c)
	return c
}

// Know makes the sandbox know a credential's target.
func (s *Stage) Know(c Credential) {
	s.tb.Helper()
	targets := []core.Target{{Target: c.Target}}
	switch {
	case c.Overlaps && c.Provider == kirimemail.Code: // a domain is known by its identities: one of a person
		targets[0] = core.Target{Target: c.Target + "/00000000-0000-4000-8000-ffffffffffff", Username: "person@" + c.Target}
	case c.Provider == kirimemail.Code:
		targets[0].Username = c.Username
	}
	if c.Second != "" {
		targets = append(targets, core.Target{Target: c.Second})
	}
	if _, err := s.Box.AddTargets(c.Provider, targets...); err != nil {
		s.tb.Fatal(err)
	}
}

//go:embed keyturn.yaml.tmpl
var configText string

var configTemplate = template.Must(template.New("keyturn.yaml").Parse(configText))

// Settings are what tests differ in. The zero value is a short time for everything and a rotation a day, at first sight.
type Settings struct {
	Every       string // of every credential; "1d" if empty
	CallTimeout string // of a provider call; "1s" if empty
	Patient     bool   // times that one try keeps to on a loaded machine too: for commands that are not repeated
	Top         string // more sections of keyturn.yaml
}

// Configure writes keyturn.yaml with the stage's credentials, in one step, as one should.
func (s *Stage) Configure(settings Settings) {
	s.tb.Helper()
	s.WriteFile("keyturn.yaml", s.Config(settings, s.Creds...))
}

// Config returns the text of a configuration.
func (s *Stage) Config(settings Settings, creds ...Credential) string {
	s.tb.Helper()
	var text strings.Builder
	err := configTemplate.Execute(&text, map[string]any{
		"Dir": s.Dir, "Redis": s.Redis.Addr, "Vault": s.Vault.Addr, "Name": s.Name, "Sandbox": s.Box.Ready(), "Settings": settings, "Credentials": creds,
	})
	if err != nil {
		s.tb.Fatal(err)
	}
	return text.String()
}

// WriteFile replaces a file of the stage's folder in one step and returns its path.
func (s *Stage) WriteFile(name, text string) string {
	s.tb.Helper()
	path, err := s.set().WriteFile(name, text)
	if err != nil {
		s.tb.Fatal(err)
	}
	return path
}

// Fault asks the sandbox for faults at a credential.
func (s *Stage) Fault(c Credential, kind core.Kind, edit ...func(*core.Fault)) {
	s.tb.Helper()
	f := core.Fault{Provider: c.Provider, Target: c.Target, Kind: kind}
	for _, e := range edit {
		e(&f)
	}
	if _, err := s.Box.AddFaults(f); err != nil {
		s.tb.Fatal(err)
	}
}

// Target is what the sandbox knows of a credential.
func (s *Stage) Target(c Credential) core.TargetState { return s.Box.State()[c.Provider][c.Target] }

// Held waits until the sandbox holds the reply to a call for this credential.
func (s *Stage) Held(c Credential) {
	s.tb.Helper()
	s.Until("a reply is held", func() bool {
		for _, held := range s.Box.Holds() {
			if held.Provider == c.Provider && held.Target == c.Target {
				return true
			}
		}
		return false
	})
}

// patience is how long a condition may take on a loaded machine. Nothing waits for it that works, and it is shorter than
// the minute after which asynq would make up for a death.
const patience = 40 * time.Second

// Until waits until a condition holds.
func (s *Stage) Until(what string, holds func() bool) {
	s.tb.Helper()
	s.UntilNil(func() error {
		if holds() {
			return nil
		}
		return errors.New(what)
	})
}

// UntilNil waits until there is nothing in the way.
func (s *Stage) UntilNil(inTheWay func() error) {
	s.tb.Helper()
	if err := devenv.Until(s.tb.Context(), patience, inTheWay); err != nil {
		s.tb.Fatalf("after %v still not: %v", patience, err)
	}
}
