// Command worker takes rotation jobs from the queue and runs them. Any number may run at once.
package main

import (
	"context"
	"time"
	_ "time/tzdata" // schedules name time zones, and a container has no zone files

	"golang.org/x/sync/errgroup"

	"keyturn/internal/app"
	"keyturn/internal/config"
	"keyturn/internal/config/inventory"
	"keyturn/internal/observe"
	"keyturn/internal/queue"
	"keyturn/internal/vaultkv"
)

func main() {
	app.Main(app.Command{
		Name: "worker", Listen: "127.0.0.1:9464", Doc: "takes rotation jobs from the queue and runs them.",
		Access: vaultkv.ReadWrite, Run: run,
	})
}

func run(ctx context.Context, p *app.Process) error {
	cfg := p.Config()
	engine, err := app.NewEngine(ctx, cfg, p.Redis, p.Vault, p.Metrics, p.Log)
	if err != nil {
		return err
	}
	subjects, err := p.Subjects(ctx)
	if err != nil {
		return err
	}
	h := &handler{
		machine: engine.Machine, quotas: engine.Quotas, contacts: engine.Contacts, notes: engine.Index,
		freezes:  p.Freezes(ctx, engine),
		repairs:  &app.Repairs{Machine: engine.Machine, Vault: p.Vault, Index: engine.Index},
		reloaded: make(chan struct{}, 1),
	}
	h.fleet.Store(&fleet{cfg: cfg, subjects: subjects})
	p.Gauges(engine)
	p.Ready["clock"] = func(context.Context) error { return h.ready() }
	server := queue.NewServer(p.Redis) //nolint:contextcheck // it goes by the context of Serve
	server.Breaker, server.Observer, server.Log, server.Now = engine.Breaker, p.Metrics, p.Log, engine.Clock.Now
	p.Ready["paused"] = server.Paused
	p.Ready["queue"] = func(context.Context) error { return server.Ready() }
	server.Grace = h.machine.Timing.Call + 5*time.Second
	p.Metrics.Gauge("keyturn_accounts_served", func(context.Context) ([]observe.Sample, error) {
		return []observe.Sample{{Value: float64(server.Serving())}}, nil
	})
	served := accounts(cfg) // here: what runs until the end must not hold the first configuration

	// /healthz answers until the last run has ended.
	observing, stop := context.WithCancel(context.WithoutCancel(ctx))
	var group errgroup.Group
	group.Go(func() error { return p.Observe(observing) })
	group.Go(func() error {
		engine.Clock.Run(observing)
		return nil
	})
	group.Go(func() error {
		engine.Quotas.Run(observing)
		return nil
	})
	group.Go(func() error {
		h.freezes.Run(ctx)
		return nil
	})
	group.Go(func() error {
		h.checkServers(ctx, p)
		return nil
	})
	group.Go(func() error {
		h.awaitKeys(ctx, p)
		return nil
	})
	group.Go(func() error {
		defer stop()
		return server.Serve(ctx, served, h)
	})
	group.Go(func() error {
		return p.Watch(ctx, func(next *config.Config, _ inventory.Difference) error { return h.reload(ctx, p, next) })
	})
	return group.Wait()
}

func accounts(cfg *config.Config) []queue.AccountSettings {
	all := make([]queue.AccountSettings, 0, len(cfg.Accounts))
	for name, a := range cfg.Accounts {
		all = append(all, queue.AccountSettings{Name: name, Concurrency: a.Concurrency, Timeout: cfg.Timing.TaskTimeout})
	}
	return all
}
