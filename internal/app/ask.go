package app

import (
	"context"
	"errors"

	"keyturn/internal/rotation"
)

// List is part of operate.Providers.
func (a *Acts) List(ctx context.Context, account, domain string) ([]rotation.Listed, error) {
	subjects, err := a.Subjects(ctx, account)
	if err != nil {
		return nil, err
	}
	return subjects.Client(account).Lister.List(ctx, domain, func(ctx context.Context) error { return a.turn(ctx, account) })
}

// patientTurns is how often whoever calls a provider for a person gets in line behind the workers.
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
