package smtpauth

import (
	"context"
	"errors"

	"keyturn/internal/rotation"
)

// mostWitnesses is how many other logins one refusal may cause.
const mostWitnesses = 2

// judge says whether a refusal is believed: the server must be known to accept correct passwords, because it may refuse
// all logins.
func (s *Server) judge(ctx context.Context, q question, j Judgement) (rotation.Verdict, error) {
	switch j.Standing {
	case Believed:
		return rotation.Refused, nil
	case Doubted:
		return rotation.Unbelieved, s.unbelieved("logins that worked before are refused too")
	case Lone:
		return s.alone(ctx, q, j)
	case Ask, Inquiring:
		// This process inquires once for all logins that were refused meanwhile.
		led := false
		heard, _, _ := s.inquiry.Do("", func() (any, error) { led = true; return s.inquire(ctx, q, j.Witnesses), nil })
		found, _ := heard.(finding)
		if !led && found == nothing && j.Standing == Ask { // the one that led it was told to ask others, or none
			found = s.inquire(ctx, q, j.Witnesses)
		}
		return s.weigh(q, j, found)
	default:
		return rotation.Unbelieved, s.unbelieved("nothing is known about the server")
	}
}

// finding is how an inquiry ended.
type finding int

const (
	nothing finding = iota // no login could be tried
	worked
	denied // logins that had worked are refused
)

// weigh is the verdict on a refusal after an inquiry.
func (s *Server) weigh(q question, j Judgement, f finding) (rotation.Verdict, error) {
	switch {
	case f == worked, f == nothing && j.Recent && q.urgency != rotation.Routine:
		return rotation.Refused, nil
	case f == denied:
		return rotation.Unbelieved, s.unbelieved("logins that worked before are refused too")
	}
	return rotation.Unbelieved, s.unbelieved("no other login could be tried")
}

// alone weighs a refusal at a server where keyturn knows no other credential: by this one's password in Vault, if that
// is another one, and else by how often it was refused.
func (s *Server) alone(ctx context.Context, q question, j Judgement) (rotation.Verdict, error) {
	found := s.inquire(ctx, q, j.Witnesses)
	if found == worked || (found == nothing && j.Recent && q.urgency != rotation.Routine) {
		return rotation.Refused, nil
	}
	enough, err := s.config.Ledger.Strike(ctx, q.login)
	switch {
	case err != nil:
		return rotation.Unbelieved, err
	case enough:
		return rotation.Refused, nil
	}
	return rotation.Unbelieved, s.unbelieved("keyturn knows no other login there; the third refusal counts, each ten minutes after the one before")
}

// inquire tries logins that have worked, until one works. Its finding serves all rotations at the server, so it goes
// first: a single check could not afford a witness when few refusals are left.
func (s *Server) inquire(ctx context.Context, q question, ids []string) finding {
	if len(ids) == 0 {
		return nothing
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	found, others := nothing, false
	for tried, n := 0, 0; n < len(ids) && tried < mostWitnesses; n++ {
		id := ids[n]
		login, password, err := s.config.Witness(ctx, id)
		if errors.Is(err, ErrNoWitness) {
			_ = s.config.Ledger.Forget(ctx, id) // else it is met again
		}
		if err != nil || password.IsZero() || (id == q.id && password.Equal(q.password)) {
			continue
		}
		tried++
		verdict, _, _ := s.ask(ctx, question{login: login, id: id, password: password, urgency: rotation.Resumed})
		switch verdict {
		case rotation.Works:
			return worked
		case rotation.Refused:
			found, others = denied, others || id != q.id
		default: // it could not be asked
		}
	}
	s.inquired(ctx, others)
	return found
}

// inquired notes an inquiry that failed, and reports a server that refuses all logins: once, not for each credential.
func (s *Server) inquired(ctx context.Context, refused bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noting)
	defer cancel()
	if first, err := s.config.Ledger.Inquired(ctx, refused); err == nil && first {
		s.notify(ctx, true)
	}
}
