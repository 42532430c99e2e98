package vaultkv

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/vault/api"

	"keyturn/internal/secret"
)

// ErrUnwrap is a wrapped secret_id that cannot be unwrapped. That works once, so it may have been stolen.
var ErrUnwrap = errors.New("the wrapped secret_id cannot be unwrapped: its token has expired or was already used. " +
	"If this process did not use it before a restart, destroy that secret_id. Put a newly wrapped one into the file")

// ErrNotOurs is a wrapped answer that is not the role's secret_id.
var ErrNotOurs = errors.New("the wrapped value is not a secret_id of this auth method: it may have been replaced")

// unwrapped is the secret_id that a wrapping token gave, for the logins to come.
type unwrapped struct {
	token    secret.Value
	secretID secret.Value
}

// unwrap returns the secret_id that the wrapping token gives, or gave before. It first asks where the wrapped answer was
// made: an attacker can take the real one out and leave another.
func (s *session) unwrap(ctx context.Context, token secret.Value) (secret.Value, error) {
	if !s.gate.taken.secretID.IsZero() && s.gate.taken.token.Reveal() == token.Reveal() {
		return s.gate.taken.secretID, nil
	}
	made, err := s.login.Logical().WriteWithContext(ctx, "sys/wrapping/lookup", map[string]any{"token": token.Reveal()})
	if err != nil {
		return secret.Value{}, s.unwrapError(err)
	}
	path, _ := dataOf(made)["creation_path"].(string)
	if !strings.HasPrefix(path, "auth/"+s.auth.Mount+"/role/") ||
		!(strings.HasSuffix(path, "/secret-id") || strings.HasSuffix(path, "/custom-secret-id")) {
		return secret.Value{}, s.unwrapError(ErrNotOurs)
	}
	once, err := withoutToken(s.login) // which bears the wrapping token from then on
	if err != nil {
		return secret.Value{}, err
	}
	answer, err := once.Logical().UnwrapWithContext(ctx, token.Reveal())
	if err != nil {
		return secret.Value{}, s.unwrapError(err)
	}
	id, _ := dataOf(answer)["secret_id"].(string)
	if id == "" {
		return secret.Value{}, s.unwrapError(errAnswer)
	}
	s.gate.taken = unwrapped{token: token, secretID: secret.New(id)}
	return s.gate.taken.secretID, nil
}

func dataOf(answer *api.Secret) map[string]any {
	if answer == nil {
		return nil
	}
	return answer.Data
}

// unwrapError names what a failed unwrapping means. A refusal is a refused login: it is not repeated by every call.
func (s *session) unwrapError(err error) error {
	e := newError(s.store, opLogin, "sys/wrapping/unwrap", err)
	if errors.Is(e, ErrLogin) {
		e.Err = fmt.Errorf("%w: %w", ErrLogin, ErrUnwrap)
	}
	if errors.Is(e, ErrNotOurs) {
		e.Err = fmt.Errorf("%w: %w", ErrLogin, ErrNotOurs)
	}
	return e
}
