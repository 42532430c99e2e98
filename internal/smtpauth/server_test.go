package smtpauth

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

var both = []string{"PLAIN", "LOGIN"}

// noSecret fails if err holds the canary, plain or as it travels.
func noSecret(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	for _, form := range []string{
		canary, base64.StdEncoding.EncodeToString([]byte(canary)),
		base64.StdEncoding.EncodeToString([]byte("\x00" + user + "\x00" + canary)),
	} {
		if strings.Contains(err.Error(), form) {
			t.Error("the error shows the password")
		}
	}
}

func TestVerifyLogsInOverEitherTLSByEitherMechanism(t *testing.T) {
	t.Parallel()
	for _, mode := range []TLSMode{ImplicitTLS, StartTLS} {
		for _, tt := range []struct {
			name    string
			want    Mechanism
			offered []string
		}{
			{"plain asked for", Plain, both},
			{"login asked for", Login, both},
			{"only plain offered", "", []string{"CRAM-MD5", "PLAIN"}},
			{"only login offered", "", []string{"LOGIN"}},
		} {
			t.Run(string(mode)+" "+tt.name, func(t *testing.T) {
				t.Parallel()
				s := &submission{mechanisms: tt.offered, login: only(canary)}
				config := s.serve(t, mode)
				config.Mechanism = tt.want
				server := newServer(t, config)
				if verdict, err := server.Verify(t.Context(), user, password()); verdict != rotation.Works || err != nil {
					t.Errorf("the live password: %v, %v", verdict, err)
				}
				verdict, err := server.Verify(t.Context(), user, secret.New("wrong"))
				if verdict != rotation.Refused || err != nil {
					t.Errorf("another password: %v, %v", verdict, err)
				}
				if s.mails.Load() != 0 {
					t.Error("MAIL was sent")
				}
			})
		}
	}
}

func TestAnswersToAUTHAreToldApart(t *testing.T) {
	t.Parallel()
	const greeting, offer = "220 ready", "250-hello\r\n250 AUTH PLAIN LOGIN"
	for _, tt := range []struct {
		name    string
		answers map[string]string
		verdict rotation.Verdict
		says    string // in the error
	}{
		{"535", map[string]string{"AUTH": "535 5.7.8 no"}, rotation.Refused, ""},
		{"526", map[string]string{"AUTH": "526 no"}, rotation.Refused, ""},
		{"535 without an enhanced code", map[string]string{"AUTH": "535 no"}, rotation.Refused, ""},
		{"535 on several lines", map[string]string{"AUTH": "535-5.7.8 no\r\n535 5.7.8 never"}, rotation.Refused, ""},
		{"535 5.7.3 is Exchange's", map[string]string{"AUTH": "535 5.7.3 Authentication unsuccessful"}, rotation.Refused, ""},
		{"535 5.7.3 is refused only with its own text", map[string]string{"AUTH": "535 5.7.3 conversion required"}, rotation.Unknown, "535 5.7.3"},
		{"535 5.7.0", map[string]string{"AUTH": "535 5.7.0 no"}, rotation.Unknown, "535 5.7.0"},
		{"535 5.7.1", map[string]string{"AUTH": "535 5.7.1 no"}, rotation.Unknown, "535 5.7.1"},
		{"535 4.7.8", map[string]string{"AUTH": "535 4.7.8 no"}, rotation.Unknown, "535 4.7.8"},
		{"530", map[string]string{"AUTH": "530 5.7.0 first STARTTLS"}, rotation.Unknown, "530 5.7.0"},
		{"534", map[string]string{"AUTH": "534 5.7.9 too weak"}, rotation.Unknown, "534 5.7.9"},
		{"550", map[string]string{"AUTH": "550 no"}, rotation.Unknown, "the server answered 550"},
		{"550 5.7.1", map[string]string{"AUTH": "550 5.7.1 your address is blocked"}, rotation.Unknown, "550 5.7.1"},
		{"554 5.7.1", map[string]string{"AUTH": "554 5.7.1 your address is blocked"}, rotation.Unknown, "554 5.7.1"},
		{"432", map[string]string{"AUTH": "432 4.7.12 change your password"}, rotation.Unknown, "432 4.7.12"},
		{"two codes in one reply", map[string]string{"AUTH": "535-no\r\n454 later"}, rotation.Unknown, "malformed"},
		{"454", map[string]string{"AUTH": "454 4.7.0 later"}, rotation.Unknown, "AUTH: the server answered 454 4.7.0"},
		{"421", map[string]string{"AUTH": "421 too many"}, rotation.Unknown, "the server answered 421"},
		{"504 is no word on the password", map[string]string{"AUTH": "504 5.5.4 what?"}, rotation.Unknown, "504 5.5.4"},
		{"538 is no word on the password", map[string]string{"AUTH": "538 5.7.11 encrypt"}, rotation.Unknown, "538"},
		{"250 is no yes", map[string]string{"AUTH": "250 fine"}, rotation.Unknown, "250"},
		{"cut", map[string]string{}, rotation.Unknown, "AUTH: EOF"},
		{"echo as text", map[string]string{"AUTH": "454 bad: $LINE"}, rotation.Unknown, "454"},
		{"echo as the whole reply", map[string]string{"AUTH": "$LINE"}, rotation.Unknown, "malformed"},
		{"echo as a challenge", map[string]string{"AUTH": "334 $LINE"}, rotation.Unknown, "unexpected server challenge"},
		{"a challenge too many", map[string]string{"AUTH": "334 "}, rotation.Unknown, "unexpected server challenge"},
		{"554 as a greeting", map[string]string{"": "554 no service"}, rotation.Unknown, "greeting: the server answered 554"},
		{"550 to EHLO", map[string]string{"EHLO": "550 go away"}, rotation.Unknown, "EHLO: the server answered 550"},
		{"no AUTH offered", map[string]string{"EHLO": "250 hello"}, rotation.Unknown, "does not offer"},
		{"only others offered", map[string]string{"EHLO": "250-hello\r\n250 AUTH CRAM-MD5"}, rotation.Unknown, "does not offer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			answers := map[string]string{"": greeting, "EHLO": offer, "*": "501 cancelled", "QUIT": "221 bye"}
			for command, answer := range tt.answers {
				answers[command] = answer
			}
			verdict, err := newServer(t, script(t, answers)).Verify(t.Context(), user, password())
			if verdict != tt.verdict {
				t.Errorf("%v, want %v", verdict, tt.verdict)
			}
			if (err == nil) != (tt.verdict != rotation.Unknown) {
				t.Errorf("an error explains an unknown verdict and only that: %v", err)
			}
			if err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error %q does not say %q", err, tt.says)
			}
			noSecret(t, err)
		})
	}
}

