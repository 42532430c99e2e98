package app

import (
	"context"
	"errors"
	"fmt"

	"keyturn/internal/config"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// keyProof asks a provider whether a new management key works that the account is to call with next: it lists the keys with
// it, which changes nothing. Whether it may do that, the account's key before has shown.
type keyProof struct {
	account *config.Account
	cred    *rotation.Credential
}

// Verify implements rotation.Verifier. The login is the id of the key.
func (p keyProof) Verify(ctx context.Context, login string, password secret.Value) (rotation.Verdict, error) {
	settings, err := Settings(p.account, map[string]secret.Value{
		p.account.Provider.Keys[0]: secret.New(login), p.account.Provider.Keys[1]: password,
	})
	if err != nil {
		return rotation.Unknown, err
	}
	client, err := p.account.Provider.New(settings)
	if err != nil {
		return rotation.Unknown, fmt.Errorf("account %s: %w", p.account.Name, err)
	}
	_, err = client.Minter.Identities(ctx, p.cred.Target, p.cred.Overlap.Owner, func(context.Context) error { return nil })
	refused := (*rotation.Error)(nil)
	switch {
	case err == nil:
		return rotation.Works, nil
	case errors.As(err, &refused) && refused.Kind == rotation.Unauthorized:
		return rotation.Refused, nil
	default:
		return rotation.Unknown, fmt.Errorf("ask with the new key: %w", err)
	}
}
