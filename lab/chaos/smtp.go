package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/smtp"
	"os"
	"time"
)

// logIn logs in at an SMTP server as a program that sends mail does. It shares no code with keyturn's own verifier.
func logIn(ctx context.Context, address, caFile, username, password string) error {
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return errors.New("the sandbox's certificate authority is no PEM file")
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	d := tls.Dialer{NetDialer: &net.Dialer{Timeout: 5 * time.Second}, Config: &tls.Config{RootCAs: roots, ServerName: host, MinVersion: tls.VersionTLS12}}
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	client, err := smtp.NewClient(conn, host)
	if err != nil {
		return err
	}
	if err := client.Auth(smtp.PlainAuth("", username, password, host)); err != nil {
		return err
	}
	return client.Quit()
}
