package sandbox

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is the real time plus what a test adds.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

// bench is a sandbox under test.
type bench struct {
	*Server
	t      testing.TB
	clock  *clock
	client *http.Client
}

func start(t testing.TB, edit ...func(*Config)) *bench {
	t.Helper()
	b := &bench{t: t, clock: &clock{}}
	config := Config{Seed: 1}
	for _, f := range edit {
		f(&config)
	}
	config.Now = b.clock.now
	server, err := Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	b.Server = server
	transport := &http.Transport{}
	b.client = &http.Client{Transport: transport, Timeout: 20 * time.Second}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := server.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return b
}

// with is an edit of one provider's configuration.
func with(code string, p ProviderConfig) func(*Config) {
	return func(c *Config) {
		if c.Providers == nil {
			c.Providers = map[string]ProviderConfig{}
		}
		c.Providers[code] = p
	}
}

// answered is a reply as a client sees it. err is set if none arrived whole.
type answered struct {
	status int
	header http.Header
	body   string
	err    error
}

func (b *bench) do(r *http.Request) answered {
	b.t.Helper()
	resp, err := b.client.Do(r)
	if err != nil {
		return answered{err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return answered{status: resp.StatusCode, header: resp.Header, body: string(body), err: err}
}

func (b *bench) request(method, url string, body string) *http.Request {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// inject asks for faults over the admin API, as a user would.
func (b *bench) inject(faults ...Fault) {
	b.t.Helper()
	body, err := json.Marshal(faults)
	if err != nil {
		b.t.Fatal(err)
	}
	b.post("/faults", string(bytes.ReplaceAll(body, []byte(`"id":0,`), nil)))
}

func (b *bench) post(path, body string) string {
	b.t.Helper()
	a := b.do(b.request(http.MethodPost, b.Ready().Admin+path, body))
	if a.err != nil || a.status >= 300 {
		b.t.Fatalf("POST %s: %v %d %s", path, a.err, a.status, a.body)
	}
	return a.body
}

func (b *bench) state(code, target string) TargetState {
	b.t.Helper()
	s, ok := b.State()[code][target]
	if !ok {
		b.t.Fatalf("%s does not know %s", code, target)
	}
	return s
}

// eventually polls a condition of another goroutine or of the clock.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 20s", what)
		}
		<-time.After(2 * time.Millisecond)
	}
}

// code reads an SMTP reply's code: 235 for a nil error.
func smtpCode(t testing.TB, err error) int {
	t.Helper()
	if err == nil {
		return 235
	}
	e, ok := err.(*smtp.SMTPError) //nolint:errorlint // go-smtp returns it bare
	if !ok {
		return 0
	}
	return e.Code
}

func (b *bench) trust() *tls.Config {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(b.ca.pem())
	return &tls.Config{RootCAs: pool, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}
}

// login tries a password over implicit TLS and returns the SMTP code, 0 if the connection broke.
func (b *bench) login(code, user, password string) int {
	b.t.Helper()
	c, err := smtp.DialTLS(b.Ready().SMTP[code], b.trust())
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	return smtpCode(b.t, c.Auth(sasl.NewPlainClient("", user, password)))
}
