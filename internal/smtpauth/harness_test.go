package smtpauth

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"go.uber.org/goleak"

	"keyturn/internal/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const user, canary = "alerts@example.com", "Canary7pQzX4wLm2Kd9"

// authority is a server certificate for 127.0.0.1 and the pool that trusts it.
func authority(t testing.TB) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, pool
}

// submission is a real submission server.
type submission struct {
	mechanisms []string
	login      func(user, password string) error
	mails      atomic.Int32 // MAIL commands
	quits      atomic.Int32 // orderly and other ends of a session
}

// serve starts s and returns the settings that reach it.
func (s *submission) serve(t *testing.T, mode TLSMode) Config {
	t.Helper()
	serverTLS, pool := authority(t)
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &session{s}, nil }))
	server.ErrorLog = log.New(io.Discard, "", 0)
	server.TLSConfig = serverTLS
	l := listen(t)
	if mode == ImplicitTLS {
		l = tls.NewListener(l, serverTLS)
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-done; err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	return Config{Addr: l.Addr().String(), TLS: mode, CA: pool, Timeout: 10 * time.Second}
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

type session struct{ s *submission }

func (x *session) AuthMechanisms() []string { return x.s.mechanisms }

func (x *session) Auth(mechanism string) (sasl.Server, error) {
	if mechanism == "LOGIN" {
		return &loginServer{login: x.s.login}, nil
	}
	return sasl.NewPlainServer(func(_, user, password string) error { return x.s.login(user, password) }), nil
}

func (x *session) Mail(string, *smtp.MailOptions) error { x.s.mails.Add(1); return nil }
func (x *session) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (x *session) Data(io.Reader) error                 { return nil }
func (x *session) Reset()                               {}
func (x *session) Logout() error                        { x.s.quits.Add(1); return nil }

// loginServer is AUTH LOGIN with the prompts of a server that go-sasl's client does not understand.
type loginServer struct {
	login func(user, password string) error
	user  string
}

func (l *loginServer) Next(response []byte) (challenge []byte, done bool, err error) {
	switch {
	case response == nil:
		return []byte("User Name\x00"), false, nil
	case l.user == "":
		l.user = string(response)
		return []byte("Password\x00"), false, nil
	}
	return nil, true, l.login(l.user, string(response))
}

// only lets one password in.
func only(password string) func(string, string) error {
	return func(u, p string) error {
		if u == user && p == password {
			return nil
		}
		return smtp.ErrAuthFailed
	}
}

// always answers every login with err.
func always(err error) func(string, string) error {
	return func(string, string) error { return err }
}

// script starts a server over implicit TLS that answers line by line from a table, by the first word of a command; ""
// is the greeting. A command it does not know ends the connection.
func script(t *testing.T, answers map[string]string) Config {
	t.Helper()
	return scripts(t, func() map[string]string { return answers })
}

// scripts is script with answers that may be others in each session.
func scripts(t testing.TB, answers func() map[string]string) Config {
	t.Helper()
	serverTLS, pool := authority(t)
	l := tls.NewListener(listen(t), serverTLS)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			converse(conn, answers())
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return Config{Addr: l.Addr().String(), TLS: ImplicitTLS, CA: pool, Timeout: 10 * time.Second}
}

func converse(conn net.Conn, answers map[string]string) {
	defer func() { _ = conn.Close() }()
	lines := bufio.NewScanner(conn)
	for command := ""; ; command = lines.Text() {
		word, _, _ := strings.Cut(command, " ")
		answer, known := answers[word]
		if !known {
			return
		}
		if _, err := io.WriteString(conn, strings.ReplaceAll(answer, "$LINE", command)+"\r\n"); err != nil || !lines.Scan() {
			return
		}
	}
}

func newServer(t testing.TB, config Config) *Server {
	t.Helper()
	s, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func password() secret.Value { return secret.New(canary) }
