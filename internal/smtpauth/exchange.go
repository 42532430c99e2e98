package smtpauth

import (
	"github.com/emersion/go-sasl"

	"keyturn/internal/secret"
)

// exchange is the client's side of a SASL mechanism: what it says, line by line, whatever the server asks. go-sasl's
// LOGIN insists on the prompt "Password:" and on sending the user name with the first line; servers differ in both.
type exchange struct {
	mechanism string
	initial   []byte   // goes with the AUTH line; nil: nothing
	lines     [][]byte // answers to the server's challenges, in order
}

var _ sasl.Client = (*exchange)(nil)

func newPlain(username string, password secret.Value) *exchange {
	return &exchange{mechanism: "PLAIN", initial: []byte("\x00" + username + "\x00" + password.Reveal())}
}

func newLogin(username string, password secret.Value) *exchange {
	return &exchange{mechanism: "LOGIN", lines: [][]byte{[]byte(username), []byte(password.Reveal())}}
}

// Start implements sasl.Client.
func (e *exchange) Start() (mechanism string, initial []byte, err error) {
	return e.mechanism, e.initial, nil
}

// Next implements sasl.Client.
func (e *exchange) Next([]byte) ([]byte, error) {
	if len(e.lines) == 0 {
		return nil, sasl.ErrUnexpectedServerChallenge
	}
	line := e.lines[0]
	e.lines = e.lines[1:]
	return line, nil
}

// sent reports whether the whole exchange, and so the password, went out.
func (e *exchange) sent() bool { return len(e.lines) == 0 }
