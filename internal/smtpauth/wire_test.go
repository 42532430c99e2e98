package smtpauth

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"keyturn/internal/rotation"
)

// talker is the connection to a server that says a text over and over.
type talker struct {
	net.Conn
	text string
	said int
	sent bytes.Buffer
}

func (c *talker) Read(p []byte) (int, error) {
	if c.said > 2*mostRaw {
		return 0, errors.New("the reader does not stop listening")
	}
	n := copy(p, strings.Repeat(c.text, len(p)/len(c.text)+1))
	c.said += n
	return n, nil
}

func (c *talker) Write(p []byte) (int, error) { return c.sent.Write(p) }

func TestTextIsHeardUpToALimit(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"250-more\r\n", "and more "} {
		conn := &talker{text: text}
		if _, err := newWire(conn).read(); !errors.Is(err, errTooLong) || conn.said > mostText+8<<10 {
			t.Errorf("%q: %d bytes were heard: %v", text, conn.said, err)
		}
	}
}

func TestTextOfExactlyTheLimitIsHeard(t *testing.T) {
	t.Parallel()
	const length = 64 // of a line
	rest := strings.Repeat("x", length-len("250-\r\n")) + "\r\n"
	whole := strings.Repeat("250-"+rest, mostText/length-1) + "250 " + rest
	if r, err := newWire(overheard{reader: strings.NewReader(whole)}).read(); err != nil || r.code != codeOK || len(r.lines) != mostText/length {
		t.Errorf("%d lines were heard: %v", len(r.lines), err)
	}
	_, err := newWire(overheard{reader: strings.NewReader("250-\n" + whole)}).read()
	if !errors.Is(err, errTooLong) || !strings.Contains(err.Error(), " 64 KiB ") {
		t.Errorf("a line more: %v", err)
	}
}

func TestEachLineOfAReplyBeginsWithACodeThatSMTPHas(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]int{
		"200": 200, "235 yes": 235, "250-more": 250, "259 odd": 259, "535\tno": 535, "599 no": 599,
		"": 0, "2": 0, "25": 0, "199 no": 0, "600 no": 0, "2/0 no": 0, "2:0 no": 0, "25x no": 0, "x25 no": 0, "2500": 0,
	} {
		if code, _, _, ok := cut(line); code != want || ok != (want != 0) {
			t.Errorf("%q: %d, %v; want %d", line, code, ok, want)
		}
	}
}

// The answer to STARTTLS may end where a buffer does: what follows it must not pass for the beginning of TLS.
func TestInjectedTextIsNoticedBehindAnAnswerOfAnyLength(t *testing.T) {
	t.Parallel()
	s := newServer(t, Config{Addr: "mail.example.com:587", TLS: StartTLS})
	for n := range 64 {
		c := &dialogue{wire: newWire(&talker{text: "220 " + strings.Repeat("x", n) + "\r\n"}), offer: offer{"STARTTLS": nil}}
		if step, err := s.startTLS(t.Context(), c); step != stepSTARTTLS || !errors.Is(err, errInjected) {
			t.Errorf("behind a text of %d bytes: %s, %v", n, step, err)
		}
	}
}

func TestAConnectionIsReadUpToALimit(t *testing.T) {
	t.Parallel()
	conn := &metered{Conn: &talker{text: "x"}, left: mostRaw}
	heard, buffer := 0, make([]byte, 64<<10)
	for {
		n, err := conn.Read(buffer)
		if heard += n; err != nil {
			if !errors.Is(err, errTooLong) || heard != mostRaw {
				t.Errorf("%d bytes were read: %v", heard, err)
			}
			return
		}
	}
}

func TestNoPasswordIsSentOverAConnectionThatIsNotEncrypted(t *testing.T) {
	t.Parallel()
	conn := &talker{text: "235 welcome\r\n"}
	s := newServer(t, Config{Addr: "mail.example.com:587", TLS: StartTLS})
	c := &dialogue{wire: newWire(conn), offer: offer{"AUTH": {"PLAIN", "LOGIN"}}}
	verdict, err := s.login(c, user, password())
	if verdict != rotation.Unknown || !errors.Is(err, errClear) || conn.sent.Len() > 0 {
		t.Errorf("%s, %v, and %d bytes were sent", verdict, err, conn.sent.Len())
	}
}

func TestAVerdictWaitsForNoAnswerToQuit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		serverTLS, pool := authority(t)
		serverTLS.SessionTicketsDisabled = true // a pipe has no room for one before it is read
		client, server := net.Pipe()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			conn := tls.Server(server, serverTLS)
			converse(mute{conn}, map[string]string{"": "220 ready", "EHLO": "250-hi\r\n250 AUTH PLAIN", "AUTH": "235 in", "QUIT": ""})
		}()
		s := newServer(t, Config{
			Addr: "127.0.0.1:465", TLS: ImplicitTLS, CA: pool,
			Dial: func(context.Context, string, string) (net.Conn, error) { return client, nil },
		})
		began := time.Now()
		verdict, err := s.Verify(t.Context(), user, password())
		if took := time.Since(began); verdict != rotation.Works || err != nil || took != quitTimeout {
			t.Errorf("%s, %v after %s", verdict, err, took)
		}
		<-ended
	})
}

// mute is the server's end of a connection; an empty answer is none.
type mute struct{ net.Conn }

func (c mute) Write(p []byte) (int, error) {
	if string(p) == "\r\n" {
		_, err := io.Copy(io.Discard, c.Conn)
		return 0, err
	}
	return c.Conn.Write(p)
}
