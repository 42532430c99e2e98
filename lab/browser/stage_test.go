package browser

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/oauth2-proxy/mockoidc"

	"keyturn/internal/devenv"
)

//go:embed keyturn.yaml.tmpl
var configText string

const (
	token    = "a token for the tests of the pages"
	patience = 40 * time.Second
)

// stage is keyturn with its console and a browser.
type stage struct {
	*testing.T
	*devenv.Stage
	Fleet  []devenv.Credential
	Issuer *mockoidc.MockOIDC // lets in who is queued, without asking
	url    string
	ctx    context.Context //nolint:containedctx // the browser's, as chromedp wants it
}

// Digest is what the configuration has of the token.
func (s *stage) Digest() string { return fmt.Sprintf("%x", sha256.Sum256([]byte(token))) }

func newStage(t *testing.T) *stage {
	t.Helper()
	browser := Find()
	if browser == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("chromium is needed in CI: scripts/setup installs it")
		}
		t.Skip("no chromium here: install it to see the pages tested") //nolint:forbidigo // never in CI
	}
	s := &stage{T: t, Issuer: newIssuer(t)}
	s.Stage = &devenv.Stage{Dir: t.TempDir(), Env: []string{"BROWSER_ID=testid", "BROWSER_KEY=testsecret", "BROWSER_OIDC=" + s.Issuer.ClientSecret}}
	for i := range 8 {
		address := fmt.Sprintf("app%d@example.com", i)
		s.Fleet = append(s.Fleet, devenv.Credential{
			ID: fmt.Sprintf("app%d", i), Account: "ses", Provider: "tencent-ses", Target: address, Path: fmt.Sprintf("mail/app%d", i), Username: address,
		})
	}
	s.must(s.Raise(t.Context(), devenv.StageOptions{Redis: &devenv.RedisOptions{Dir: filepath.Join(s.Dir, "redis")}}))
	t.Cleanup(func() { s.must(s.Strike()) })
	s.must(s.Box.Know(t.Context(), s.Fleet[1:]...)) // the provider does not know the first one, which goes into quarantine
	s.must(s.Configure(template.Must(template.New("keyturn.yaml").Parse(configText)), s))
	for _, name := range []string{"worker", "scheduler", "console"} {
		p, err := s.Launch(t.Context(), devenv.Launch{Program: name})
		s.must(err)
		t.Cleanup(func() { s.must(p.Stop()) })
		if name == "console" {
			s.url = address(t, p.Log)
		}
	}
	s.must(devenv.Until(t.Context(), patience, s.settled))
	ctx, stop := Start(t.Context(), browser)
	t.Cleanup(stop)
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	t.Cleanup(cancel)
	s.ctx = ctx
	return s
}

// newIssuer starts a stand-in of an issuer of OpenID Connect. For a browser it is another site than the console.
func newIssuer(t *testing.T) *mockoidc.MockOIDC {
	t.Helper()
	mockoidc.TokenEndpointAuthMethodsSupported = []string{"client_secret_post"} // it says that it knows basic too, and does not
	m, err := mockoidc.Run()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Server.Close() })
	m.Server.Addr = strings.Replace(m.Server.Addr, "127.0.0.1", "localhost", 1)
	return m
}

// settled is nil once the first credential is in quarantine and all others have their password.
func (s *stage) settled() error {
	for i, c := range s.Fleet {
		journal, err := s.Vault.Journal(s.Context(), c.ID, 0)
		if err != nil {
			return err
		}
		want := "closed"
		if i == 0 {
			want = "quarantined"
		}
		if journal.State != want {
			return fmt.Errorf("%s is %q", c.ID, journal.State)
		}
	}
	return nil
}

// address is where a console is served, as its log says.
func address(t *testing.T, log string) string {
	t.Helper()
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		var said struct{ Msg, URL string }
		if json.Unmarshal(line, &said) == nil && said.Msg == "console" {
			return said.URL
		}
	}
	t.Fatalf("the console does not say where it is:\n%s", text)
	return ""
}

func (s *stage) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// run does things in the browser.
func (s *stage) run(steps ...chromedp.Action[chromedp.Void]) {
	s.Helper()
	s.must(chromedp.Do(s.ctx, steps...))
}

// read finds something out in the browser.
func read[T any](s *stage, action chromedp.Action[T]) T {
	s.Helper()
	found, err := chromedp.Run(s.ctx, action)
	s.must(err)
	return found
}

// script runs one in the page.
func script[T any](s *stage, text string) T {
	s.Helper()
	return read(s, chromedp.Evaluate[T](text))
}

// text waits for what an element says.
func (s *stage) text(selector string) string {
	s.Helper()
	return read(s, chromedp.Text(chromedp.CSS(selector)))
}

func (s *stage) login() {
	s.Helper()
	s.must(LogIn(s.ctx, s.url, token))
}

// picture keeps what a page looks like, where KEYTURN_PICTURES names a folder.
func (s *stage) picture(name string) {
	s.Helper()
	dir := os.Getenv("KEYTURN_PICTURES")
	if dir == "" {
		return
	}
	s.must(Picture(s.ctx, filepath.Join(dir, name+".png")))
}
