package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/smtp"
	"net/textproto"
	"os"
	"time"
)

// mailer logs in as a program that sends mail does. It shares no code with keyturn's own verifier.
type mailer struct {
	address string
	roots   *x509.CertPool
}

func newMailer(address, caFile string) (mailer, error) {
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return mailer{}, err
	}
	m := mailer{address: address, roots: x509.NewCertPool()}
	if !m.roots.AppendCertsFromPEM(pem) {
		return m, errors.New("the sandbox's certificate authority is no PEM file")
	}
	return m, nil
}

// errRefused is a password that the server does not accept.
var errRefused = errors.New("535: refused")

func (m mailer) login(ctx context.Context, username, password string) error {
	host, _, err := net.SplitHostPort(m.address)
	if err != nil {
		return err
	}
	d := tls.Dialer{NetDialer: &net.Dialer{Timeout: 5 * time.Second}, Config: &tls.Config{RootCAs: m.roots, ServerName: host, MinVersion: tls.VersionTLS12}}
	conn, err := d.DialContext(ctx, "tcp", m.address)
	if err != nil {
		return err
	}
	defer conn.Close()
	client, err := smtp.NewClient(conn, host)
	if err != nil {
		return err
	}
	err = client.Auth(smtp.PlainAuth("", username, password, host))
	var refused *textproto.Error
	if errors.As(err, &refused) && refused.Code == 535 {
		return errRefused
	}
	if err != nil {
		return err
	}
	return client.Quit()
}
