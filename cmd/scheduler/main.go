// Command scheduler enqueues rotation jobs when they are due. Any number may run at once; none owns anything.
package main

import (
	"context"
	"maps"
	"slices"
	"time"
	_ "time/tzdata" // schedules name time zones, and a container has no zone files

	"golang.org/x/sync/errgroup"

	"keyturn/internal/app"
	"keyturn/internal/config"
	"keyturn/internal/config/inventory"
	"keyturn/internal/due"
	"keyturn/internal/rotation"
	"keyturn/internal/schedule"
	"keyturn/internal/vaultkv"
)

func main() {
	app.Main(app.Command{
		Name: "scheduler", Listen: "127.0.0.1:9465", Doc: "enqueues rotation jobs when they are due.",
		Access: vaultkv.ReadOnly, Run: run,
	})
}

func run(ctx context.Context, p *app.Process) error {
	cfg := p.Config()
	engine, err := app.NewEngine(ctx, cfg, p.Redis, p.Vault, p.Metrics, p.Log)
	if err != nil {
		return err
	}
	p.Gauges(engine)
	freezes := p.Freezes(ctx, engine)
	s := &due.Scheduler{
		Index: engine.Index, Queue: p.Claims(engine.Client), Truth: due.Truth{Journals: p.Vault, Secrets: p.Vault},
		Clock: engine.Clock, Log: p.Log, Notices: engine.Machine.Notices, Jitter: due.Jitter, Freezes: freezes,
		Remind: p.Remind(engine.Index),
	}
	checks := &due.Rounds{Name: "check", Index: engine.Index, Enqueue: p.Round(engine.Client.EnqueueCheck), Clock: engine.Clock, Log: p.Log, Jitter: due.Jitter}
	contacts := &due.Rounds{Name: "contacts", Index: engine.Index, Enqueue: p.Round(engine.Client.EnqueueContacts), Clock: engine.Clock, Log: p.Log, Jitter: due.Jitter}
	checks.Use(driftChecks(cfg))
	contacts.Use(contactRounds(cfg))
	s.Use(cfg, load(cfg))
	gauges(p.Metrics, s)
	p.Ready["schedule"] = func(context.Context) error { return s.Ready() }
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return p.Observe(ctx) })
	group.Go(func() error { engine.Clock.Run(ctx); return nil })
	group.Go(func() error { freezes.Run(ctx); return nil })
	group.Go(func() error { s.Run(ctx); return nil })
	group.Go(func() error { checks.Run(ctx); return nil })
	group.Go(func() error { contacts.Run(ctx); return nil })
	group.Go(func() error { p.Dispatcher(engine).Run(ctx); return nil })
	group.Go(func() error {
		return p.Watch(ctx, func(next *config.Config, d inventory.Difference) error {
			stores, err := p.PrepareStores(ctx, next)
			if err != nil {
				return err
			}
			stores.Commit()
			freezes.Book.Use(ctx, p.Vault.StoreNames())
			s.Use(next, load(next))
			checks.Use(driftChecks(next))
			contacts.Use(contactRounds(next))
			go left{p.Vault, p.Log}.tell(ctx, d.Removed) // which may take long
			return nil
		})
	})
	return group.Wait()
}

// driftChecks ask every credential that can be asked whether its password in Vault still works, and look after the identities
// of those that have several.
func driftChecks(cfg *config.Config) due.Plan {
	return due.Plan{Subjects: cfg.Credentials(), When: func(c *rotation.Credential) *schedule.Schedule {
		if c.Verify.Mode == rotation.VerifyOff && c.Overlap == nil {
			return nil
		}
		return cfg.Timing.DriftCheck
	}}
}

// contactRounds are the contact verifications; to the index a verification is a credential without a password.
func contactRounds(cfg *config.Config) due.Plan {
	all := make([]*rotation.Credential, 0, len(cfg.Verifications))
	for _, v := range cfg.Verifications {
		all = append(all, &rotation.Credential{ID: v.Name, Account: v.Account, Schedule: v.Schedule})
	}
	return due.Plan{Subjects: slices.Values(all), When: func(c *rotation.Credential) *schedule.Schedule { return c.Schedule }}
}

// admitFor is how much work of an account may wait in the queue.
const admitFor = 2 * time.Minute

// maxAdmitted bounds it: the fastest accounts are refilled with every tick.
const maxAdmitted = 5000

func load(cfg *config.Config) due.Load {
	all := make([]due.Account, 0, len(cfg.Accounts))
	for _, name := range slices.Sorted(maps.Keys(cfg.Accounts)) {
		served := rotation.CallsIn(cfg.Accounts[name].Rates, admitFor)
		all = append(all, due.Account{Name: name, Capacity: int(max(10, min(served, maxAdmitted)))})
	}
	return due.Load{Accounts: all, Resume: cfg.Timing.ResumeAfter}
}
