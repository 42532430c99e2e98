package smtpauth

import (
	"context"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// probe logs in once. It returns soon after ctx ends.
func (s *Server) probe(ctx context.Context, username string, password secret.Value) (rotation.Verdict, error) {
	c, err := s.open(ctx)
	if err != nil {
		return rotation.Unknown, err
	}
	defer c.quit()
	verdict, err := s.login(c, username, password)
	if err != nil {
		return rotation.Unknown, s.explain(stepAuth, endOf(ctx, err))
	}
	return verdict, nil
}

// Check finds out whether the server could be asked: it connects, encrypts, and looks for a mechanism, without logging
// in. A fault that it reports of a server that is up needs a person: a wrong certificate, no AUTH, a refused EHLO. It
// takes no place and needs no budget. It returns the names of the mechanisms that the server offers, of those that are
// known.
func (s *Server) Check(ctx context.Context) (mechanisms []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	c, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	defer c.quit()
	if c.offer.mechanism(s.config.Mechanism) == "" {
		return nil, s.explain(stepAuth, s.noMechanism(c.offer))
	}
	return c.offer.named(), nil
}
