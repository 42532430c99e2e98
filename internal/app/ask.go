package app

import (
	"context"
	"errors"
	"strings"

	"keyturn/internal/contacts"
	"keyturn/internal/operate"
	"keyturn/internal/rotation"
)

// List is part of operate.Providers.
func (a *Acts) List(ctx context.Context, account, domain string) ([]rotation.Listed, error) {
	subjects, err := a.subjects(ctx, account)
	if err != nil {
		return nil, err
	}
	return subjects.Client(account).Lister.List(ctx, domain, func(ctx context.Context) error { return a.turn(ctx, account) })
}

// Probe is part of operate.Providers: it lists identities, or asks whether the password that consumers read works.
func (a *Acts) Probe(ctx context.Context, cred *rotation.Credential) error {
	subjects, err := a.subjects(ctx, cred.Account)
	if err != nil {
		return err
	}
	turn := func(ctx context.Context) error { return a.turn(ctx, cred.Account) }
	switch client := subjects.Client(cred.Account); {
	case client.Lister != nil:
		domain, _, _ := strings.Cut(cred.Target, "/")
		_, err = client.Lister.List(ctx, domain, turn)
		return err
	case client.Minter != nil:
		_, err = client.Minter.Identities(ctx, cred.Target, "", turn)
		return err
	case client.ReadBack != nil:
		current, err := a.Vault.Read(ctx, cred.Place)
		if err != nil {
			return err
		}
		if err := turn(ctx); err != nil {
			return err
		}
		_, err = client.ReadBack.Verify(ctx, cred.Target, current.Password)
		return err
	default:
		return operate.ErrNoHarmlessCall
	}
}

// patientTurns is how often a command that calls a provider for a person gets in line behind the workers.
const patientTurns = 3

// turn waits until the account's rate limit lets one call through.
func (a *Acts) turn(ctx context.Context, account string) error {
	for n := 1; ; n++ {
		turns, err := a.Engine.Machine.Limiter.Take(ctx, account, 1, true)
		if err == nil {
			err = turns.Await(ctx, 0)
		}
		var far *rotation.WaitError
		if n == patientTurns || !errors.As(err, &far) {
			return err
		}
		if err := a.Engine.Machine.Clock.Sleep(ctx, far.After); err != nil {
			return err
		}
	}
}

// Confirm is part of operate.Providers.
func (a *Acts) Confirm(ctx context.Context, account string, addresses []string, by string) ([]rotation.ContactResult, error) {
	subjects, err := a.subjects(ctx, account)
	if err != nil {
		return nil, err
	}
	notes, verifier := &onceNotes{}, *a.Engine.Contacts
	verifier.Notes = notes
	result := verifier.Verify(ctx, contacts.Verification{
		Name: "on demand", Account: account, Addresses: addresses, Client: subjects.Client(account).Contacts,
	}, rotation.Job{Reason: rotation.ReasonDemand, RequestedBy: by})
	if notes.saved == nil {
		return nil, result.Err // the call as a whole
	}
	results := make([]rotation.ContactResult, 0, len(notes.saved))
	for _, n := range notes.saved {
		results = append(results, n.ContactResult)
	}
	return results, nil
}

// onceNotes keeps what became of the addresses for one call.
type onceNotes struct{ saved map[string]contacts.Note }

// Load implements contacts.Notes.
func (*onceNotes) Load(context.Context, string, string) (map[string]contacts.Note, error) {
	return nil, nil
}

// Save implements contacts.Notes.
func (n *onceNotes) Save(_ context.Context, _, _ string, notes map[string]contacts.Note) error {
	n.saved = notes
	return nil
}
