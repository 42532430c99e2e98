package devenv_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"keyturn/internal/devenv"
)

// Of two programs that were given the same free port the slower one is not ready because the faster one is.
func TestAnotherProcessOnItsPortDoesNotMakeAProgramReady(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	asked := filepath.Join(dir, "asked")
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		if err := os.WriteFile(asked, nil, 0o600); err != nil {
			t.Error(err)
		}
	}))
	defer other.Close()
	_, text, err := net.SplitHostPort(other.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(dir, "worker")); err != nil {
		t.Fatal(err)
	}
	s := &devenv.Stage{Dir: dir, Bin: dir, Env: []string{childVariable + "=late", askedVariable + "=" + asked}}
	p, err := s.Launch(t.Context(), devenv.Launch{Program: "worker", Port: port})
	if err == nil {
		t.Fatal("it is said to be ready", p.Kill())
	}
	if !strings.Contains(err.Error(), "address already in use") {
		t.Error(err)
	}
}