func TestAYesToALoginThatNeverSentThePasswordIsNone(t *testing.T) {
	t.Parallel()
	config := script(t, map[string]string{"": "220 ready", "EHLO": "250-hello\r\n250 AUTH LOGIN", "AUTH": "235 come in", "QUIT": "221 bye"})
	verdict, err := newServer(t, config).Verify(t.Context(), user, password())
	if verdict != rotation.Unknown || !errors.Is(err, errUnasked) {
		t.Errorf("%v, %v", verdict, err)
	}
}

// overheard is a connection of which each byte that is read is noted.
type overheard struct {
	net.Conn
	reader io.Reader
}

func (o overheard) Read(p []byte) (int, error) { return o.reader.Read(p) }

// TestThePasswordNeverTravelsInClear listens to the wire of a server that offers AUTH but no STARTTLS.
func TestThePasswordNeverTravelsInClear(t *testing.T) {
	t.Parallel()
	l := listen(t)
	wire := make(chan []byte, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			wire <- nil
			return
		}
		var heard bytes.Buffer
		converse(overheard{conn, io.TeeReader(conn, &heard)}, map[string]string{
			"": "220 ready", "EHLO": "250-hello\r\n250 AUTH PLAIN LOGIN", "AUTH": "235 fine", "STARTTLS": "502 no", "QUIT": "221 bye",
		})
		wire <- heard.Bytes()
	}()
	server := newServer(t, Config{Addr: l.Addr().String(), TLS: StartTLS})
	verdict, err := server.Verify(t.Context(), user, password())
	if verdict != rotation.Unknown || err == nil || !strings.Contains(err.Error(), "STARTTLS") {
		t.Errorf("%v, %v", verdict, err)
	}
	if heard := <-wire; bytes.Contains(heard, []byte("AUTH")) || !bytes.HasPrefix(heard, []byte("EHLO")) {
		t.Errorf("heard %q", heard)
	}
	_ = l.Close()
}

func TestACertificateOfAnotherAuthorityIsNotTrusted(t *testing.T) {
	t.Parallel()
	for _, mode := range []TLSMode{ImplicitTLS, StartTLS} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			s := &submission{mechanisms: both, login: always(errors.New("was asked"))}
			config := s.serve(t, mode)
			_, config.CA = authority(t)
			verdict, err := newServer(t, config).Verify(t.Context(), user, password())
			if unknown := new(x509.UnknownAuthorityError); verdict != rotation.Unknown || !errors.As(err, unknown) {
				t.Errorf("%v, %v", verdict, err)
			}
		})
	}
}

