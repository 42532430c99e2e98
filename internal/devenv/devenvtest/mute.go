package devenvtest

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

// MuteMail starts a mail server that speaks TLS from the first byte and offers no AUTH, and returns its address and the
// file of its authority.
func MuteMail(tb testing.TB) (addr, ca string) {
	tb.Helper()
	lender := httptest.NewTLSServer(nil) // its certificate is for 127.0.0.1
	tb.Cleanup(lender.Close)
	ca = filepath.Join(tb.TempDir(), "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: lender.Certificate().Raw}
	if err := os.WriteFile(ca, pem.EncodeToMemory(block), 0o600); err != nil {
		tb.Fatal(err)
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: lender.TLS.Certificates, MinVersion: tls.VersionTLS12})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = listener.Close() })
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
