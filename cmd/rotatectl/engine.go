package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"keyturn/internal/config"
	"keyturn/internal/observe"
	"keyturn/internal/rotation"
	"keyturn/internal/vaultkv"
	"keyturn/internal/wiring"
)

// engine is the state machine for commands that act themselves, under the same limits and claims as a worker. It reads
// management keys only for what calls a provider or asks a verifier, and only those of the account that is meant.
type engine struct {
	*wiring.Engine
	cfg   *config.Config
	vault *vaultkv.Vault
	mail  wiring.Mail
	close func()
}

// warn shows what is in the way of some stores or paths: it need not concern what was asked for.
func warn(err error) { fmt.Fprintln(os.Stderr, "rotatectl: warning: "+err.Error()) }

func newEngine(ctx context.Context, cfg *config.Config, access vaultkv.Access) (*engine, error) {
	rdb, err := wiring.Redis(ctx, cfg)
	if err != nil {
		return nil, err
	}
	vault, err := wiring.Vault(ctx, cfg, access, warn)
	if err != nil {
		return nil, errors.Join(err, rdb.Close())
	}
	e := &engine{cfg: cfg, vault: vault, close: func() {
		vault.Close()
		_ = rdb.Close() // nothing is left to be written
	}}
	metrics, log := observe.NewMetrics(), slog.New(slog.DiscardHandler)
	e.mail = wiring.Mail{Redis: rdb, Secrets: vault, Metrics: metrics, Log: log}
	if e.Engine, err = wiring.NewEngine(ctx, cfg, rdb, vault, metrics, log); err != nil {
		e.close()
		return nil, err
	}
	return e, nil
}

// client is what calls the provider of an account.
func (e *engine) client(ctx context.Context, account string) (rotation.Client, error) {
	subjects, err := wiring.NewSubjects(ctx, e.cfg, e.vault.ReadField, e.mail, account)
	if err != nil {
		return rotation.Client{}, err
	}
	return subjects.Client(account), nil
}

// subject is a credential with what acts on it.
func (e *engine) subject(ctx context.Context, cred *rotation.Credential) (rotation.Subject, error) {
	subjects, err := wiring.NewSubjects(ctx, e.cfg, e.vault.ReadField, e.mail, cred.Account)
	if err != nil {
		return rotation.Subject{}, err
	}
	return subjects.Of(cred)
}

// patientTurns is how often a command that calls a provider itself gets in line behind the workers.
const patientTurns = 3

// turn waits until the account's rate limit lets one call through.
func (e *engine) turn(ctx context.Context, account string) error {
	for n := 1; ; n++ {
		turns, err := e.Machine.Limiter.Take(ctx, account, 1, true)
		if err == nil {
			err = turns.Await(ctx, 0)
		}
		var far *rotation.WaitError
		if n == patientTurns || !errors.As(err, &far) {
			return err
		}
		if err := e.Machine.Clock.Sleep(ctx, far.After); err != nil {
			return err
		}
	}
}
