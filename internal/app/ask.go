package app

import (
	"context"
	"errors"

	"keyturn/internal/contacts"
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
