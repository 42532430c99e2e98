// Package smtpauth finds out whether a password is live by logging in to an SMTP submission server, as the program
// that uses the password would. It says EHLO, AUTH and QUIT, never in clear, and never sends mail.
package smtpauth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// TLSMode says how the connection is encrypted. There is no mode in clear.
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
	Timeout   time.Duration // of one probe, connection included; 0: 15 s
	// MaxProbes is how many probes run at once against the server; 0: 8. More wait for their turn.
	MaxProbes int
	// MaxRefused is how many refusals in a row a user name may collect before its probes are held back until ten
	// minutes after the last one, because providers lock out; 0: 20. A login that works clears the count.
	MaxRefused int
	// Now is the clock that the ten minutes are measured by; required.
	Now func() time.Time
}

const (
	defaultTimeout    = 15 * time.Second
	defaultMaxProbes  = 8
	defaultMaxRefused = 20
)

// withDefaults fills what may be left out and reports what may not, or is wrong.
func (c Config) withDefaults() (Config, error) {
	var problems []error
	if host, port, err := net.SplitHostPort(c.Addr); err != nil || host == "" || port == "" {
		problems = append(problems, fmt.Errorf("address: %q is not host:port", c.Addr))
	}
	if c.TLS != ImplicitTLS && c.TLS != StartTLS {
		problems = append(problems, fmt.Errorf("tls: %q is neither %s nor %s; a login in clear is not supported", c.TLS, ImplicitTLS, StartTLS))
	}
	if c.Mechanism != "" && c.Mechanism != Plain && c.Mechanism != Login {
		problems = append(problems, fmt.Errorf("mechanism: %q is neither %s nor %s", c.Mechanism, Plain, Login))
	}
	if c.Timeout < 0 || c.MaxProbes < 0 || c.MaxRefused < 0 {
		problems = append(problems, errors.New("time-out and limits must not be negative"))
	}
	if c.Now == nil {
		problems = append(problems, errors.New("there is no clock"))
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.MaxProbes == 0 {
		c.MaxProbes = defaultMaxProbes
	}
	if c.MaxRefused == 0 {
		c.MaxRefused = defaultMaxRefused
	}
	return c, errors.Join(problems...)
}

// Server is a submission server with the caps on probing it. Make one per server and share it, so that the caps hold;
// they count this process's probes alone. It may be used by many goroutines at once.
type Server struct {
	config Config
	tls    *tls.Config
	places chan struct{} // one element per running probe
	caps   *refusals
}

// New makes a Server. It connects to nothing; its error names every faulty setting.
func New(config Config) (*Server, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("smtp server: %w", err)
	}
	host, _, _ := net.SplitHostPort(config.Addr)
	return &Server{
		config: config,
		tls:    &tls.Config{ServerName: host, RootCAs: config.CA, MinVersion: tls.VersionTLS12},
		places: make(chan struct{}, config.MaxProbes),
		caps:   newRefusals(config.MaxRefused, config.Now),
	}, nil
}

// Verify implements rotation.Verifier: one capped probe, logged in as username.
func (s *Server) Verify(ctx context.Context, username string, password secret.Value) (rotation.Verdict, error) {
	select {
	case s.places <- struct{}{}:
		defer func() { <-s.places }()
	case <-ctx.Done():
		return rotation.Unknown, s.explain(stepWait, ctx.Err())
	}
	if err := s.caps.allow(username); err != nil {
		return rotation.Unknown, s.explain(stepWait, err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	verdict, err := s.probe(ctx, username, password)
	s.caps.record(username, verdict)
	return verdict, err
}
