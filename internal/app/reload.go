package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"keyturn/internal/config"
	"keyturn/internal/config/inventory"
	"keyturn/internal/due"
	"keyturn/internal/rotation"
)

// reloadAgain is the pause after which a configuration is tried again that could not be taken over: what was in its way, an
// open rotation for instance, ends by itself.
const reloadAgain = 30 * time.Second

// Watch calls changed with every new configuration and what differs in it, until ctx ends: when a file changes and on
// SIGHUP. A configuration is taken over as a whole or not at all: one with a mistake, one that changes what cannot change in
// a process that runs, or one that changed returns an error for, changes nothing. /readyz and the log say why.
func (p *Process) Watch(ctx context.Context, changed func(*config.Config, inventory.Difference) error) error {
	again := time.AfterFunc(reloadAgain, func() {
		select {
		case p.again <- syscall.SIGHUP:
		default: // it is about to be read
		}
	})
	again.Stop()
	defer again.Stop()
	return config.Watch(ctx, p.Config(), p.again, func(next *config.Config, err error) {
		if err == nil {
			if err = p.reload(ctx, next, changed); err != nil {
				again.Reset(reloadAgain)
			} else {
				again.Stop()
			}
		}
		p.Health.Set(ctx, "configuration", err)
	})
}

func (p *Process) reload(ctx context.Context, next *config.Config, changed func(*config.Config, inventory.Difference) error) error {
	d := inventory.Diff(&p.Config().Inventory, &next.Inventory)
	if err := p.stays(ctx, next, d); err != nil {
		return fmt.Errorf("the configuration of before stays in force: %w", err)
	}
	if err := changed(next, d); err != nil {
		return fmt.Errorf("the configuration of before stays in force: %w", err)
	}
	p.use(next)
	p.Log.InfoContext(ctx, "configuration reloaded", "credentials", next.Len(), "added", len(d.Added), "changed", len(d.Changed),
		"removed", len(d.Removed), "accounts", len(next.Accounts), "fingerprint", next.Fingerprint()[:12])
	return nil
}

// stays names all that cannot be taken over by a process that runs, or not now.
func (p *Process) stays(ctx context.Context, next *config.Config, d inventory.Difference) error {
	var problems []error
	if !p.Config().Redis.Equal(next.Redis) {
		problems = append(problems, errors.New("redis: a process stays with the Redis that it began with: restart it"))
	}
	if p.Vault != nil { // what does not look for journals need not care where they are
		problems = append(problems, p.moved(ctx, next, d))
	}
	return errors.Join(problems...)
}

// moved names the credentials that would move while a rotation of theirs is open: to another path, where the rotation does
// not end, or to another store, where its journal, which may hold the only copy of the live password, is not found.
func (p *Process) moved(ctx context.Context, next *config.Config, d inventory.Difference) error {
	paths, stores := moves(p.Config(), next, d)
	open, err := openOf(ctx, due.NewIndex(p.Redis), paths)
	if err != nil {
		return err
	}
	var found []error
	for _, cred := range open {
		found = append(found, openOne(cred))
	}
	records, errs := p.journals(ctx, stores)
	for i, cred := range stores {
		switch {
		case errs[i] != nil:
			found = append(found, fmt.Errorf("credential %s: whether a rotation is open, before it moves: %w", cred.ID, errs[i]))
		case records[i].State == rotation.Open:
			found = append(found, openOne(cred))
		case records[i].State == rotation.Quarantined:
			found = append(found, fmt.Errorf("credential %s: it is in quarantine, and its journal stays in store %s: release or recover it before it moves",
				cred.ID, cred.Place.Store))
		}
	}
	return few(found)
}

// readsAtOnce is how many journals are read at the same time.
const readsAtOnce = 16

// journals reads those of credentials, each with its own error.
func (p *Process) journals(ctx context.Context, creds []*rotation.Credential) ([]rotation.Record, []error) {
	records, errs := make([]rotation.Record, len(creds)), make([]error, len(creds))
	var group errgroup.Group
	group.SetLimit(readsAtOnce)
	for i, cred := range creds {
		group.Go(func() error {
			records[i], errs[i] = p.Vault.Load(ctx, cred)
			return nil
		})
	}
	_ = group.Wait() // none returns an error
	return records, errs
}

// Leavers are those of the credentials, which the configuration has no more, whose rotation is open. Whether it is must be
// known where the store stays; where that goes too, one that cannot be read is left.
func (p *Process) Leavers(ctx context.Context, next *config.Config, removed []*rotation.Credential) ([]*rotation.Credential, error) {
	records, errs := p.journals(ctx, removed)
	var open []*rotation.Credential
	var unread []error
	for i, cred := range removed {
		switch {
		case errs[i] != nil && next.Stores[cred.Place.Store] != nil:
			unread = append(unread, fmt.Errorf("credential %s: whether a rotation is open, before it is removed: %w", cred.ID, errs[i]))
		case errs[i] != nil:
			p.Log.LogAttrs(ctx, slog.LevelWarn, "no longer configured, and whether a rotation is open is not known",
				slog.String("credential", cred.ID), slog.String("store", cred.Place.Store), slog.Any("error", errs[i]))
		case records[i].State == rotation.Open:
			open = append(open, cred)
		}
	}
	return open, few(unread)
}

func openOne(cred *rotation.Credential) error {
	return fmt.Errorf("credential %s: a rotation is open: it can move when that has ended", cred.ID)
}

// few joins errors, of which many may say the same.
func few(errs []error) error {
	const most = 20
	if more := len(errs) - most; more > 0 {
		errs = append(errs[:most:most], fmt.Errorf("and %d more", more))
	}
	return errors.Join(errs...)
}

// moves are the credentials, as they are, that would stand at another path, and those that would belong to another store or
// go by another name: their journals are found by both.
func moves(was, next *config.Config, d inventory.Difference) (paths, stores []*rotation.Credential) {
	for _, now := range d.Changed {
		before, ok := was.Credential(now.ID)
		switch {
		case !ok || before.Place == now.Place:
		case before.Place.Store != now.Place.Store:
			stores = append(stores, before)
		default:
			paths = append(paths, before)
		}
	}
	if len(d.Removed) == 0 {
		return paths, stores
	}
	taken, targets := map[rotation.Place]bool{}, map[target]bool{}
	for _, cred := range slices.Concat(d.Added, d.Changed) {
		taken[cred.Place] = true
		targets[targetOf(next, cred)] = true
	}
	for _, cred := range d.Removed {
		if taken[cred.Place] || targets[targetOf(was, cred)] {
			stores = append(stores, cred)
		}
	}
	return paths, stores
}

// target is what a provider knows, whichever account asks.
type target struct{ provider, name string }

func targetOf(cfg *config.Config, cred *rotation.Credential) target {
	return target{cfg.Accounts[cred.Account].Provider.Code, cred.Target}
}

// openOf returns those whose rotation is open, as far as the index knows.
func openOf(ctx context.Context, index *due.Index, creds []*rotation.Credential) (open []*rotation.Credential, err error) {
	const atOnce = 1000
	for some := range slices.Chunk(creds, atOnce) {
		standing, err := index.Look(ctx, some)
		if err != nil {
			return nil, err
		}
		for i, s := range standing {
			if !s.Resume.IsZero() {
				open = append(open, some[i])
			}
		}
	}
	return open, nil
}
