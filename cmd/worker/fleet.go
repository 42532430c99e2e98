package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

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
	account  queue.AccountSettings
	provider string
}

// subject finds what a job names. A payload is hostile input: only what the configuration has at this account is rotated.
func (f *fleet) subject(job queue.Job) (rotation.Subject, error) {
	cred, ok := f.cfg.Credential(job.Credential)
	if !ok {
		if l, leaves := f.leavers[job.Credential]; leaves && l.Credential.Account == job.Account {
			return f.ofLeaver(l), nil
		}
		return rotation.Subject{}, queue.ErrUnknown
	}
	if cred.Account != job.Account {
		return rotation.Subject{}, errors.Join(queue.ErrUnknown, errWrongAccount)
	}
	return f.subjects.Of(cred)
}

// ofLeaver is a leaver with what acts on it: with the keys of now where its account stays.
func (f *fleet) ofLeaver(l leaver) rotation.Subject {
	s := l.Subject
	if a := f.cfg.Accounts[l.account.Name]; a != nil && a.Provider.Code == l.provider {
		s.Client = f.subjects.Client(l.account.Name)
	}
	return s
}

// accounts are those that are served: those of the configuration, and those of leavers.
func (f *fleet) accounts() []queue.AccountSettings {
	all := make([]queue.AccountSettings, 0, len(f.cfg.Accounts))
	for name := range f.cfg.Accounts {
		all = append(all, f.account(name))
	}
	for _, l := range f.leavers {
		if !slices.ContainsFunc(all, func(a queue.AccountSettings) bool { return a.Name == l.account.Name }) {
			all = append(all, l.account)
		}
	}
	return all
}

func (f *fleet) account(name string) queue.AccountSettings {
	return queue.AccountSettings{
		Name: name, Concurrency: f.cfg.Accounts[name].Concurrency, Timeout: f.cfg.Timing.TaskTimeout,
		Grace: f.engine.Machine.Timing.Call + 5*time.Second,
	}
}

// leaver is what becomes of a credential that goes while its rotation is open.
func (f *fleet) leaver(s rotation.Subject) leaver {
	name := s.Credential.Account
	return leaver{s, f.account(name), f.cfg.Accounts[name].Provider.Code}
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
	open, err := p.Leavers(ctx, next, d.Removed)
	if err != nil {
		return err
	}
	f := &fleet{cfg: next}
	if f.leavers, err = was.leave(next, open, p.Log); err != nil {
		return err
	}
	stores, err := p.PrepareStores(ctx, next, f.stores()...)
	if err != nil {
		return err
	}
	if f.subjects, err = stores.Subjects(ctx, next); err != nil {
		return err
	}
	if f.engine, err = was.engine.With(next); err != nil {
		return err
	}
	f.engine.Keys.Carry(ctx, was.subjects, f.subjects)
	if err := h.install(f, stores); err != nil {
		return err
	}
	h.freezes.Book.Use(ctx, p.Vault.StoreNames())
	f.engine.Keys.Replaced(ctx, was.subjects, f.subjects)
	select {
	case h.reloaded <- struct{}{}:
	default: // it is about to look anyway
	}
	return nil
}

// install puts a fleet in force, before the accounts that it alone has are served.
func (h *handler) install(f *fleet, stores *app.Stores) error {
	accounts := append(f.accounts(), app.SinkSettings(f.cfg, h.deliveries.Commands)...)
	for _, a := range accounts {
		if err := a.Check(); err != nil {
			return err
		}
	}
	stores.Commit()
	h.fleet.Store(f)
	return h.server.Use(accounts)
}

// leave adds leavers to those that there are, unless the next configuration has them back where they are.
func (f *fleet) leave(next *config.Config, open []*rotation.Credential, log *slog.Logger) (map[string]leaver, error) {
	leavers := map[string]leaver{}
	var moved []error
	for id, l := range f.leavers {
		switch back, is := next.Credential(id); {
		case !is:
			leavers[id] = l
		case back.Place != l.Credential.Place || back.Account != l.Credential.Account:
			moved = append(moved, fmt.Errorf("credential %s: a rotation is open: it can come back elsewhere when that has ended", id))
		}
	}
	for _, cred := range open {
		subject, err := f.subjects.Of(cred)
		if err != nil {
			log.Warn("no longer configured, and its open rotation cannot be ended", "credential", cred.ID, "error", err)
			continue
		}
		leavers[cred.ID] = f.leaver(subject)
		log.Warn("no longer configured, and a rotation is open: it is ended first", "credential", cred.ID, "account", cred.Account)
	}
	return leavers, errors.Join(moved...)
}

const (
	maxEnded = 64 // that wait to be looked at; the rest is seen later
	// seeEvery is how often leavers are looked at, whichever worker had the run that ended their rotation.
	seeEvery = 30 * time.Second
)

// lookAfter has a credential looked at that had a run and is not in force any more, or never was a leaver: the run may have
// ended its rotation, or begun it since the fleet was replaced.
func (h *handler) lookAfter(f *fleet, s rotation.Subject) {
	if _, is := h.fleet.Load().cfg.Credential(s.Credential.ID); is {
		return
	}
	l, leaves := f.leavers[s.Credential.ID]
	if !leaves {
		l = f.leaver(s)
	}
	select {
	case h.ended <- l:
	default: // it is looked at in time
	}
}

// seeOff has leavers go as their rotations end, until ctx ends.
func (h *handler) seeOff(ctx context.Context, p *app.Process) {
	ticker := time.NewTicker(seeEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case l := <-h.ended:
			h.see(ctx, p, l)
		case <-ticker.C:
			for _, l := range h.fleet.Load().leavers {
				h.see(ctx, p, l)
			}
		}
	}
}

// see looks at the journal of a credential that is not configured any more. While it is open it is a leaver, for which there
// is a job; then it goes, and with the last one of an account or of a store, that goes too.
func (h *handler) see(ctx context.Context, p *app.Process, l leaver) {
	h.changing.Lock()
	defer h.changing.Unlock()
	f := *h.fleet.Load()
	id := l.Credential.ID
	if _, back := f.cfg.Credential(id); back {
		return
	}
	rec, err := p.Vault.Load(ctx, l.Credential)
	if err != nil {
		return // it is looked at again
	}
	_, leaves := f.leavers[id]
	open := rec.State == rotation.Open
	if open {
		// No scheduler knows of it any more. One that is there already is success.
		_ = f.engine.Client.Enqueue(ctx, l.Credential.Account, id, rec.Slot, rotation.ReasonResume, true)
	}
	if open == leaves {
		return
	}
	leavers := map[string]leaver{}
	maps.Copy(leavers, f.leavers)
	if f.leavers = leavers; open {
		leavers[id] = l
	} else {
		delete(leavers, id)
	}
	stores, err := p.PrepareStores(ctx, f.cfg, f.stores()...)
	if err == nil {
		err = h.install(&f, stores)
	}
	if err != nil {
		p.Log.LogAttrs(ctx, slog.LevelWarn, "what is no longer configured cannot be ended or let go", slog.String("credential", id), slog.Any("error", err))
		return
	}
	h.freezes.Book.Use(ctx, p.Vault.StoreNames())
}
