package app

import (
	"context"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
	"keyturn/internal/tracing"
)

// traced is a client whose calls are spans. What it cannot do stays nil.
func traced(provider string, c rotation.Client) rotation.Client {
	if c.Setter != nil {
		c.Setter = tracedSetter{c.Setter, provider}
	}
	if c.Issuer != nil {
		c.Issuer = tracedIssuer{c.Issuer, provider}
	}
	if c.Minter != nil {
		c.Minter = tracedMinter{c.Minter, provider}
	}
	if c.Disabler != nil {
		c.Disabler = tracedDisabler{c.Disabler, provider}
	}
	if c.Contacts != nil {
		c.Contacts = tracedContacts{c.Contacts, provider}
	}
	if c.ReadBack != nil {
		c.ReadBack = tracedReadBack{c.ReadBack, provider}
	}
	if c.Lister != nil {
		c.Lister = tracedLister{c.Lister, provider}
	}
	return c
}

// call begins a call to a provider. Neither its address nor what is sent or answered is shown: of an error, the kind is.
func call(ctx context.Context, provider, operation string) (context.Context, tracing.Span) {
	ctx, span := tracing.Start(ctx, tracing.Client, "provider "+operation)
	span.Provider(provider, operation)
	return ctx, span
}

type tracedDisabler struct {
	rotation.Disabler
	provider string
}

// Disable implements rotation.Disabler.
func (d tracedDisabler) Disable(ctx context.Context, target, id string) error {
	ctx, span := call(ctx, d.provider, "disable")
	err := d.Disabler.Disable(ctx, target, id)
	span.End(err)
	return err
}

// Enable implements rotation.Disabler.
func (d tracedDisabler) Enable(ctx context.Context, target, id string) error {
	ctx, span := call(ctx, d.provider, "enable")
	err := d.Disabler.Enable(ctx, target, id)
	span.End(err)
	return err
}

type tracedSetter struct {
	rotation.Setter
	provider string
}

// Set implements rotation.Setter.
func (s tracedSetter) Set(ctx context.Context, target string, password secret.Value) error {
	ctx, span := call(ctx, s.provider, "set")
	err := s.Setter.Set(ctx, target, password)
	span.End(err)
	return err
}

type tracedIssuer struct {
	rotation.Issuer
	provider string
}

// Issue implements rotation.Issuer.
func (i tracedIssuer) Issue(ctx context.Context, target string) (rotation.Issued, error) {
	ctx, span := call(ctx, i.provider, "issue")
	issued, err := i.Issuer.Issue(ctx, target)
	span.End(err)
	return issued, err
}

type tracedMinter struct {
	rotation.Minter
	provider string
}

// Mint implements rotation.Minter.
func (m tracedMinter) Mint(ctx context.Context, target string, label rotation.Label) (rotation.Identity, error) {
	ctx, span := call(ctx, m.provider, "mint")
	identity, err := m.Minter.Mint(ctx, target, label)
	span.End(err)
	return identity, err
}

// Identities implements rotation.Minter.
func (m tracedMinter) Identities(ctx context.Context, target, owner string, turn func(context.Context) error) ([]string, error) {
	ctx, span := call(ctx, m.provider, "identities")
	ids, err := m.Minter.Identities(ctx, target, owner, turn)
	span.End(err)
	return ids, err
}

// Retire implements rotation.Minter.
func (m tracedMinter) Retire(ctx context.Context, target, id string) error {
	ctx, span := call(ctx, m.provider, "retire")
	err := m.Minter.Retire(ctx, target, id)
	span.End(err)
	return err
}

type tracedContacts struct {
	rotation.ContactVerifier
	provider string
}

// VerifyContacts implements rotation.ContactVerifier.
func (c tracedContacts) VerifyContacts(ctx context.Context, addresses []string) ([]rotation.ContactResult, error) {
	ctx, span := call(ctx, c.provider, "contacts")
	results, err := c.ContactVerifier.VerifyContacts(ctx, addresses)
	span.End(err)
	return results, err
}

type tracedLister struct {
	rotation.Lister
	provider string
}

// List implements rotation.Lister.
func (l tracedLister) List(ctx context.Context, domain string, turn func(context.Context) error) ([]rotation.Listed, error) {
	ctx, span := call(ctx, l.provider, "list")
	found, err := l.Lister.List(ctx, domain, turn)
	span.End(err)
	return found, err
}

// tracedReadBack is a verifier that asks the provider.
type tracedReadBack struct {
	rotation.Verifier
	provider string
}

// Verify implements rotation.Verifier.
func (v tracedReadBack) Verify(ctx context.Context, login string, password secret.Value) (rotation.Verdict, error) {
	ctx, span := call(ctx, v.provider, "read back")
	verdict, err := v.Verifier.Verify(ctx, login, password)
	span.Verdict(verdict)
	span.End(err)
	return verdict, err
}

// mailVerifier is what a verifier that logs in at a mail server can do.
type mailVerifier interface {
	rotation.Verifier
	rotation.Reserver
	rotation.Timed
}

// tracedLogin is a verifier that logs in at a mail server.
type tracedLogin struct {
	mailVerifier
	address string
}

// Verify implements rotation.Verifier.
func (v tracedLogin) Verify(ctx context.Context, login string, password secret.Value) (rotation.Verdict, error) {
	ctx, span := tracing.Start(ctx, tracing.Client, "smtp login")
	span.Peer(v.address)
	verdict, err := v.mailVerifier.Verify(ctx, login, password)
	span.Verdict(verdict)
	span.End(err)
	return verdict, err
}

// Reserve implements rotation.Reserver.
func (v tracedLogin) Reserve(ctx context.Context, login string, n int, urgency rotation.Urgency) error {
	ctx, span := tracing.Start(ctx, tracing.Internal, "book logins")
	err := v.mailVerifier.Reserve(ctx, login, n, urgency)
	span.End(err)
	return err
}
