package app

import (
	"cmp"
	"context"
	"crypto/x509"
	"fmt"
	"net/url"

	"keyturn/internal/certs"
	"keyturn/internal/config"
	"keyturn/internal/console"
	"keyturn/internal/secret"
)

// issuerOf is the issuer that a configuration names, which is asked nothing yet; nil where it names none.
func issuerOf(o *config.ConsoleOIDC) (*console.OIDC, error) {
	if o == nil {
		return nil, nil
	}
	at, err := url.Parse(o.Issuer)
	if err != nil {
		return nil, fmt.Errorf("console: oidc: %w", err)
	}
	var pool *x509.CertPool
	if o.CAFile != "" {
		if pool, err = certs.Pool(o.CAFile); err != nil {
			return nil, fmt.Errorf("console: oidc: %w", err)
		}
	}
	issuer := &console.OIDC{
		Name: cmp.Or(o.Name, at.Host), Issuer: o.Issuer, ClientID: o.ClientID, Scopes: o.Scopes, Claim: o.GroupsClaim, CA: pool, Roles: map[string]console.Role{},
	}
	if !o.ClientSecret.IsZero() {
		issuer.Secret = func(ctx context.Context) (secret.Value, error) { return o.ClientSecret.Read(ctx, nil) }
	}
	for group, role := range o.Roles {
		issuer.Roles[group] = console.RoleOf(string(role))
	}
	return issuer, nil
}

// OIDCReady says why people cannot log in at the issuer, as far as that lies here. An issuer that is away keeps no one out who has a
// token, or is logged in.
func (c *Console) OIDCReady(ctx context.Context) error {
	o := c.process.Config().Console.OIDC
	if o == nil {
		return nil
	}
	_, err := readSource(ctx, o.ClientSecret, nil)
	return err
}
