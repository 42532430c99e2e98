package smtpauth

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"github.com/emersion/go-smtp"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// quitTimeout bounds the farewell, which must not hold up a verdict that is known.
const quitTimeout = time.Second

// The steps of a probe, as errors name them.
const (
	stepWait    = "wait for a probe"
	stepConnect = "connect"
	stepTLS     = "TLS"
	stepGreet   = "EHLO"
	stepAuth    = "AUTH"
)

// probe logs in once. It returns soon after ctx ends.
func (s *Server) probe(ctx context.Context, username string, password secret.Value) (rotation.Verdict, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.config.Addr)
	if err != nil {
		return rotation.Unknown, s.explain(stepConnect, endOf(ctx, err))
	}
	defer func() { _ = conn.Close() }()
	// The client knows deadlines of its own, but no context: what ends a read is closing the connection under it.
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()

	client, err := s.open(ctx, conn)
	if err != nil {
		return rotation.Unknown, s.explain(stepTLS, endOf(ctx, err))
	}
	client.CommandTimeout = s.config.Timeout
	if err := client.Hello("localhost"); err != nil {
		return rotation.Unknown, s.explain(stepGreet, endOf(ctx, err))
	}
	verdict, err := s.login(ctx, client, username, password)
	client.CommandTimeout = quitTimeout
	_ = client.Quit() // the verdict stands whatever the server says to that
	return verdict, err
}

// open returns a client over TLS, or over a connection on which the next line begins TLS.
func (s *Server) open(ctx context.Context, conn net.Conn) (*smtp.Client, error) {
	if s.config.TLS == StartTLS {
		return smtp.NewClientStartTLS(conn, s.tls)
	}
	encrypted := tls.Client(conn, s.tls)
	if err := encrypted.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return smtp.NewClient(encrypted), nil
}

// login sends the password, if the connection is fit for it.
func (s *Server) login(ctx context.Context, client *smtp.Client, username string, password secret.Value) (rotation.Verdict, error) {
	// The client itself would log in over a connection in clear.
	if state, ok := client.TLSConnectionState(); !ok || !state.HandshakeComplete {
		return rotation.Unknown, s.explain(stepAuth, errClear)
	}
	exchange := s.exchange(client, username, password)
	if exchange == nil {
		return rotation.Unknown, s.explain(stepAuth, errNoMechanism)
	}
	err := client.Auth(exchange)
	switch {
	case err == nil && exchange.sent():
		return rotation.Works, nil
	case err == nil:
		return rotation.Unknown, s.explain(stepAuth, errUnasked)
	case refused(err):
		return rotation.Refused, nil
	default:
		return rotation.Unknown, s.explain(stepAuth, endOf(ctx, err))
	}
}

// exchange picks the mechanism; nil if the server offers none that will do.
func (s *Server) exchange(client *smtp.Client, username string, password secret.Value) *exchange {
	want := s.config.Mechanism
	switch {
	case want != Login && client.SupportsAuth("PLAIN"):
		return newPlain(username, password)
	case want != Plain && client.SupportsAuth("LOGIN"):
		return newLogin(username, password)
	}
	return nil
}
