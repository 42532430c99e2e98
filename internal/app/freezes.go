package app

import (
	"context"
	"time"

	"keyturn/internal/config"
	"keyturn/internal/freeze"
	"keyturn/internal/observe"
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
