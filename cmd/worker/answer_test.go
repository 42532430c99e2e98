package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"keyturn/internal/app/apptest"
	"keyturn/internal/sandbox/core"
)

// TestWhatAnErrorNamesLeadsToTheLineInTheLog: a person who has only what rotatectl printed finds the line by the
// provider's request id, and in it the credential and the rotation.
func TestWhatAnErrorNamesLeadsToTheLineInTheLog(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	s.SES("refused", "first: manual")
	s.SES("away", "first: manual")
	s.Configure(apptest.Settings{})
	w := s.Start("worker")
	for i, kind := range []core.Kind{core.Reject, core.ServerError} {
		leads(t, s, w, s.Creds[i], kind)
	}
}

// leads makes a fault strike a rotation, and follows what is said of it to the log.
func leads(t *testing.T, s *apptest.Stage, w *apptest.Process, c apptest.Credential, kind core.Kind) {
	t.Helper()
	s.Fault(c, kind, func(f *core.Fault) { f.Count = -1 })
	if out, status := s.Ctl("rotate", c.ID, "--wait", "--timeout", "5s"); status != 1 || !strings.Contains(out, c.ID) {
		t.Fatalf("%s: status %d: %s", kind, status, out)
	}
	explained, _ := s.Ctl("explain", c.ID)
	id := regexp.MustCompile(`request id ([0-9a-fA-F-]+)`).FindStringSubmatch(explained)
	if id == nil {
		t.Fatal(explained)
	}
	var line struct {
		Credential string `json:"credential"`
		Rotation   string `json:"rotation_id"`
	}
	if err := json.Unmarshal([]byte(w.Line(id[1])), &line); err != nil {
		t.Fatal(err)
	}
	if line.Credential != c.ID || line.Rotation == "" || !strings.Contains(explained, line.Rotation) {
		t.Errorf("%+v in\n%s\n%s", line, explained, w.Output())
	}
}

// TestAProcessReadsWhatItsUnitWasHanded: systemd names the folder, and nothing else tells where it is.
func TestAProcessReadsWhatItsUnitWasHanded(t *testing.T) {
	t.Parallel()
	s := apptest.New(t)
	c := s.SES("handed", "first: manual")
	s.Configure(apptest.Settings{})
	text, err := os.ReadFile(filepath.Join(s.Dir, "keyturn.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	handed := t.TempDir()
	if err := os.Rename(filepath.Join(s.Dir, "vault-token"), filepath.Join(handed, "vault-token")); err != nil {
		t.Fatal(err)
	}
	s.WriteFile("keyturn.yaml", strings.Replace(string(text), "file: vault-token", "file: $CREDENTIALS_DIRECTORY/vault-token", 1))
	if out, status := s.Ctl("config", "check", "--secrets"); status != 1 || !strings.Contains(out, "CREDENTIALS_DIRECTORY is not set") {
		t.Errorf("outside of a unit: status %d: %s", status, out)
	}
	s.Env = append(s.Env, "CREDENTIALS_DIRECTORY="+handed)
	s.Start("worker")
	s.WriteFile("vault-token", "s.of-another-place")
	if out, status := s.Ctl("rotate", c.ID, "--wait"); status != 0 {
		t.Errorf("status %d: %s", status, out)
	}
}
