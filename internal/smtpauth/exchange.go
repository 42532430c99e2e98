package smtpauth

import (
	"encoding/base64"
	"slices"
	"strings"

	"keyturn/internal/secret"
)

// exchange is the client's side of a SASL mechanism: what it says, line by line, whatever the server asks. It does not
// read the prompts, which differ from server to server ("Username:", "User Name\x00", nothing).
type exchange struct {
	mechanism string
	initial   bool     // the first line may go with the AUTH command
	lines     []string // in order, not yet encoded
}

// longestCommand is what every server takes as one command line, its end included (RFC 5321).
const longestCommand = 512

func newPlain(username string, password secret.Value) *exchange {
	return &exchange{mechanism: "PLAIN", initial: true, lines: []string{"\x00" + username + "\x00" + password.Reveal()}}
}

func newLogin(username string, password secret.Value) *exchange {
	return &exchange{mechanism: "LOGIN", lines: []string{username, password.Reveal()}}
}

// command is the AUTH command.
func (e *exchange) command() []byte {
	command := []byte("AUTH " + e.mechanism)
	if !e.initial {
		return command
	}
	whole := append(slices.Clone(command), ' ')
	whole = base64.StdEncoding.AppendEncode(whole, []byte(e.lines[0]))
	if len(whole) > longestCommand-len("\r\n") {
		return command // the server asks for the line
	}
	e.lines = e.lines[1:]
	return whole
}

// next is the answer to a challenge; nil if nothing is left to say.
func (e *exchange) next() []byte {
	if len(e.lines) == 0 {
		return nil
	}
	line := e.lines[0]
	e.lines = e.lines[1:]
	return base64.StdEncoding.AppendEncode([]byte{}, []byte(line))
}

// sent reports whether the whole exchange, and so the password, went out.
func (e *exchange) sent() bool { return len(e.lines) == 0 }

// offer is what a server announces after EHLO, in upper case.
type offer map[string][]string

// offered reads the answer to EHLO. Keywords come in any case; "AUTH=PLAIN LOGIN" is the spelling of servers that are
// older than RFC 2554, and some say both, in a line each.
func offered(r reply) offer {
	o := offer{}
	for _, line := range r.lines[1:] {
		words := strings.FieldsFunc(strings.ToUpper(line), func(c rune) bool { return strings.ContainsRune(" \t,=", c) })
		if len(words) > 0 {
			o[words[0]] = append(o[words[0]], words[1:]...)
		}
	}
	return o
}

func (o offer) has(keyword string) bool {
	_, ok := o[keyword]
	return ok
}

// mechanism picks the one to log in with; "" if the server offers none that is usable.
func (o offer) mechanism(want Mechanism) Mechanism {
	switch {
	case want != Login && slices.Contains(o["AUTH"], "PLAIN"):
		return Plain
	case want != Plain && slices.Contains(o["AUTH"], "LOGIN"):
		return Login
	}
	return ""
}
