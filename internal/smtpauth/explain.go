package smtpauth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

var (
	errClear       = errors.New("the connection is not encrypted: the password is not sent")
	errNoMechanism = errors.New("the server does not offer the login mechanism asked for (PLAIN or LOGIN)")
	errUnasked     = errors.New("the server says yes without having seen the password")
	errMalformed   = errors.New("the server's reply is malformed")
)

// refused reports whether an answer to AUTH says no to the user name and password. Every 5xx does, as providers
// disagree on the number, but those that RFC 4954 and RFC 5321 define as being about the command itself.
func refused(err error) bool {
	var reply *smtp.SMTPError
	if !errors.As(err, &reply) || reply.Code < 500 || reply.Code > 599 {
		return false
	}
	switch reply.Code {
	case 500, 502, 503, 504, 523, 538: // syntax, not implemented, order, mechanism, encryption needed (twice)
		return false
	}
	return true
}

// endOf returns why ctx ended, if it did, in place of the error that closing the connection caused.
func endOf(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// explain names server and step. A server may answer with what it was sent, so of a reply it keeps nothing but the
// numbers, and while the password is under way nothing of any error that can hold a line from the server.
func (s *Server) explain(step string, err error) error {
	var reply *smtp.SMTPError
	switch {
	case errors.As(err, &reply):
		err = fmt.Errorf("the server answered %d", reply.Code)
		if code := reply.EnhancedCode; code[0] > 0 {
			err = fmt.Errorf("%w %d.%d.%d", err, code[0], code[1], code[2])
		}
	case step == stepAuth && !harmless(err):
		err = errMalformed
	}
	return fmt.Errorf("smtp %s: %s: %w", s.config.Addr, step, err)
}

// harmless reports whether an error is of a kind that holds no line from the server.
func harmless(err error) bool {
	for _, known := range []error{
		errClear, errNoMechanism, errUnasked, sasl.ErrUnexpectedServerChallenge,
		io.EOF, io.ErrUnexpectedEOF, context.Canceled, context.DeadlineExceeded,
	} {
		if errors.Is(err, known) {
			return true
		}
	}
	var network net.Error
	return errors.As(err, &network)
}
