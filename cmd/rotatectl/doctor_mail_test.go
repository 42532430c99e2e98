package main

import (
	"bufio"
	"crypto/tls"
	"encoding/pem"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

// mute is a mail server that offers no AUTH, and the file of its authority.
func mute(t *testing.T) (addr, ca string) {
	t.Helper()
	lender := httptest.NewTLSServer(nil) // its certificate is for 127.0.0.1
	t.Cleanup(lender.Close)
	ca = filepath.Join(t.TempDir(), "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: lender.Certificate().Raw}
	if err := os.WriteFile(ca, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: lender.TLS.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go converse(conn)
		}
	}()
	return listener.Addr().String(), ca
}

func converse(conn net.Conn) {
	defer conn.Close()
	_, _ = conn.Write([]byte("220 ready\r\n"))
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		answer := "250-hi\r\n250 8BITMIME\r\n"
		if lines.Text() == "QUIT" {
			answer = "221 bye\r\n"
		}
		if _, err := conn.Write([]byte(answer)); err != nil {
			return
		}
	}
}
