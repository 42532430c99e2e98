package smtpauth

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"keyturn/internal/secret"
)

// A longer PLAIN line waits for the server to ask for it: RFC 5321 (4.5.3.1.4) has servers take commands of 512 bytes.
func TestNoCommandIsLongerThanEveryServerTakes(t *testing.T) {
	t.Parallel()
	const most = 512
	for _, tt := range []struct {
		size  int // of the line: user name and password, each after a zero byte
		whole bool
	}{
		{372, true}, // base64 makes four bytes of three: 496, with AUTH PLAIN and the line end 509
		{373, false},
		{375, false},
	} {
		text := strings.Repeat("p", tt.size-len("\x00"+user+"\x00"))
		line := []byte(base64.StdEncoding.EncodeToString([]byte("\x00" + user + "\x00" + text)))
		e := newPlain(user, secret.New(text))
		command := e.command()
		if len(command)+len("\r\n") > most || e.sent() != tt.whole || bytes.HasSuffix(command, line) != tt.whole {
			t.Errorf("%d bytes: a command of %d, whole: %v", tt.size, len(command), e.sent())
		}
		if !tt.whole && (!bytes.Equal(e.next(), line) || !e.sent()) {
			t.Errorf("%d bytes: the line is not sent when it is asked for", tt.size)
		}
	}
}

func TestAnOfferWithoutAWordIsPassedOver(t *testing.T) {
	t.Parallel()
	o := offered(reply{code: codeOK, lines: []string{"hello", "", "\t =", "AUTH PLAIN"}})
	if len(o) != 1 || o.mechanism("") != Plain {
		t.Errorf("offers %q", o)
	}
}
