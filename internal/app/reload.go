package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"keyturn/internal/config"
	"keyturn/internal/config/inventory"
	"keyturn/internal/due"
	"keyturn/internal/rotation"
	"keyturn/internal/vaultkv"
)

// reloadAgain is the pause after which a configuration is tried again that could not be taken over: what was in its way, an
// open rotation for instance, ends by itself.
const reloadAgain = 30 * time.Second

// Watch calls changed with every new configuration and what differs in it, until ctx ends: when a file changes and on
// SIGHUP. A configuration is taken over as a whole or not at all: one with a mistake, one that changes what cannot change in
// a process that runs, or one that changed returns an error for, changes nothing. /readyz and the log say why.
func (p *Process) Watch(ctx context.Context, changed func(*config.Config, inventory.Difference) error) error {
	return config.Watch(ctx, p.Config(), p.again, func(next *config.Config, err error) {
		if err == nil {
			if err = p.reload(ctx, next, changed); err != nil {
				p.tryAgain(ctx)
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

// tryAgain has the configuration read again later.
func (p *Process) tryAgain(ctx context.Context) {
	time.AfterFunc(reloadAgain, func() {
		if ctx.Err() != nil {
			return
		}
		select {
		case p.again <- syscall.SIGHUP:
		default: // it is about to be read
		}
	})
}

// stays names all that cannot be taken over by a process that runs, or not now.
func (p *Process) stays(ctx context.Context, next *config.Config, d inventory.Difference) error {
	var problems []error
	if !reflect.DeepEqual(p.Config().Redis, next.Redis) {
		problems = append(problems, errors.New("redis: a process stays with the Redis that it began with: restart it"))
	}
	problems = append(problems, p.moved(ctx, next, d))
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

// Leavers are those of the credentials, which the configuration has no more, whose rotation is open. One that cannot be read
// is left: its store may be gone with it.
func (p *Process) Leavers(ctx context.Context, removed []*rotation.Credential) []*rotation.Credential {
	records, errs := p.journals(ctx, removed)
	var open []*rotation.Credential
	for i, cred := range removed {
		if errs[i] == nil && records[i].State == rotation.Open {
			open = append(open, cred)
		}
	}
	return open
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
	if len(d.Removed) == 0 || len(d.Added) == 0 {
		return paths, stores
	}
	taken := make(map[rotation.Place]bool, len(d.Added))
	targets := make(map[target]bool, len(d.Added))
	for _, cred := range d.Added {
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

// opened is a store as it was configured, and with what was read for it.
type opened struct {
	configured *config.Store
	settings   vaultkv.StoreConfig
}

// UseStores puts the stores of a configuration in force, and keeps those of before that are named. What undo returns to is
// what was in force until now.
func (p *Process) UseStores(ctx context.Context, next *config.Config, keep ...string) (undo func(), err error) {
	p.opening.Lock()
	defer p.opening.Unlock()
	stores, was := make(map[string]opened, len(next.Stores)), p.opened
	var problems []error
	for name, configured := range next.Stores {
		if before, ok := was[name]; ok && reflect.DeepEqual(before.configured, configured) {
			stores[name] = before // what it logs in with may have been used up since
			continue
		}
		settings, err := storeConfig(ctx, configured)
		if err != nil {
			problems = append(problems, fmt.Errorf("vault store %q: %w", name, err))
		}
		stores[name] = opened{configured, settings}
	}
	for _, name := range keep {
		if _, ok := stores[name]; !ok {
			stores[name] = was[name]
		}
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	if err := p.Vault.Use(settingsOf(stores)); err != nil {
		return nil, err
	}
	p.opened = stores
	return func() {
		p.opening.Lock()
		defer p.opening.Unlock()
		if err := p.Vault.Use(settingsOf(was)); err != nil {
			p.Log.LogAttrs(ctx, slog.LevelError, "the stores of before are not in force again", slog.Any("error", err))
			return
		}
		p.opened = was
	}, nil
}

func settingsOf(stores map[string]opened) map[string]vaultkv.StoreConfig {
	all := make(map[string]vaultkv.StoreConfig, len(stores))
	for name, s := range stores {
		all[name] = s.settings
	}
	return all
}
