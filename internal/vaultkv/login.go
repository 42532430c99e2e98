package vaultkv

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/vault/api"

	"keyturn/internal/secret"
)

func (s *session) explain(err error) error {
	return explain(s.store, opLogin, "auth/"+s.auth.Mount, err)
}

// authenticate logs in by the configured method, unless the same login was refused a short while ago.
func (s *session) authenticate(ctx context.Context) (*api.Secret, error) {
	own := &trace{} // a login that was sent twice says nothing about the call that waits for it
	defer func(calls *trace) { calls.retryAfter = own.retryAfter }(traceOf(ctx))
	ctx = own.in(ctx)
	role, key, err := s.auth.read()
	if err != nil {
		return nil, s.explain(err)
	}
	if s.auth.Method == MethodToken {
		token, err := s.inspect(ctx, key)
		return token, s.explain(err)
	}
	what := fingerprint(role, key)
	refused := s.gate.of(role)
	if e := refused.standing(s.now(), what); e != nil {
		e.Store = s.store
		return nil, e
	}
	token, err := s.logIn(ctx, role, key)
	if err == nil {
		*refused = refusals{}
		return token, nil
	}
	e := newError(s.store, opLogin, "auth/"+s.auth.Mount, err)
	if errors.Is(e, ErrLogin) {
		refused.note(s.now(), what, e)
	}
	return nil, e
}

func (s *session) logIn(ctx context.Context, role string, key secret.Value) (*api.Secret, error) {
	body := map[string]any{"role": role, "jwt": key.Reveal()}
	if s.auth.Wrapped {
		var err error
		if key, err = s.unwrap(ctx, key); err != nil {
			return nil, err
		}
	}
	if s.auth.Method == MethodAppRole {
		body = map[string]any{"role_id": role, "secret_id": key.Reveal()}
	}
	token, err := s.login.Logical().WriteWithContext(ctx, "auth/"+s.auth.Mount+"/login", body)
	if err != nil {
		return nil, err
	}
	if token == nil || token.Auth == nil || token.Auth.ClientToken == "" {
		return nil, errors.New("the answer holds no token: a service cannot use a login that needs a second factor")
	}
	return token, nil
}

// inspect finds out how long a token that was given to us lives. One that may not look itself up is used as it is.
func (s *session) inspect(ctx context.Context, key secret.Value) (*api.Secret, error) {
	token := &api.Secret{Auth: &api.SecretAuth{ClientToken: key.Reveal()}}
	s.bearer.SetToken(key.Reveal())
	found, err := s.bearer.Auth().Token().LookupSelfWithContext(ctx)
	if isForbidden(err) {
		return token, nil
	}
	if err != nil {
		return nil, err
	}
	ttl, err := found.TokenTTL()
	if err != nil {
		return nil, errAnswer
	}
	renewable, err := found.TokenIsRenewable()
	if err != nil {
		return nil, errAnswer
	}
	token.Auth.LeaseDuration, token.Auth.Renewable = int(ttl/time.Second), renewable
	return token, nil
}
