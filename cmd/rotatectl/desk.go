package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"keyturn/internal/app"
	"keyturn/internal/config"
	"keyturn/internal/observe"
	"keyturn/internal/operate"
	"keyturn/internal/vaultkv"
)

// warn shows what is in the way of some stores or paths: it need not concern what was asked for.
func warn(err error) {
	fmt.Fprintln(observe.NewPrintable(os.Stderr), "rotatectl: warning: "+err.Error())
}

// ownDesk is a desk for what changes a journal or calls a provider in this process.
func ownDesk(cmd *cobra.Command, cfg *config.Config) (d *operate.Desk, done func(), err error) {
	ctx := cmd.Context()
	rdb, err := app.Redis(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	vault, err := app.Vault(ctx, cfg, vaultkv.ReadWrite, warn)
	if err != nil {
		return nil, nil, errors.Join(err, rdb.Close())
	}
	done = func() {
		vault.Close()
		_ = rdb.Close() // nothing is left to be written
	}
	metrics, log := observe.NewMetrics(), slog.New(slog.DiscardHandler)
	engine, err := app.NewEngine(ctx, cfg, rdb, vault, metrics, log)
	if err == nil {
		d, err = app.NewDesk(ctx, cfg, rdb, vault)
	}
	if err != nil {
		done()
		return nil, nil, err
	}
	acts := &app.Acts{
		Engine: engine, Config: cfg, Vault: vault, Mail: app.Mail{Redis: rdb, Secrets: vault, Metrics: metrics, Log: log},
	}
	d.Acts, d.Adopter, d.Prover, d.Providers = acts, acts, acts, acts
	return d, done, nil
}

// vaultDesk is a desk for what Vault tells.
func vaultDesk(cmd *cobra.Command, cfg *config.Config) (d *operate.Desk, done func(), err error) {
	return deskOf(cmd, cfg, vaultkv.ReadOnly)
}

// deskOf is a desk on Vault. Where Redis is away, what stands there is left out, and said to be.
func deskOf(cmd *cobra.Command, cfg *config.Config, access vaultkv.Access) (d *operate.Desk, done func(), err error) {
	ctx := cmd.Context()
	vault, err := app.Vault(ctx, cfg, access, warn)
	if err != nil {
		return nil, nil, err
	}
	rdb, away := app.Redis(ctx, cfg)
	done = func() {
		vault.Close()
		if rdb != nil {
			_ = rdb.Close()
		}
	}
	if d, err = app.NewDesk(ctx, cfg, rdb, vault); err != nil {
		done()
		return nil, nil, err
	}
	d.Away = away
	return d, done, nil
}

// redisDesk is a desk for what Redis tells.
func redisDesk(cmd *cobra.Command, cfg *config.Config) (d *operate.Desk, done func(), err error) {
	rdb, err := app.Redis(cmd.Context(), cfg)
	if err != nil {
		return nil, nil, err
	}
	if d, err = app.NewDesk(cmd.Context(), cfg, rdb, nil); err != nil {
		return nil, nil, errors.Join(err, rdb.Close())
	}
	return d, func() { _ = rdb.Close() }, nil
}

// queueDesk is a desk for what goes through the queue, which only takes Redis. With follow Vault is asked as well: a run
// whose worker is killed is finished by another one that knows nothing of the request. Where Vault is away the queue is
// followed alone.
func queueDesk(cmd *cobra.Command, cfg *config.Config, follow bool) (d *operate.Desk, done func(), err error) {
	d, done, err = redisDesk(cmd, cfg)
	if err != nil || !follow {
		return d, done, err
	}
	vault, err := app.Vault(cmd.Context(), cfg, vaultkv.ReadOnly, warn)
	if err != nil {
		_, err = fmt.Fprintf(cmd.ErrOrStderr(), "the queue is followed alone: %v\n", err)
		return d, done, err
	}
	d.Truth = vault
	closeRedis := done
	return d, func() {
		vault.Close()
		closeRedis()
	}, nil
}
