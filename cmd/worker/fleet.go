package main

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"

	"keyturn/internal/app"
	"keyturn/internal/config"
	"keyturn/internal/config/inventory"
	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

// fleet is a configuration with what acts on its credentials; all change together when the configuration is reloaded. A run
// goes on with the fleet that it began with.
type fleet struct {
	cfg      *config.Config
	subjects *app.Subjects
	engine   *app.Engine
	leavers  map[string]leaver // by credential
}

// leaver is a credential that the configuration has no more, and whose rotation was open when it went. It is served with the
// settings of before until that has ended.
type leaver struct {
	rotation.Subject
	account queue.AccountSettings
}

// subject finds what a job names. A payload is hostile input: only what the configuration has at this account is rotated.
func (f *fleet) subject(job queue.Job) (rotation.Subject, error) {
	cred, ok := f.cfg.Credential(job.Credential)
	if !ok {
		if l, leaves := f.leavers[job.Credential]; leaves && l.Credential.Account == job.Account {
			return l.Subject, nil
		}
		return rotation.Subject{}, queue.ErrUnknown
	}
	if cred.Account != job.Account {
		return rotation.Subject{}, errors.Join(queue.ErrUnknown, errWrongAccount)
	}
	return f.subjects.Of(cred)
}

// accounts are those that are served: those of the configuration, and those of leavers.
func (f *fleet) accounts() []queue.AccountSettings {
	all := make([]queue.AccountSettings, 0, len(f.cfg.Accounts))
	for name := range f.cfg.Accounts {
		all = append(all, accountOf(f.cfg, name))
	}
	for _, l := range f.leavers {
		if !slices.ContainsFunc(all, func(a queue.AccountSettings) bool { return a.Name == l.account.Name }) {
			all = append(all, l.account)
		}
	}
	return all
}

func accountOf(cfg *config.Config, name string) queue.AccountSettings {
	return queue.AccountSettings{Name: name, Concurrency: cfg.Accounts[name].Concurrency, Timeout: cfg.Timing.TaskTimeout}
}

// stores are those of leavers.
func (f *fleet) stores() []string {
	names := map[string]bool{}
	for _, l := range f.leavers {
		names[l.Credential.Place.Store] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// reload takes a changed configuration over, as a whole. One that cannot be used changes nothing and says why.
func (h *handler) reload(ctx context.Context, p *app.Process, next *config.Config, d inventory.Difference) error {
	h.changing.Lock()
	defer h.changing.Unlock()
	was := h.fleet.Load()
	f := &fleet{cfg: next}
	var err error
	if f.leavers, err = was.leave(next, p.Leavers(ctx, d.Removed)); err != nil {
		return err
	}
	undo, err := p.UseStores(ctx, next, f.stores()...)
	if err != nil {
		return err
	}
	if f.subjects, err = app.NewSubjects(ctx, next, p.Vault.ReadField, p.Mail()); err == nil {
		f.engine, err = was.engine.With(next)
	}
	if err == nil {
		err = h.server.Use(f.accounts())
	}
	if err != nil {
		undo()
		return err
	}
	h.fleet.Store(f)
	h.freezes.Book.Use(ctx, p.Vault.StoreNames())
	for id, l := range f.leavers {
		p.Log.LogAttrs(ctx, slog.LevelWarn, "no longer configured, and a rotation is open: it is ended first",
			slog.String("credential", id), slog.String("account", l.account.Name))
	}
	select {
	case h.reloaded <- struct{}{}:
	default: // it is about to look anyway
	}
	return nil
}

// leave adds leavers to those that there are, unless the next configuration has them back.
func (f *fleet) leave(next *config.Config, open []*rotation.Credential) (map[string]leaver, error) {
	leavers := maps.Clone(f.leavers)
	maps.DeleteFunc(leavers, func(id string, _ leaver) bool {
		_, back := next.Credential(id)
		return back
	})
	for _, cred := range open {
		subject, err := f.subjects.Of(cred)
		if err != nil {
			return nil, err
		}
		if leavers == nil {
			leavers = map[string]leaver{}
		}
		leavers[cred.ID] = leaver{subject, accountOf(f.cfg, cred.Account)}
	}
	return leavers, nil
}

// seeOff has leavers go as their rotations end, until ctx ends.
func (h *handler) seeOff(ctx context.Context, p *app.Process) {
	for {
		select {
		case <-ctx.Done():
			return
		case id := <-h.ended:
			h.left(ctx, p, id)
		}
	}
}

// left has a leaver go whose rotation has ended. With the last one of an account or of a store, that goes too.
func (h *handler) left(ctx context.Context, p *app.Process, id string) {
	h.changing.Lock()
	defer h.changing.Unlock()
	f := *h.fleet.Load()
	l, leaves := f.leavers[id]
	if !leaves {
		return
	}
	if rec, err := p.Vault.Load(ctx, l.Credential); err != nil || rec.State == rotation.Open {
		return // another run tells
	}
	f.leavers = maps.Clone(f.leavers)
	delete(f.leavers, id)
	_, err := p.UseStores(ctx, f.cfg, f.stores()...)
	if err == nil {
		err = h.server.Use(f.accounts())
	}
	if err != nil {
		p.Log.LogAttrs(ctx, slog.LevelWarn, "what is no longer configured is still served", slog.String("credential", id), slog.Any("error", err))
	}
	h.fleet.Store(&f)
}
