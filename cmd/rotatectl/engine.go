package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"

	"keyturn/internal/app"
	"keyturn/internal/config"
	"keyturn/internal/due"
	"keyturn/internal/observe"
	"keyturn/internal/operate"
	"keyturn/internal/queue"
	"keyturn/internal/ratelimit"
	"keyturn/internal/rotation"
	"keyturn/internal/vaultkv"
)

// engine is the state machine for commands that act themselves.
type engine struct {
	*app.Engine
	*app.Acts
	rdb   redis.UniversalClient
	close func()
}

// warn shows what is in the way of some stores or paths: it need not concern what was asked for.
func warn(err error) {
	fmt.Fprintln(observe.NewPrintable(os.Stderr), "rotatectl: warning: "+err.Error())
}

func newEngine(ctx context.Context, cfg *config.Config, access vaultkv.Access) (*engine, error) {
	rdb, err := app.Redis(ctx, cfg)
	if err != nil {
		return nil, err
	}
	vault, err := app.Vault(ctx, cfg, access, warn)
	if err != nil {
		return nil, errors.Join(err, rdb.Close())
	}
	e := &engine{rdb: rdb, close: func() {
		vault.Close()
		_ = rdb.Close() // nothing is left to be written
	}}
	metrics, log := observe.NewMetrics(), slog.New(slog.DiscardHandler)
	if e.Engine, err = app.NewEngine(ctx, cfg, rdb, vault, metrics, log); err != nil {
		e.close()
		return nil, err
	}
	e.Acts = &app.Acts{
		Engine: e.Engine, Config: cfg, Vault: vault, Mail: app.Mail{Redis: rdb, Secrets: vault, Metrics: metrics, Log: log},
	}
	return e, nil
}

// desk is where all requests about a credential are answered.
func (e *engine) desk() *operate.Desk {
	d := operate.For(e.Config, e.Clock)
	d.Truth, d.Queue, d.Index, d.Breakers, d.Pauses, d.Acts = e.Vault, e.Client, e.Index, e.Breaker, ratelimit.NewPauses(e.rdb), e.Acts
	return d
}

// client is what calls the provider of an account.
func (e *engine) client(ctx context.Context, account string) (rotation.Client, error) {
	subjects, err := e.Subjects(ctx, account)
	if err != nil {
		return rotation.Client{}, err
	}
	return subjects.Client(account), nil
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

// vaultDesk is a desk for what Vault tells. Where Redis is away, what stands there is left out, and said to be.
func vaultDesk(cmd *cobra.Command, cfg *config.Config) (d *operate.Desk, done func(), err error) {
	ctx := cmd.Context()
	vault, err := app.Vault(ctx, cfg, vaultkv.ReadOnly, warn)
	if err != nil {
		return nil, nil, err
	}
	d = operate.For(cfg, rotation.WallClock{})
	d.Truth = vault
	rdb, away := app.Redis(ctx, cfg)
	d.Away = away
	if rdb == nil {
		return d, vault.Close, nil
	}
	d.Queue, d.Index, d.Breakers, d.Pauses = queue.NewClient(rdb), due.NewIndex(rdb), queue.NewBreaker(rdb, nil), ratelimit.NewPauses(rdb)
	return d, func() {
		vault.Close()
		_ = rdb.Close()
	}, nil
}
