package main

import (
	"io"
	"slices"
	"strings"
	"testing"

	"keyturn/internal/app/apptest"
	"keyturn/internal/sandbox/core"
)

const live = "Set-By-Hand-1234"

// setByHand makes a password live at a credential's provider.
func setByHand(t *testing.T, s *apptest.Stage, c apptest.Credential, password string) {
	t.Helper()
	if err := s.Box.SetPassword(c.Provider, c.Target, password); err != nil {
		t.Fatal(err)
	}
}

// refused adopts a password, which must fail, change nothing, and show nothing of it.
func refused(t *testing.T, s *apptest.Stage, c apptest.Credential, password, because string) {
	t.Helper()
	before, journal := s.Current(c), s.Journal(c).Version
	out, status := s.CtlIn(password+"\n", "adopt", c.ID)
	if status != exitFailed || !strings.Contains(out, because) {
		t.Errorf("exit status %d, want %d with %q: %s", status, exitFailed, because, out)
	}
	if strings.Contains(out, password) {
		t.Error("the password was shown")
	}
	if after := s.Current(c); after != before || s.Journal(c).Version != journal {
		t.Errorf("from %+v to %+v, journal from %d to %d", before, after, journal, s.Journal(c).Version)
	}
}

func TestAdoptStoresAPasswordThatWorks(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	creds := []apptest.Credential{s.SES("taken", "first: manual"), s.Kirim("made", "first: manual")}
	s.Configure(apptest.Settings{Patient: true})
	for _, c := range creds {
		setByHand(t, s, c, live)
		out, status := s.CtlIn(live+"\n", "adopt", c.ID)
		if status != 0 || out != c.ID+": stored in Vault\n" {
			t.Fatalf("%d: %s", status, out)
		}
		if got := s.Current(c); got.Version != 1 || got.Password != live || got.Username != c.Username || got.Verified != "yes" || got.Slot == "" {
			t.Errorf("in Vault is %+v", got)
		}
		if j := s.Journal(c); j.State != "closed" || len(j.Candidates) != 0 {
			t.Errorf("the journal is %+v", j)
		}
		if n := s.Target(c).Version; n != 1 {
			t.Errorf("the provider has had %d passwords", n)
		}
	}

	// It is a credential like any other from then on.
	s.Start("worker")
	for _, c := range creds {
		if out, status := s.Ctl("rotate", c.ID, "--wait"); status != 0 {
			t.Errorf("%d: %s", status, out)
		}
		if !s.Settled(c, 2) {
			t.Errorf("%s: version %d", c.ID, s.Current(c).Version)
		}
		if previous := s.CurrentAt(c.Path, 1); previous.Password != live {
			t.Error("the adopted password is not the previous version")
		}
		setByHand(t, s, c, live+"5")
		if out, status := s.CtlIn(live+"5", "adopt", c.ID); status != 0 || !s.Settled(c, 3) {
			t.Errorf("a password that was changed by hand later: %d: %s", status, out)
		}
	}
}

func TestAdoptRefusesAPasswordThatDoesNotWork(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	fresh, old := s.SES("fresh", "first: manual"), s.SES("old", "first: manual")
	s.Configure(apptest.Settings{Patient: true})
	setByHand(t, s, fresh, live)
	setByHand(t, s, old, live)
	// No login has worked there yet: the server may refuse everybody.
	refused(t, s, fresh, "Not-The-Live-One-1", "refused, but no login is known to work")
	if out, status := s.CtlIn(live, "adopt", old.ID); status != 0 {
		t.Fatalf("%d: %s", status, out)
	}
	refused(t, s, old, "Not-The-Live-One-1", "the password does not work")
	// Nothing of it stays in the way.
	if out, status := s.CtlIn(live, "adopt", fresh.ID); status != 0 {
		t.Errorf("%d: %s", status, out)
	}
}

func TestAdoptRefusesWhatItCannotAskAbout(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	c := s.SES("mute", "first: manual")
	s.Configure(apptest.Settings{Patient: true})
	setByHand(t, s, c, live)
	s.Fault(c, core.Unavailable, func(f *core.Fault) { f.At, f.Count = "smtp", -1 })
	refused(t, s, c, live, "could not check whether the password works")
	s.Box.ClearFaults()
	s.Until("the server is asked again", func() bool { _, status := s.CtlIn(live, "adopt", c.ID); return status == 0 })
}

