package app

import (
	"context"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
	"keyturn/internal/tracing"
)

// The ports of the state machine, each call a span. What is asked about is left out: a credential's path may be its address.

// step shows a step of the protocol.
func step(ctx context.Context, name string) (context.Context, func(error)) {
	ctx, span := tracing.Start(ctx, tracing.Internal, name)
	span.Rotation(rotation.IDOf(ctx))
	return ctx, span.End
}

// tracedJournals shows what is read and written of journals.
type tracedJournals struct{ rotation.Journals }

// Load implements rotation.Journals.
func (j tracedJournals) Load(ctx context.Context, cred *rotation.Credential) (rotation.Record, error) {
	ctx, span := askVault(ctx, "vault load journal", cred.Place.Store)
	rec, err := j.Journals.Load(ctx, cred)
	span.Rotation(rec.RotationID)
	span.End(err)
	return rec, err
}

// Save implements rotation.Journals.
func (j tracedJournals) Save(ctx context.Context, cred *rotation.Credential, rec rotation.Record, cas int) (int, error) {
	ctx, span := askVault(ctx, "vault save journal", cred.Place.Store)
	span.Rotation(rec.RotationID)
	version, err := j.Journals.Save(ctx, cred, rec, cas)
	span.End(err)
	return version, err
}

func askVault(ctx context.Context, what, store string) (context.Context, tracing.Span) {
	ctx, span := tracing.Start(ctx, tracing.Client, what)
	span.Store(store)
	return ctx, span
}

// tracedSecrets shows what is read and written of secrets.
type tracedSecrets struct{ rotation.Secrets }

// Read implements rotation.Secrets.
func (s tracedSecrets) Read(ctx context.Context, place rotation.Place) (rotation.Entry, error) {
	ctx, span := askVault(ctx, "vault read secret", place.Store)
	e, err := s.Secrets.Read(ctx, place)
	span.End(err)
	return e, err
}

// Password implements rotation.Secrets.
func (s tracedSecrets) Password(ctx context.Context, place rotation.Place, version int) (secret.Value, error) {
	ctx, span := askVault(ctx, "vault read earlier secret", place.Store)
	password, err := s.Secrets.Password(ctx, place, version)
	span.End(err)
	return password, err
}

// Write implements rotation.Secrets.
func (s tracedSecrets) Write(ctx context.Context, place rotation.Place, e rotation.Entry) error {
	ctx, span := askVault(ctx, "vault write secret", place.Store)
	err := s.Secrets.Write(ctx, place, e)
	span.End(err)
	return err
}

// Fence implements rotation.Secrets.
func (s tracedSecrets) Fence(ctx context.Context, place rotation.Place, e rotation.Entry) error {
	ctx, span := askVault(ctx, "vault fence secret", place.Store)
	err := s.Secrets.Fence(ctx, place, e)
	span.End(err)
	return err
}

// tracedLimiter shows how long a run waits for its turns.
type tracedLimiter struct{ rotation.Limiter }

// Take implements rotation.Limiter.
func (l tracedLimiter) Take(ctx context.Context, account string, n int, urgent bool) (rotation.Turns, error) {
	ctx, span := tracing.Start(ctx, tracing.Internal, "take turns")
	turns, err := l.Limiter.Take(ctx, account, n, urgent)
	span.End(err)
	if err != nil {
		return nil, err
	}
	return tracedTurns{turns}, nil
}

// Penalise implements rotation.Limiter.
func (l tracedLimiter) Penalise(ctx context.Context, account string, d time.Duration) error {
	ctx, span := tracing.Start(ctx, tracing.Internal, "pause account")
	err := l.Limiter.Penalise(ctx, account, d)
	span.End(err)
	return err
}

type tracedTurns struct{ rotation.Turns }

// Await implements rotation.Turns.
func (t tracedTurns) Await(ctx context.Context, nth int) error {
	ctx, span := tracing.Start(ctx, tracing.Internal, "await turn")
	err := t.Turns.Await(ctx, nth)
	span.End(err)
	return err
}

// tracedAgenda shows what a run says of what comes next.
type tracedAgenda struct{ rotation.Agenda }

// Hold implements rotation.Agenda.
func (a tracedAgenda) Hold(ctx context.Context, cred *rotation.Credential, quiet time.Duration, force bool) error {
	ctx, span := tracing.Start(ctx, tracing.Internal, "hold")
	err := a.Agenda.Hold(ctx, cred, quiet, force)
	span.End(err)
	return err
}

// Park implements rotation.Agenda.
func (a tracedAgenda) Park(ctx context.Context, cred *rotation.Credential, d time.Duration) error {
	ctx, span := tracing.Start(ctx, tracing.Internal, "park")
	err := a.Agenda.Park(ctx, cred, d)
	span.End(err)
	return err
}

// Settle implements rotation.Agenda.
func (a tracedAgenda) Settle(ctx context.Context, cred *rotation.Credential, end rotation.Ending) error {
	ctx, span := tracing.Start(ctx, tracing.Internal, "settle")
	span.Rotation(end.RotationID)
	err := a.Agenda.Settle(ctx, cred, end)
	span.End(err)
	return err
}

// Ask implements rotation.Agenda.
func (a tracedAgenda) Ask(ctx context.Context, cred *rotation.Credential, reason rotation.Reason, after time.Duration) error {
	ctx, span := tracing.Start(ctx, tracing.Internal, "ask for a job")
	err := a.Agenda.Ask(ctx, cred, reason, after)
	span.End(err)
	return err
}

// Block implements rotation.Agenda.
func (a tracedAgenda) Block(ctx context.Context, account string, cause *rotation.Error) error {
	ctx, span := tracing.Start(ctx, tracing.Internal, "open breaker")
	err := a.Agenda.Block(ctx, account, cause)
	span.End(err)
	return err
}
