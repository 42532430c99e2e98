package core_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keyturn/internal/sandbox/core"
)

// TestStateSurvivesAKill starts the second sandbox while the first one still runs: what the second one finds was on the
// disk when the reply arrived.
func TestStateSurvivesAKill(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state")
	b := start(t, kept(path))
	b.Inject(core.Fault{Provider: plain, Kind: core.Propagation, Delay: core.Duration(10 * time.Minute)})
	b.set(newPassword)
	b.Post("/targets", `{"provider":"plain","targets":[{"target":"second@example.com","password":"ISsued123456"}]}`)
	b.Do(b.request(http.MethodPost, mailer, "", "c@test.com"))
	b.Post("/password", `{"provider":"other","target":"alerts@example.com","password":"by hand"}`)

	after := start(t, kept(path))
	if s := after.Target(plain, target); s.Live != newPassword || s.Serving != "" || s.Version != 1 {
		t.Errorf("plain %+v", s)
	}
	if code := after.Login(plain, "second@example.com", "ISsued123456"); code != 235 {
		t.Errorf("login of what was added: %d", code)
	}
	if c := after.Target(mailer, "c@test.com").Contact; c == nil || !c.Mailed {
		t.Errorf("contact %+v", c)
	}
	if s := after.Target(other, target); s.Live != "by hand" {
		t.Errorf("other %+v", s)
	}
	if n := len(after.State()[plain]); n != 2 {
		t.Errorf("%d targets, want 2", n)
	}
	if string(after.CA()) != string(b.CA()) {
		t.Error("another certificate authority")
	}
	if code := refused(t, after.set(newPassword)); code != "repeat" {
		t.Errorf("the same password after the restart: %q", code)
	}
}

func TestATornLastLineIsDropped(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state")
	b := start(t, kept(path))
	b.set(newPassword)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	torn := path + ".torn"
	if err := os.WriteFile(torn, data[:len(data)-20], 0o600); err != nil {
		t.Fatal(err)
	}
	after := start(t, kept(torn))
	if s := after.Target(plain, target); s.Version != 0 {
		t.Errorf("state %+v", s)
	}
	if code := refused(t, after.set(newPassword)); code != "" {
		t.Errorf("set after: %s", code)
	}
	if s := start(t, kept(torn)).Target(plain, target); s.Live != newPassword {
		t.Errorf("state after the next start %+v", s)
	}
}

func TestADamagedStateFileIsNamedWithItsLine(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(path, []byte("{}\nnonsense\n{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := core.Start(t.Context(), core.Config{Now: time.Now, StandIns: standIns(), StateFile: path})
	if err == nil || !strings.Contains(err.Error(), "state:2: ") {
		t.Errorf("error %v", err)
	}
}
