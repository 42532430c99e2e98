package smtpauth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
)

// What a server may lack.
var (
	ErrNoSTARTTLS = errors.New("the server does not offer STARTTLS: check the port, or set tls to implicit")
	ErrNoAUTH     = errors.New("the server does not offer AUTH here: check address and port")
)

var (
	errClear     = errors.New("the connection is not encrypted: the password is not sent")
	errUnasked   = errors.New("the server accepted the login before it had seen the password")
	errChallenge = errors.New("unexpected server challenge")
)

// MechanismError says which mechanisms a server offers instead of the one that is needed.
type MechanismError struct {
	want    Mechanism // "" is either
	offered []string
}

func (e MechanismError) Error() string {
	want := "PLAIN or LOGIN"
	if e.want != "" {
		want = strings.ToUpper(string(e.want))
	}
	return fmt.Sprintf("the server does not offer the requested login mechanism (%s), only %s", want, strings.Join(e.offered, ", "))
}

// known are the mechanisms that an error may name. A server could offer any text, and keyturn repeats none.
var known = []string{"PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "NTLM", "GSSAPI", "XOAUTH2", "OAUTHBEARER", "EXTERNAL"}

func (s *Server) noMechanism(o offer) error {
	if !o.has("AUTH") {
		return ErrNoAUTH
	}
	return MechanismError{want: s.config.Mechanism, offered: o.named()}
}

// named are the mechanisms that are offered, of those with a known name.
func (o offer) named() []string {
	var names []string
	for _, name := range known {
		if slices.Contains(o["AUTH"], name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		names = []string{"others"}
	}
	return names
}

// endOf returns why ctx ended, if it did, in place of the error that closing the connection caused.
func endOf(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// explain names the server and the step. A server may echo what it was sent, so explain keeps only the numbers of a
// reply, and once the password has been sent nothing of any error that can hold a line from the server.
func (s *Server) explain(step string, err error) error {
	if step == stepAuth && !harmless(err) {
		err = errMalformed
	}
	return &probeError{addr: s.config.Addr, step: step, err: err}
}

// probeError is why a probe has no answer.
type probeError struct {
	addr, step string
	err        error
}

func (e *probeError) Error() string { return fmt.Sprintf("smtp %s: %s: %v", e.addr, e.step, e.err) }

func (e *probeError) Unwrap() error { return e.err }

// harmless reports whether an error is of a kind that cannot hold a line from the server.
func harmless(err error) bool {
	for _, known := range []error{
		errClear, ErrNoAUTH, errUnasked, errChallenge, errTooLong,
		io.EOF, io.ErrUnexpectedEOF, context.Canceled, context.DeadlineExceeded,
	} {
		if errors.Is(err, known) {
			return true
		}
	}
	var (
		network    net.Error
		answered   unexpected
		mechanisms MechanismError
	)
	return errors.As(err, &answered) || errors.As(err, &mechanisms) || errors.As(err, &network)
}
