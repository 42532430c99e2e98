package smtpauth

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"keyturn/internal/rotation"
)

// serve lets f be the server for each connection, and returns the address.
func serve(t *testing.T, f func(net.Conn)) string {
	t.Helper()
	l := listen(t)
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer func() { _ = conn.Close() }()
				f(conn)
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); serving.Wait() })
	return l.Addr().String()
}

// TestAServerThatSaysTooMuchIsLeft feeds a probe without an end, in each place where a server may speak.
func TestAServerThatSaysTooMuchIsLeft(t *testing.T) {
	t.Parallel()
	serverTLS, pool := authority(t)
	for name, s := range map[string]struct {
		mode  TLSMode
		lines []string // what the server says, a line for each turn; then the last one over and over
		flood string
	}{
		"a greeting in lines, in clear":  {StartTLS, nil, "220-more\r\n"},
		"a greeting without a line end":  {StartTLS, nil, "220 more and more"},
		"offers in clear":                {StartTLS, []string{"220 ready\r\n"}, "250-X-MORE\r\n"},
		"the answer to STARTTLS":         {StartTLS, []string{"220 ready\r\n", "250-hi\r\n250 STARTTLS\r\n"}, "220-go\r\n"},
		"a greeting over TLS":            {ImplicitTLS, nil, "220-more\r\n"},
		"offers over TLS":                {ImplicitTLS, []string{"220 ready\r\n"}, "250-X-MORE\r\n"},
		"the answer to AUTH, in lines":   {ImplicitTLS, []string{"220 ready\r\n", "250-hi\r\n250 AUTH PLAIN\r\n"}, "535-no\r\n"},
		"the answer to AUTH, in no line": {ImplicitTLS, []string{"220 ready\r\n", "250-hi\r\n250 AUTH PLAIN\r\n"}, "535 no"},
		"in place of a handshake":        {ImplicitTLS, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var fed atomic.Int64
			addr := serve(t, func(conn net.Conn) {
				if s.mode == ImplicitTLS && s.flood != "" {
					conn = tls.Server(conn, serverTLS)
				}
				in := bufio.NewReader(conn)
				for _, line := range s.lines {
					if _, err := io.WriteString(conn, line); err != nil {
						return
					}
					if _, err := in.ReadString('\n'); err != nil {
						return
					}
				}
				flood := s.flood
				if flood == "" {
					flood = "\x16\x03\x03\x00\x04\x02\x00\xff\xff" // the head of a message that goes on
				}
				flood = strings.Repeat(flood, 100)
				for {
					n, err := io.WriteString(conn, flood)
					fed.Add(int64(n))
					if err != nil {
						return
					}
				}
			})
			verdict, err := newServer(t, Config{Addr: addr, TLS: s.mode, CA: pool}).Verify(t.Context(), user, password())
			if verdict != rotation.Unknown || err == nil || errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v, %v", verdict, err)
			}
			if s.flood != "" && !errors.Is(err, errTooLong) {
				t.Errorf("left because of %v", err)
			}
		})
	}
}

// TestTextThatWasInjectedBeforeTLSIsNotHeard plays an attacker on the wire who appends a reply to the clear-text one.
func TestTextThatWasInjectedBeforeTLSIsNotHeard(t *testing.T) {
	t.Parallel()
	_, pool := authority(t)
	addr := serve(t, func(conn net.Conn) {
		converse(conn, map[string]string{
			"": "220 ready", "EHLO": "250-hi\r\n250-AUTH PLAIN\r\n250 STARTTLS", "STARTTLS": "220 go\r\n250-hi\r\n250 AUTH PLAIN\r\n235 welcome",
		})
	})
	verdict, err := newServer(t, Config{Addr: addr, TLS: StartTLS, CA: pool}).Verify(t.Context(), user, password())
	if verdict != rotation.Unknown || !errors.Is(err, errInjected) {
		t.Errorf("%v, %v", verdict, err)
	}
}

// TestTheClientIntroducesItselfByItsAddress, because servers refuse "localhost".
func TestTheClientIntroducesItselfByItsAddress(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ addr, want string }{
		{"127.0.0.1:1", "[127.0.0.1]"},
		{"[2001:db8::7]:1", "[IPv6:2001:db8::7]"},
		{"[fe80::1%eth0]:1", "[IPv6:fe80::1]"},
		{"[::ffff:192.0.2.1]:1", "[192.0.2.1]"},
	} {
		addr, err := net.ResolveTCPAddr("tcp", tt.addr)
		if err != nil {
			t.Fatal(err)
		}
		if got := literal(addr); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.addr, got, tt.want)
		}
	}
	for _, name := range []string{"", "worker.example.com"} {
		heard := make(chan string, 4)
		addr := serve(t, func(conn net.Conn) {
			_, _ = io.WriteString(conn, "220 ready\r\n")
			line, _ := bufio.NewReader(conn).ReadString('\n')
			heard <- strings.TrimSpace(line)
		})
		_, err := newServer(t, Config{Addr: addr, TLS: StartTLS, EHLO: name}).Verify(t.Context(), user, password())
		want := "EHLO " + name
		if name == "" {
			want = "EHLO [127.0.0.1]"
		}
		if got := <-heard; got != want || err == nil {
			t.Errorf("%q, want %q (%v)", got, want, err)
		}
	}
}

// TestWaitingForAPlaceIsNoPartOfTheTimeout has more probes than places at a server that delays each answer: each has its
// whole time from when it starts.
func TestWaitingForAPlaceIsNoPartOfTheTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, err := New(Config{Addr: "mail.example.com:465", TLS: ImplicitTLS, Timeout: 3 * time.Second, MaxProbes: 1})
		if err != nil {
			t.Fatal(err)
		}
		leave, err := s.enter(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(4*time.Second, leave) // longer than the time-out
		if _, err := s.enter(t.Context()); err != nil {
			t.Errorf("a place after 4 s: %v", err)
		}
		var later *rotation.WaitError
		if _, err := s.enter(t.Context()); !errors.As(err, &later) || later.After <= 0 {
			t.Errorf("no place at all: %v", err)
		}
	})
}

func TestCheckFindsWhatNoRotationCouldVerifyBy(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, greeting, offer, says string }{
		{"PLAIN", "220 ready", "250-hi\r\n250 AUTH PLAIN", ""},
		{"no AUTH", "220 ready", "250 hi", "does not offer AUTH"},
		{"CRAM-MD5 alone", "220 ready", "250-hi\r\n250 AUTH CRAM-MD5 \x1b[31mX", "requested login mechanism (PLAIN or LOGIN), only CRAM-MD5"},
		{"refused EHLO", "220 ready", "550 5.7.1 who are you?", "EHLO: the server answered 550 5.7.1"},
		{"refused connection", "554 5.7.1 go away", "", "greeting: the server answered 554 5.7.1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			config := script(t, map[string]string{"": tt.greeting, "EHLO": tt.offer, "QUIT": "221 bye"}) // no AUTH command
			mechanisms, err := newServer(t, config).Check(t.Context())
			if err == nil && !slices.Equal(mechanisms, []string{"PLAIN"}) {
				t.Errorf("offers %q", mechanisms)
			}
			if (err == nil) != (tt.says == "") || (err != nil && !strings.Contains(err.Error(), tt.says)) {
				t.Errorf("%v, want %q", err, tt.says)
			}
			if err != nil && strings.Contains(err.Error(), "\x1b") {
				t.Errorf("%q repeats what the server said", err)
			}
		})
	}
}
