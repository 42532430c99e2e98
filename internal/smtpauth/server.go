// Package smtpauth finds out whether a password is live by logging in to an SMTP submission server, as the program
// that uses the password would. It says EHLO, AUTH and QUIT, never in clear text, and never sends mail.
package smtpauth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/sync/singleflight"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// TLSMode says how the connection is encrypted. There is no clear-text mode.
type TLSMode string

// The modes.
const (
	ImplicitTLS TLSMode = "implicit" // TLS from the first byte, usually on port 465
	StartTLS    TLSMode = "starttls" // TLS after STARTTLS, usually on port 587
)

// Mechanism is a SASL mechanism; the zero value takes what the server offers, PLAIN first.
type Mechanism string

// The mechanisms.
const (
	Plain Mechanism = "plain"
	Login Mechanism = "login"
)

// Config describes a submission server. Zero fields take the defaults named beside them.
type Config struct {
	Addr      string // host:port; the certificate must be for host
	TLS       TLSMode
	CA        *x509.CertPool // nil: the system's roots
	Mechanism Mechanism
	EHLO      string        // how the client introduces itself; "": the address literal of its end of the connection
	Timeout   time.Duration // of one probe, connection included; 0: 30 s, because servers delay refusals
	// MaxProbes is how many probes run at once against the server; 0: 8. More wait for their turn, which does not count
	// against Timeout.
	MaxProbes int

	// Dial connects to Addr; nil: over TCP. TLS runs on whatever it returns.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// Ledger is what all workers together know about the server: how often it may still be asked, and whether any login
	// works. Without a ledger there is no budget, and every refusal is believed.
	Ledger Ledger
	// Witness finds other logins at the server; required with a Ledger.
	Witness Witness
	// Sick is called when the server begins to refuse all logins, and when a login works again: once for all workers. It
	// must return at once. It may be nil.
	Sick func(ctx context.Context, sick bool)
	// Now is the clock that bookings are kept by; required with a Ledger.
	Now func() time.Time
}

// DefaultTimeout is that of one probe. Dovecot's penalty delays the answer by up to 17 s.
const DefaultTimeout = 30 * time.Second

const (
	defaultMaxProbes = 8
	// patience is the longest wait for a place. A caller that gets none by then should try again later.
	patience = 5 * time.Second
)

// withDefaults fills in optional fields, and reports those that are missing or wrong.
func (c Config) withDefaults() (Config, error) {
	var problems []error
	if host, port, err := net.SplitHostPort(c.Addr); err != nil || host == "" || port == "" {
		problems = append(problems, fmt.Errorf("address: %q is not host:port", c.Addr))
	}
	if c.TLS != ImplicitTLS && c.TLS != StartTLS {
		problems = append(problems, fmt.Errorf("tls: %q is neither %s nor %s; a clear-text login is not supported", c.TLS, ImplicitTLS, StartTLS))
	}
	if c.Mechanism != "" && c.Mechanism != Plain && c.Mechanism != Login {
		problems = append(problems, fmt.Errorf("mechanism: %q is neither %s nor %s", c.Mechanism, Plain, Login))
	}
	if c.Timeout < 0 || c.MaxProbes < 0 {
		problems = append(problems, errors.New("time-out and limits must not be negative"))
	}
	if c.Ledger != nil && (c.Witness == nil || c.Now == nil) {
		problems = append(problems, errors.New("a ledger needs witnesses and a clock"))
	}
	if c.Now == nil {
		c.Now = func() time.Time { return time.Time{} }
	}
	if c.Dial == nil {
		c.Dial = new(net.Dialer).DialContext
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.MaxProbes == 0 {
		c.MaxProbes = defaultMaxProbes
	}
	return c, errors.Join(problems...)
}

// Server is a submission server. Make one per server and share it, so that the cap on simultaneous probes holds; it
// counts this process's probes alone. It may be used by many goroutines at once.
type Server struct {
	config  Config
	tls     *tls.Config
	places  chan struct{} // one element per running probe
	tickets *tickets
	inquiry singleflight.Group
}

// New makes a Server. It does not connect; its error names every faulty setting.
func New(config Config) (*Server, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("smtp server: %w", err)
	}
	host, _, _ := net.SplitHostPort(config.Addr)
	return &Server{
		config: config,
		tls: &tls.Config{
			ServerName: host, RootCAs: config.CA, MinVersion: tls.VersionTLS12,
			ClientSessionCache: tls.NewLRUClientSessionCache(1), // one server
		},
		places:  make(chan struct{}, config.MaxProbes),
		tickets: &tickets{now: config.Now, credentials: make(map[string]ticket)},
	}, nil
}

// Verify implements rotation.Verifier for no credential in particular.
func (s *Server) Verify(ctx context.Context, login string, password secret.Value) (rotation.Verdict, error) {
	return s.For("").Verify(ctx, login, password)
}

// enter takes a place, and waits for one if need be.
func (s *Server) enter(ctx context.Context) (leave func(), err error) {
	enough := time.NewTimer(patience)
	defer enough.Stop()
	select {
	case s.places <- struct{}{}:
		return func() { <-s.places }, nil
	case <-enough.C:
		return nil, &rotation.WaitError{After: patience, Reason: "smtp " + s.config.Addr + ": too many probes run at once"}
	case <-ctx.Done():
		return nil, s.explain(stepWait, ctx.Err())
	}
}
