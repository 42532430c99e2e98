package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keyturn/internal/devenv"
	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/doctor"
)

// surgery is the demo as it runs, and rotatectl beside it.
type surgery struct {
	*stage
	good string // the demo's configuration
	// A mail server that offers no AUTH, and the file of its authority.
	mute, authority string
}

func newSurgery(t *testing.T) *surgery {
	t.Helper()
	s, err := raise(t.Context(), t.TempDir(), fleet())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.strike(); err != nil {
			t.Error(err)
		}
	})
	good, err := os.ReadFile(s.Config())
	if err != nil {
		t.Fatal(err)
	}
	mute, authority := devenvtest.MuteMail(t)
	return &surgery{stage: s, good: string(good), mute: mute, authority: authority}
}

// doctor runs rotatectl on a configuration, and returns what it printed and its exit status.
func (s *surgery) doctor(t *testing.T, text string, args ...string) (output string, status int) {
	t.Helper()
	path, err := s.WriteFile("examined-"+filepath.Base(t.Name())+".yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	output, status, err = s.Rotatectl(t.Context(), "", append([]string{"doctor", "-c", path}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	return output, status
}

// report is what the doctor found, without its last line, which says how much is wrong.
func report(t *testing.T, output string) doctor.Report {
	t.Helper()
	var r doctor.Report
	if err := json.NewDecoder(strings.NewReader(output)).Decode(&r); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	return r
}

// token makes a token with the policy that ships for workers and more, and has a configuration log in with it.
func (s *surgery) token(t *testing.T, more string, settings map[string]any) string {
	t.Helper()
	root, err := devenv.Root()
	if err != nil {
		t.Fatal(err)
	}
	shipped, err := os.ReadFile(filepath.Join(root, "deploy", "vault", "keyturn-worker.hcl"))
	if err != nil {
		t.Fatal(err)
	}
	name := "doctor-" + filepath.Base(t.Name())
	token, err := s.Vault.NewToken(t.Context(), name, string(shipped)+more, settings)
	if err != nil {
		t.Fatal(err)
	}
	path, err := s.WriteFile(name, token)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Replace(s.good, filepath.Join(s.Dir, "vault-token"), path, 1)
}

// domains is what the demo's credentials at eNom need beside the policy that ships.
const domains = `
path "secret/data/domains/*" { capabilities = ["create", "read", "update"] }`

// with is the demo's configuration with something else in it.
func (s *surgery) with(t *testing.T, old, text string) string {
	t.Helper()
	if !strings.Contains(s.good, old) {
		t.Fatalf("the demo's configuration has no %q", old)
	}
	return strings.ReplaceAll(s.good, old, text)
}
