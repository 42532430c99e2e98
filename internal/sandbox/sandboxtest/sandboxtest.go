// Package sandboxtest is what the tests of the sandbox drive stand-ins with.
package sandboxtest

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"keyturn/internal/sandbox/core"
)

// Clock is the real time plus what a test adds.
type Clock struct{ ahead atomic.Int64 }

// Now is the time of the sandbox.
func (c *Clock) Now() time.Time {
	return time.Now().Add(time.Duration(c.ahead.Load())) //nolint:forbidigo // this is the clock that is handed out
}

// Advance lets time pass.
func (c *Clock) Advance(d time.Duration) { c.ahead.Add(int64(d)) }

// Bench is a sandbox under test.
type Bench struct {
	*core.Server
	Clock  *Clock
	Client *http.Client

	tb testing.TB
	ca string
}

// Start serves the stand-ins until the test ends.
func Start(tb testing.TB, standIns []core.StandIn, edit ...func(*core.Config)) *Bench {
	tb.Helper()
	transport := &http.Transport{}
	b := &Bench{
		Clock: &Clock{}, Client: &http.Client{Transport: transport, Timeout: 20 * time.Second},
		tb: tb, ca: filepath.Join(tb.TempDir(), "ca.pem"),
	}
	config := core.Config{Seed: 1, StandIns: standIns, CAFile: b.ca}
	for _, f := range edit {
		f(&config)
	}
	config.Now = b.Clock.Now
	var err error
	if b.Server, err = core.Start(tb.Context(), config); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := b.Close(context.WithoutCancel(tb.Context())); err != nil {
			tb.Error(err)
		}
	})
	return b
}

// With is an edit of one provider's configuration.
func With(code string, p core.ProviderConfig) func(*core.Config) {
	return func(c *core.Config) {
		if c.Providers == nil {
			c.Providers = map[string]core.ProviderConfig{}
		}
		c.Providers[code] = p
	}
}

// Answer is a reply as a client sees it. Err is set if none arrived whole.
type Answer struct {
	Status int
	Header http.Header
	Body   string
	Err    error
}

// Do sends a request.
func (b *Bench) Do(r *http.Request) Answer {
	b.tb.Helper()
	resp, err := b.Client.Do(r)
	if err != nil {
		return Answer{Err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return Answer{Status: resp.StatusCode, Header: resp.Header, Body: string(body), Err: err}
}

// Message is what a JSON answer refuses with in its field message, "" for a success.
func Message(t testing.TB, a Answer) string {
	t.Helper()
	var out struct{ Message string }
	if err := json.Unmarshal([]byte(a.Body), &out); err != nil || out.Message == "" {
		t.Fatalf("no message: %d %q %v", a.Status, a.Body, a.Err)
	}
	if a.Status == http.StatusOK {
		return ""
	}
	return out.Message
}

// AsJSON makes a request one of JSON, with the header that proves who calls; edit spoils it, unless that is nil.
func AsJSON(r *http.Request, header, key string, edit func(*http.Request)) {
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(header, key)
	if edit != nil {
		edit(r)
	}
}

// Request makes one that ends with the test.
func (b *Bench) Request(method, url, body string) *http.Request {
	b.tb.Helper()
	r, err := http.NewRequestWithContext(b.tb.Context(), method, url, strings.NewReader(body))
	if err != nil {
		b.tb.Fatal(err)
	}
	return r
}

// Inject asks for faults over the admin API, as a user would.
func (b *Bench) Inject(faults ...core.Fault) {
	b.tb.Helper()
	body, err := json.Marshal(faults)
	if err != nil {
		b.tb.Fatal(err)
	}
	b.Post("/faults", string(bytes.ReplaceAll(body, []byte(`"id":0,`), nil)))
}

// Post sends the admin API a request that succeeds.
func (b *Bench) Post(path, body string) string {
	b.tb.Helper()
	a := b.Do(b.Request(http.MethodPost, b.Ready().Admin+path, body))
	if a.Err != nil || a.Status >= 300 {
		b.tb.Fatalf("POST %s: %v %d %s", path, a.Err, a.Status, a.Body)
	}
	return a.Body
}

// Target is the state of one that the sandbox knows.
func (b *Bench) Target(code, target string) core.TargetState {
	b.tb.Helper()
	s, ok := b.State()[code][target]
	if !ok {
		b.tb.Fatalf("%s does not know %s", code, target)
	}
	return s
}

// Login tries a password over implicit TLS and returns the SMTP code, 0 if the connection broke.
func (b *Bench) Login(code, user, password string) int {
	b.tb.Helper()
	c, err := smtp.DialTLS(b.Ready().SMTP[code], b.Trust())
	if err != nil {
		b.tb.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	return SMTPCode(c.Auth(sasl.NewPlainClient("", user, password)))
}

// CA is the certificate authority as the sandbox writes it for clients.
func (b *Bench) CA() []byte {
	b.tb.Helper()
	pem, err := os.ReadFile(b.ca)
	if err != nil {
		b.tb.Fatal(err)
	}
	return pem
}

// Trust is what a client of the submission servers needs.
func (b *Bench) Trust() *tls.Config {
	b.tb.Helper()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(b.CA())
	return &tls.Config{RootCAs: pool, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}
}

// SMTPCode reads the code of what a client returns: 235 for a nil error, 0 for one that is no reply.
func SMTPCode(err error) int {
	if err == nil {
		return 235
	}
	e, ok := err.(*smtp.SMTPError) //nolint:errorlint // go-smtp returns it bare
	if !ok {
		return 0
	}
	return e.Code
}

// Eventually polls a condition of another goroutine or of the clock.
func Eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not within 20s", what)
		case <-time.After(2 * time.Millisecond):
		}
	}
}