func TestAdoptWithoutAVerifierBelievesWhatItIsTold(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	c := s.SES("blind", "first: manual", "verify: off")
	s.Configure(apptest.Settings{Patient: true})
	if out, status := s.CtlIn("Whatever-1234", "adopt", c.ID); status != 0 {
		t.Fatalf("%d: %s", status, out)
	}
	if got := s.Current(c); got.Password != "Whatever-1234" || got.Verified != "off" {
		t.Errorf("in Vault is %+v", got)
	}
}

func TestAdoptLeavesAnOpenRotationAlone(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	c := s.SES("busy", "first: manual")
	s.Configure(apptest.Settings{Patient: true})
	setByHand(t, s, c, live)
	w := s.Start("worker")
	s.Fault(c, core.Hold)
	s.Ctl("rotate", c.ID)
	s.Held(c)
	if err := w.Kill(); err != nil {
		t.Fatal(err)
	}
	refused(t, s, c, live, "") // a run may be at it
	s.Until("what it did is known as an open rotation", func() bool {
		out, _ := s.CtlIn(live, "adopt", c.ID)
		return strings.Contains(out, "a rotation of it is open")
	})
	refused(t, s, c, live, "a rotation of it is open")
	if j := s.Journal(c); j.State != "open" || len(j.Candidates) != 1 {
		t.Errorf("the journal is %s with %d candidates", j.State, len(j.Candidates))
	}
}

func TestAdoptLeavesAQuarantinedCredentialAlone(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	c := s.SES("sick", "first: manual")
	s.Configure(apptest.Settings{Patient: true})
	s.Start("worker")
	s.Fault(c, core.NotFound)
	if out, status := s.Ctl("rotate", c.ID, "--wait"); status != exitFailed {
		t.Fatalf("%d: %s", status, out)
	}
	setByHand(t, s, c, live)
	refused(t, s, c, live, "in quarantine")

	// As the runbook says for a person who holds the live password.
	if out, status := s.CtlIn("yes\n"+c.ID+"\n", "abandon", c.ID); status != 0 {
		t.Fatalf("%d: %s", status, out)
	}
	if out, status := s.CtlIn(live, "adopt", c.ID); status != 0 || s.Current(c).Password != live {
		t.Errorf("%d: %s", status, out)
	}
}

func TestAdoptTakesAPasswordFromStandardInputAlone(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	c := s.SES("typed", "first: manual")
	s.Configure(apptest.Settings{Patient: true})
	for name, args := range map[string][]string{
		"an argument":        {"adopt", c.ID, live},
		"a flag":             {"adopt", c.ID, "--password", live},
		"no id":              {"adopt"},
		"an id that is none": {"adopt", "no-such-id"},
	} {
		if out, status := s.CtlIn(live, args...); status != exitUsage || strings.Contains(out, live) {
			t.Errorf("%s: %d: %s", name, status, out)
		}
	}
	if out, status := s.CtlIn("", "adopt", c.ID); status != exitFailed || !slices.Contains(strings.Split(out, "\n"), errNoPassword.Error()) {
		t.Errorf("nothing: %d: %s", status, out)
	}
	if v := s.Current(c).Version; v != 0 {
		t.Errorf("version %d", v)
	}
}

func TestReadPasswordTakesTheFirstLineAsItIs(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", maxPassword)
	for given, want := range map[string]string{
		"secret":           "secret",
		"secret\n":         "secret",
		"secret\r\n":       "secret",
		"secret\nuser: me": "secret",
		" sec ret \n":      " sec ret ",
		"pässwörd\n":       "pässwörd",
		long + "\r\n":      long,
	} {
		got, err := readPassword(strings.NewReader(given), io.Discard)
		if err != nil || got.Reveal() != want {
			t.Errorf("%q: got %d bytes, %v", given, len(got.Reveal()), err)
		}
	}
	for given, want := range map[string]error{
		"": errNoPassword, "\n": errNoPassword, "\r\n": errNoPassword, "\nsecret\n": errNoPassword,
		long + "x": errLongPassword, long + long + "\n": errLongPassword, "caf\xe9\n": errBinary,
	} {
		if got, err := readPassword(strings.NewReader(given), io.Discard); err != want { //nolint:errorlint // the very one
			t.Errorf("%q: got %d bytes, %v", given, len(got.Reveal()), err)
		}
	}
}