// TestALaterLoginResumesTheSessionOfAnEarlierOne spares the server most of a handshake.
func TestALaterLoginResumesTheSessionOfAnEarlierOne(t *testing.T) {
	t.Parallel()
	serverTLS, pool := authority(t)
	serverTLS.MaxVersion = tls.VersionTLS12 // whose sessions do not wait for data
	resumed := make(chan bool, 2)
	serverTLS.VerifyConnection = func(state tls.ConnectionState) error { resumed <- state.DidResume; return nil }
	answers := map[string]string{"": "220 ready", "EHLO": "250-hi\r\n250 AUTH PLAIN", "AUTH": "235 welcome"}
	addr := serve(t, func(conn net.Conn) { converse(tls.Server(conn, serverTLS), answers) })
	server := newServer(t, Config{Addr: addr, TLS: ImplicitTLS, CA: pool})
	for _, want := range []bool{false, true} {
		if verdict, err := server.Verify(t.Context(), user, password()); verdict != rotation.Works || err != nil {
			t.Fatalf("%v, %v", verdict, err)
		}
		if got := <-resumed; got != want {
			t.Errorf("resumed: %v, want %v", got, want)
		}
	}
}

func TestAClosedPortIsUnknown(t *testing.T) {
	t.Parallel()
	const closed = "127.0.0.1:1"
	verdict, err := newServer(t, Config{Addr: closed, TLS: ImplicitTLS}).Verify(t.Context(), user, password())
	if verdict != rotation.Unknown || err == nil || !strings.Contains(err.Error(), "connect") {
		t.Errorf("%v, %v", verdict, err)
	}
}

// TestVerifyEndsWithItsContext holds the server still at every step.
func TestVerifyEndsWithItsContext(t *testing.T) {
	t.Parallel()
	for _, mode := range []TLSMode{ImplicitTLS, StartTLS} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			release := make(chan struct{})
			s := &submission{mechanisms: both, login: func(string, string) error { cancel(); <-release; return nil }}
			config := s.serve(t, mode)
			t.Cleanup(func() { close(release) }) // before the server's own clean-up
			verdict, err := newServer(t, config).Verify(ctx, user, password())
			if verdict != rotation.Unknown || !errors.Is(err, context.Canceled) {
				t.Errorf("%v, %v", verdict, err)
			}
			noSecret(t, err)
		})
	}
	t.Run("a server that says nothing", func(t *testing.T) {
		t.Parallel()
		l := listen(t) // accepts in the kernel, and never answers
		defer func() { _ = l.Close() }()
		for _, mode := range []TLSMode{ImplicitTLS, StartTLS} {
			server := newServer(t, Config{Addr: l.Addr().String(), TLS: mode, Timeout: 20 * time.Millisecond})
			if verdict, err := server.Verify(t.Context(), user, password()); verdict != rotation.Unknown || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v, %v", mode, verdict, err)
			}
		}
	})
}

func TestProbesOverTheLimitWaitAndStopWaitingWithTheirContext(t *testing.T) {
	t.Parallel()
	const most = 2
	started, release := make(chan struct{}, 10), make(chan struct{})
	s := &submission{mechanisms: both, login: func(string, string) error { started <- struct{}{}; <-release; return nil }}
	config := s.serve(t, ImplicitTLS)
	config.MaxProbes = most
	server := newServer(t, config)
	var running sync.WaitGroup
	for range most {
		running.Go(func() {
			if verdict, err := server.Verify(t.Context(), user, password()); verdict != rotation.Works {
				t.Errorf("%v, %v", verdict, err)
			}
		})
		<-started
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	verdict, err := server.Verify(ctx, user, password())
	if verdict != rotation.Unknown || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), stepWait) {
		t.Errorf("one more than the limit: %v, %v", verdict, err)
	}
	close(release)
	running.Wait()
	if verdict, err := server.Verify(t.Context(), user, password()); verdict != rotation.Works {
		t.Errorf("after the others: %v, %v", verdict, err)
	}
}

func TestNewNamesEveryFaultySetting(t *testing.T) {
	t.Parallel()
	_, err := New(Config{Addr: "mail.example.com", TLS: "none", Mechanism: "cram-md5", Timeout: -1})
	for _, part := range []string{"address", "tls", "clear", "mechanism", "negative"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not name %s", err, part)
		}
	}
}
