package app

import (
	"context"
	"time"

	"keyturn/internal/config"
	"keyturn/internal/freeze"
	"keyturn/internal/observe"
	"keyturn/internal/operate"
	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

// Freezes is what is frozen for this process: by persons, as the stores said last, and by the configuration in force.
type Freezes struct {
	Config func() *config.Config
	Book   *freeze.Book
}

// Freezes reads what is frozen. Run keeps it up to date; until a store was read, the scheduled work of its credentials waits.
func (p *Process) Freezes(ctx context.Context, e *Engine) *Freezes {
	f := &Freezes{Config: p.Config, Book: freeze.NewBook(ctx, p.Vault.StoreNames(), p.Vault, e.Index, e.Clock, p.Log)}
	p.Metrics.Gauge("keyturn_frozen", func(context.Context) ([]observe.Sample, error) {
		accounts := p.accounts()
		all := make([]observe.Sample, len(accounts))
		for i, account := range accounts {
			all[i].Labels = []string{account}
			if f.AllFrozen(account, e.Clock.Now()) { //nolint:contextcheck // a clock is read
				all[i].Value = 1
			}
		}
		return all, nil
	})
	p.Ready["freezes"] = func(context.Context) error { return f.Book.Ready() }
	return f
}

// Run reads what is frozen until ctx ends.
func (f *Freezes) Run(ctx context.Context) { f.Book.Run(ctx) }

// Of is the freeze that holds scheduled work of a credential back; nil where none does.
func (f *Freezes) Of(cred *rotation.Credential, now time.Time) *freeze.Freeze {
	cfg := f.Config()
	return f.Book.Holds(cfg.Freezes, cred.Place.Store, cred.Account, cfg.Marks(cred), now)
}

// Frozen implements due.Freezes.
func (f *Freezes) Frozen(cred *rotation.Credential, now time.Time) bool {
	return f.Of(cred, now) != nil
}

// AllFrozen implements due.Freezes.
func (f *Freezes) AllFrozen(account string, now time.Time) bool {
	return f.Book.HoldsAll(f.Config().Freezes, account, now)
}

// Write does what a person asked for who has no rights in Vault: it writes a freeze, or ends one.
func (f *Freezes) Write(ctx context.Context, records operate.Freezes, calendar operate.Calendar, clock rotation.Clock, job queue.Job) rotation.Result {
	desk := operate.For(f.Config())
	desk.Freezes, desk.Calendar, desk.Clock = records, calendar, clock
	asked := job.Freeze
	var err error
	scope := freeze.Scope{Account: asked.Account, Owner: asked.Owner, Labels: asked.Labels}
	if asked.Until.IsZero() {
		_, err = desk.Thaw(ctx, scope, job.RequestedBy)
	} else {
		_, err = desk.Freeze(ctx, operate.FreezeRequest{Scope: scope, Until: asked.Until, Reason: asked.Reason, By: job.RequestedBy})
	}
	switch {
	case operate.KindOf(err) == operate.Beneath:
		return done(err)
	case !asked.Until.IsZero():
		return done(queue.ErrNoFreeze)
	case job.Attempt > 0:
		return done(nil) // an earlier run of this job has thawed it, all but the stores that were away
	}
	return done(queue.ErrNotFrozen)
}
