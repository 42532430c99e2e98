package smtpauth

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// dialogue is a connection to a submission server over TLS, greeted.
type dialogue struct {
	*wire
	offer offer
	stop  func() bool
}

// The steps of a probe, as errors name them.
const (
	stepWait     = "wait for a probe"
	stepConnect  = "connect"
	stepGreeting = "greeting"
	stepTLS      = "TLS"
	stepSTARTTLS = "STARTTLS"
	stepGreet    = "EHLO"
	stepAuth     = "AUTH"
)

// quitTimeout bounds QUIT, which must not delay a verdict that is known.
const quitTimeout = time.Second

// The replies of RFC 5321 and RFC 4954 that a probe goes on after.
const (
	codeReady     = 220
	codeOK        = 250
	codeLoggedIn  = 235
	codeChallenge = 334
)

// open connects, encrypts and says EHLO. It returns soon after ctx ends, as does everything after it.
func (s *Server) open(ctx context.Context) (*dialogue, error) {
	raw, err := s.config.Dial(ctx, "tcp", s.config.Addr)
	if err != nil {
		return nil, s.explain(stepConnect, endOf(ctx, err))
	}
	// What ends a read is closing the connection under it.
	c := &dialogue{stop: context.AfterFunc(ctx, func() { _ = raw.Close() })}
	step, err := s.begin(ctx, c, &metered{Conn: raw, left: mostRaw})
	if err != nil {
		c.stop()
		_ = raw.Close()
		return nil, s.explain(step, endOf(ctx, err))
	}
	return c, nil
}

// begin holds the conversation up to AUTH. It returns the step that an error belongs to.
func (s *Server) begin(ctx context.Context, c *dialogue, conn net.Conn) (step string, err error) {
	if s.config.TLS == ImplicitTLS {
		encrypted := tls.Client(conn, s.tls)
		if err := encrypted.HandshakeContext(ctx); err != nil {
			return stepTLS, err
		}
		conn = encrypted
	}
	c.wire = newWire(conn)
	if _, err := expect(codeReady)(c.read()); err != nil {
		return stepGreeting, err
	}
	if err := s.greet(c); err != nil {
		return stepGreet, err
	}
	if s.config.TLS != StartTLS {
		return "", nil
	}
	if step, err := s.startTLS(ctx, c); err != nil {
		return step, err
	}
	return stepGreet, s.greet(c) // what was offered in clear text does not count
}

// greet says EHLO and keeps what the server offers.
func (s *Server) greet(c *dialogue) error {
	name := s.config.EHLO
	if name == "" {
		name = literal(c.conn.LocalAddr())
	}
	r, err := expect(codeOK)(c.ask("EHLO " + name))
	if err != nil {
		return err
	}
	c.offer = offered(r)
	return nil
}

// startTLS encrypts a clear-text connection.
func (s *Server) startTLS(ctx context.Context, c *dialogue) (step string, err error) {
	if !c.offer.has("STARTTLS") {
		return stepSTARTTLS, ErrNoSTARTTLS
	}
	if _, err := expect(codeReady)(c.ask("STARTTLS")); err != nil {
		return stepSTARTTLS, err
	}
	if c.in.Buffered() > 0 {
		return stepSTARTTLS, errInjected
	}
	encrypted := tls.Client(c.conn, s.tls)
	if err := encrypted.HandshakeContext(ctx); err != nil {
		return stepTLS, err
	}
	c.use(encrypted)
	return "", nil
}

// expect turns every reply but one into an error.
func expect(code int) func(reply, error) (reply, error) {
	return func(r reply, err error) (reply, error) {
		if err == nil && r.code != code {
			err = unexpected{r}
		}
		return r, err
	}
}

// literal is the name of a client without one: the address of its end of the connection (RFC 5321, 4.1.3).
func literal(addr net.Addr) string {
	host, _, err := net.SplitHostPort(addr.String())
	if err != nil {
		return "[127.0.0.1]"
	}
	host, _, _ = strings.Cut(host, "%")
	if ip := net.ParseIP(host); ip != nil && ip.To4() == nil {
		return "[IPv6:" + host + "]"
	}
	return "[" + host + "]"
}

// login sends the password, if the connection is fit for it.
func (s *Server) login(c *dialogue, username string, password secret.Value) (rotation.Verdict, error) {
	if encrypted, ok := c.conn.(*tls.Conn); !ok || !encrypted.ConnectionState().HandshakeComplete {
		return rotation.Unknown, errClear
	}
	var e *exchange
	switch c.offer.mechanism(s.config.Mechanism) {
	case Plain:
		e = newPlain(username, password)
	case Login:
		e = newLogin(username, password)
	default:
		return rotation.Unknown, s.noMechanism(c.offer)
	}
	r, err := c.converse(e)
	switch {
	case err != nil:
		return rotation.Unknown, err
	case r.code == codeLoggedIn && !e.sent():
		return rotation.Unknown, errUnasked
	case r.code == codeLoggedIn:
		return rotation.Works, nil
	case refused(r) && e.sent():
		return rotation.Refused, nil
	}
	return rotation.Unknown, unexpected{r}
}

// converse carries an exchange to its final reply, after which the server expects commands again.
func (c *dialogue) converse(e *exchange) (reply, error) {
	for line := e.command(); ; {
		if err := c.send(line); err != nil {
			return reply{}, err
		}
		r, err := c.read()
		if err != nil || r.code != codeChallenge {
			return r, err
		}
		if line = e.next(); line == nil {
			c.cancel()
			return reply{}, errChallenge
		}
	}
}

// cancel ends an exchange that the server has not ended.
func (c *dialogue) cancel() { c.bye("*") }

// quit says QUIT; the verdict stands whatever the server answers.
func (c *dialogue) quit() {
	c.bye("QUIT")
	c.stop()
	_ = c.conn.Close()
}

// bye sends a line whose answer does not matter, and does not wait for it long.
func (c *dialogue) bye(line string) {
	enough := time.AfterFunc(quitTimeout, func() { _ = c.conn.Close() })
	defer enough.Stop()
	_, _ = c.ask(line)
}
