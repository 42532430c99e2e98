package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keyturn/internal/app/apptest"
	"keyturn/internal/sandbox/core"
)

// configured returns the text of the configuration in force.
func configured(t *testing.T, s *apptest.Stage) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.Dir, "keyturn.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// replace writes the configuration with another text in the place of one.
func replace(t *testing.T, s *apptest.Stage, old, replacement string) {
	t.Helper()
	text := configured(t, s)
	if strings.Count(text, old) != 1 {
		t.Fatalf("%q stands there %d times in:\n%s", old, strings.Count(text, old), text)
	}
	s.WriteFile("keyturn.yaml", strings.Replace(text, old, replacement, 1))
}

func TestAHundredAccountsAreAddedToProcessesThatRun(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	first := s.SES("first", "first: manual")
	s.Configure(apptest.Settings{Patient: true})
	w := s.Start("worker")
	s.Start("scheduler")
	s.Fault(first, core.Hold)
	s.Ctl("rotate", first.ID)
	s.Held(first) // a run that the reload must not touch

	text := configured(t, s)
	account := text[strings.Index(text, "  ses:\n"):strings.Index(text, "  kirim:\n")]
	var accounts strings.Builder
	var added []apptest.Credential
	for i := range 100 {
		name := fmt.Sprintf("client-%d", i)
		accounts.WriteString(strings.Replace(account, "  ses:\n", "  "+name+":\n", 1))
		c := s.SES(name)
		c.Account = name
		s.Creds[len(s.Creds)-1], added = c, append(added, c)
	}
	s.WriteFile("keyturn.yaml", strings.Replace(s.Config(apptest.Settings{Patient: true}, s.Creds...), "accounts:\n", "accounts:\n"+accounts.String(), 1))
	if line := w.Line("configuration reloaded"); !strings.Contains(line, `"added":100,"changed":0,"removed":0,"accounts":102`) {
		t.Errorf("%s", line)
	}
	s.Box.Release("", "")
	for _, c := range append(added, first) {
		s.Until(c.ID+" is rotated", func() bool { return s.Settled(c, 1) })
	}
}

func TestAnAccountThatIsRemovedEndsWhatIsOpenAndReportsWhatWaits(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	open, waits, stays := s.Kirim("open", "first: manual"), s.Kirim("waits", "first: manual"), s.SES("stays", "first: manual")
	s.Configure(apptest.Settings{Patient: true})
	w := s.Start("worker")
	s.Fault(open, core.LoseReply, func(f *core.Fault) { f.Count = 3 })
	s.Fault(waits, core.RateLimit, hold)
	s.Ctl("rotate", open.ID)
	s.Ctl("rotate", waits.ID)
	s.Until("its rotation is open", func() bool { return s.Journal(open).State == "open" })

	s.Creds = []apptest.Credential{stays}
	text := s.Config(apptest.Settings{Patient: true}, stays)
	s.WriteFile("keyturn.yaml", text[:strings.Index(text, "  kirim:\n")]+text[strings.Index(text, "credentials:\n"):])
	w.Logged("no longer configured, and a rotation is open: it is ended first")
	s.Until("it is ended with the settings of before", func() bool { return s.Settled(open, 1) })
	if line := w.Line("an account is served no more, and jobs wait in its queues"); !strings.Contains(line, `"account":"kirim","jobs":`) {
		t.Errorf("%s", line)
	}
	if out, status := s.Ctl("rotate", stays.ID, "--wait"); status != 0 {
		t.Errorf("what stays: %d: %s", status, out)
	}
}

func TestACredentialMovesWhenItsRotationHasEnded(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	c := s.SES("moves", "first: manual")
	s.Configure(apptest.Settings{Patient: true})
	w := s.Start("worker")
	s.Fault(c, core.Hold)
	s.Ctl("rotate", c.ID)
	s.Held(c)

	replace(t, s, `path: "`+c.Path+`"`, `path: "`+c.Path+`-new"`)
	s.Until("it is refused by name", func() bool {
		status, body := w.Get("/readyz")
		return status == http.StatusServiceUnavailable && strings.Contains(body, "credential "+c.ID+": a rotation is open")
	})
	s.Box.Release("", "")
	s.Until("the rotation has ended", func() bool { return s.Settled(c, 1) })
	w.Logged("configuration reloaded") // by itself
	if out, status := s.Ctl("rotate", c.ID, "--wait"); status != 0 {
		t.Errorf("%d: %s", status, out)
	}
	c.Path += "-new"
	if !s.Settled(c, 1) {
		t.Error("its next password is not at its new path")
	}
}

func TestWhatAProcessCannotTakeOverIsRefusedByNameAndAllElseToo(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	c := s.SES("same", "first: manual")
	s.Configure(apptest.Settings{Patient: true})
	processes := []*apptest.Process{s.Start("worker"), s.Start("scheduler")}
	good := configured(t, s)
	bad := strings.Replace(good, "redis: {address:", "redis: {db: 1, address:", 1)
	bad = strings.Replace(bad, "  insecure_http: true\n  auth:", "  insecure_http: true\n  journal_mount: elsewhere\n  auth:", 1)
	s.WriteFile("keyturn.yaml", bad)
	for _, p := range processes {
		s.Until(p.Name+" names redis", func() bool {
			_, body := p.Get("/readyz")
			return strings.Contains(body, "redis: a process stays with the Redis")
		})
	}
	s.WriteFile("keyturn.yaml", strings.Replace(bad, "redis: {db: 1, ", "redis: {", 1))
	for _, p := range processes {
		s.Until(p.Name+" names the store", func() bool {
			_, body := p.Get("/readyz")
			return strings.Contains(body, `vault store "default": the mounts and the namespace`)
		})
	}
	s.Ctl("rotate", c.ID) // it goes by the file, and says what is wrong with it
	s.Until("they go on as before", func() bool { return s.Settled(c, 1) })
	s.WriteFile("keyturn.yaml", good)
	for _, p := range processes {
		s.Until(p.Name+" is ready", func() bool { status, _ := p.Get("/readyz"); return status == http.StatusOK })
	}
}
