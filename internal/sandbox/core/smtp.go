package core

import (
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"strings"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// smtpIdle is how long a submission server waits for a client's next line.
const smtpIdle = 2 * time.Minute

// newSMTP makes the submission server of one stand-in. It authenticates over TLS only, by PLAIN and LOGIN, and takes no
// mail. userName turns what a client logs in
// with into a name of the ledger; nil leaves it alone.
func newSMTP(s *Service, config *tls.Config, userName func(string) string) *smtp.Server {
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &session{service: s, conn: c.Conn(), userName: userName}, nil
	}))
	server.Domain = s.Code + ".sandbox"
	server.TLSConfig = config
	server.ReadTimeout, server.WriteTimeout = smtpIdle, smtpIdle
	server.MaxMessageBytes = maxBody
	server.ErrorLog = log.New(io.Discard, "", 0) // clients that break off are no news
	return server
}

// errNoMail refuses to take mail.
var errNoMail = &smtp.SMTPError{
	Code: 550, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "This is a sandbox: it checks passwords and delivers nothing",
}

// session is one client's connection.
type session struct {
	service  *Service
	conn     net.Conn
	userName func(string) string
}

var _ smtp.AuthSession = (*session)(nil)

// AuthMechanisms lists what EHLO offers over TLS.
func (s *session) AuthMechanisms() []string { return []string{sasl.Plain, sasl.Login} }

// Auth begins one mechanism.
func (s *session) Auth(mech string) (sasl.Server, error) {
	switch mech {
	case sasl.Plain:
		return sasl.NewPlainServer(func(identity, user, password string) error {
			if identity != "" && identity != user {
				return smtp.ErrAuthFailed
			}
			return s.login(user, password)
		}), nil
	case sasl.Login:
		return &loginServer{login: s.login}, nil
	}
	return nil, smtp.ErrAuthUnknownMechanism
}

// login answers as the guards let it.
func (s *session) login(user, password string) error {
	host, injector, code := hostOf(s.conn), s.service.injector, s.service.Code
	if f := injector.guard(code, AuthLimit); f != nil && !s.service.guard.admit(host, *f) {
		injector.strike(code, AuthLimit)
		return errTooMany
	}
	penalty := injector.guard(code, Penalty)
	if penalty != nil {
		if err := s.service.sleep(nil, s.service.guard.penalty(host, *penalty)); err != nil {
			return err
		}
	}
	err := s.judge(user, password)
	if err != nil && !errors.Is(err, smtp.ErrAuthFailed) {
		return err
	}
	if s.service.guard.note(host, err == nil, injector.guard(code, Ban)) {
		injector.strike(code, Ban)
	}
	if err != nil && penalty != nil {
		injector.strike(code, Penalty)
		if broken := s.service.sleep(nil, penalty.Delay.std()); broken != nil {
			return broken
		}
	}
	return err
}

// judge says whether the password is the live one, or what a fault makes of that.
func (s *session) judge(user, password string) error {
	name := strings.ToLower(user)
	if s.userName != nil {
		name = s.userName(name)
	}
	names := func() []string { return s.service.Ledger.loginAliases(name) }
	if f := s.service.injector.pick(event{provider: s.service.Code, at: AtSMTP, names: names}).fault; f != nil {
		if err := s.struck(f); err != nil {
			return err
		}
	}
	if !s.service.Ledger.login(name, password) {
		s.service.stats.loginsRefused.Add(1)
		return smtp.ErrAuthFailed
	}
	s.service.stats.loginsOK.Add(1)
	return nil
}

// struck carries a fault out; a nil error lets the login go on.
func (s *session) struck(f *Fault) error {
	switch f.Kind {
	case Delaying:
		return s.service.sleep(nil, f.Delay.std())
	case LoseRequest:
		return errors.Join(errCut, s.conn.Close())
	case Reject:
		s.service.stats.loginsRefused.Add(1)
		return smtp.ErrAuthFailed
	default:
		return &smtp.SMTPError{Code: 454, EnhancedCode: smtp.EnhancedCode{4, 7, 0}, Message: "Temporary authentication failure"}
	}
}

// Mail, Rcpt and Data refuse: nothing is delivered.
func (s *session) Mail(string, *smtp.MailOptions) error { return errNoMail }

// Rcpt refuses.
func (s *session) Rcpt(string, *smtp.RcptOptions) error { return errNoMail }

// Data refuses.
func (s *session) Data(io.Reader) error { return errNoMail }

// Reset has nothing to discard.
func (s *session) Reset() {}

// Logout has nothing to free.
func (s *session) Logout() error { return nil }

// loginServer is the server side of AUTH LOGIN, which go-sasl lacks. The user name may come with the first line.
type loginServer struct {
	login func(user, password string) error
	user  []byte
}

// Next takes the client's next line; nil is no line yet.
func (l *loginServer) Next(response []byte) (challenge []byte, done bool, err error) {
	switch {
	case response == nil:
		return []byte("Username:"), false, nil
	case l.user == nil:
		l.user = response
		return []byte("Password:"), false, nil
	default:
		return nil, true, l.login(string(l.user), string(response))
	}
}
