package smtpauth

import (
	"context"
	"errors"
	"fmt"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// Verifier asks a server about the passwords of one credential. It is comparable, and may be used by many goroutines at
// once.
type Verifier struct {
	server *Server
	id     string
}

var (
	_ rotation.Verifier = Verifier{}
	_ rotation.Reserver = Verifier{}
	_ rotation.Timed    = Verifier{}
)

// For returns the verifier of a credential.
func (s *Server) For(id string) Verifier { return Verifier{server: s, id: id} }

// Verify implements rotation.Verifier: one probe, logged in as login. A *rotation.WaitError says that no probe was made,
// because the server must not be asked more now.
func (v Verifier) Verify(ctx context.Context, login string, password secret.Value) (rotation.Verdict, error) {
	s := v.server
	urgency := s.tickets.urgency(v.id)
	verdict, judgement, err := s.ask(ctx, question{login: login, id: v.id, password: password, urgency: urgency})
	if verdict != rotation.Refused || s.config.Ledger == nil {
		return verdict, err
	}
	if err != nil { // what is known of the server is away
		return rotation.Unbelieved, err
	}
	return s.judge(ctx, question{login: login, id: v.id, password: password, urgency: urgency}, judgement)
}

// Reserve implements rotation.Reserver.
func (v Verifier) Reserve(ctx context.Context, login string, n int, urgency rotation.Urgency) error {
	s := v.server
	if s.config.Ledger == nil {
		return nil
	}
	if rest := s.tickets.pause(); rest > 0 {
		return s.later(rest)
	}
	got, err := s.config.Ledger.Book(ctx, login, n, urgency)
	if err != nil {
		return err
	}
	s.tickets.put(v.id, got, urgency)
	return nil
}

// Timeout implements rotation.Timed.
func (v Verifier) Timeout() time.Duration {
	longest := patience + v.server.config.Timeout
	if v.server.config.Ledger != nil {
		longest += v.server.config.Timeout // a refusal may have to be backed by another login
	}
	return longest
}

// question is one login that is to be tried.
type question struct {
	login, id string
	password  secret.Value
	urgency   rotation.Urgency
}

// ask tries one login within the budget, and notes the result. An error beside rotation.Refused says that it could not
// be noted.
func (s *Server) ask(ctx context.Context, q question) (rotation.Verdict, Judgement, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return rotation.Unknown, Judgement{}, err
	}
	defer leave()
	if s.config.Ledger != nil {
		if err := s.book(ctx, q); err != nil {
			return rotation.Unknown, Judgement{}, err
		}
	}
	limited, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	began := s.config.Now()
	verdict, err := s.probe(limited, q.login, q.password)
	if s.config.Ledger == nil {
		return verdict, Judgement{}, err
	}
	a := Answer{
		Login: q.login, ID: q.id, Verdict: verdict, Trouble: troubleOf(ctx, err), Took: s.config.Now().Sub(began),
		Routine: q.urgency == rotation.Routine,
	}
	judgement, noted := s.note(ctx, a)
	if verdict == rotation.Refused && noted != nil {
		err = fmt.Errorf("refused, and nothing is known about the server: %w", noted)
	}
	return verdict, judgement, err
}

// book makes sure that a question may be asked now.
func (s *Server) book(ctx context.Context, q question) error {
	if rest := s.tickets.pause(); rest > 0 {
		return s.later(rest)
	}
	if s.tickets.take(q.id) {
		return nil
	}
	_, err := s.config.Ledger.Book(ctx, q.login, 1, q.urgency)
	return err
}

// noting bounds how long an answer that is known waits for Redis.
const noting = 2 * time.Second

// note tells the ledger, even if the run's time is up: a question that was asked has been spent.
func (s *Server) note(ctx context.Context, a Answer) (Judgement, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noting)
	defer cancel()
	j, err := s.config.Ledger.Answer(ctx, a)
	if err != nil {
		return j, err
	}
	if a.Verdict == rotation.Works {
		s.tickets.drop(a.ID)
	}
	s.tickets.hold(j.Pause)
	if j.Standing == Recovered {
		s.notify(ctx, false)
	}
	return j, nil
}

// notify reports a server that refuses all logins, or that accepts them again.
func (s *Server) notify(ctx context.Context, sick bool) {
	if s.config.Sick != nil {
		s.config.Sick(ctx, sick)
	}
}

func (s *Server) later(rest time.Duration) error {
	return &rotation.WaitError{After: rest, Reason: "smtp " + s.config.Addr + " asked for a pause"}
}

var errUnbelieved = errors.New("refused, but no login is known to work")

func (s *Server) unbelieved(why string) error {
	return fmt.Errorf("smtp %s: %w: %s", s.config.Addr, errUnbelieved, why)
}
