// Command worker takes rotation jobs from the queue and runs them. Any number may run at once.
package main

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"
	_ "time/tzdata" // schedules name time zones, and a container has no zone files

	"golang.org/x/sync/errgroup"

	"keyturn/internal/app"
	"keyturn/internal/command"
	"keyturn/internal/config"
	"keyturn/internal/config/inventory"
	"keyturn/internal/observe"
	"keyturn/internal/queue"
	"keyturn/internal/vaultkv"
)

func main() {
	var commands command.Dir
	app.Main(app.Command{
		Name: "worker", Listen: "127.0.0.1:9464", Doc: "takes rotation jobs from the queue and runs them.",
		Access: vaultkv.ReadWrite,
		Flags: func(flags *flag.FlagSet) {
			flags.StringVar((*string)(&commands), "hook-dir", "", "run the commands of notify that stand in `DIR`; without it, other workers run them")
		},
		Run: func(ctx context.Context, p *app.Process) error { return run(ctx, p, commands) },
	})
}

func run(ctx context.Context, p *app.Process, commands command.Dir) error {
	if commands != "" {
		dir, err := filepath.Abs(string(commands))
		if err != nil {
			return fmt.Errorf("-hook-dir: %w", err)
		}
		if commands = command.Dir(dir); commands.Check() != nil {
			return fmt.Errorf("-hook-dir: %w", commands.Check())
		}
	}
	cfg := p.Config()
	engine, err := app.NewEngine(ctx, cfg, p.Redis, p.Vault, p.Metrics, p.Log)
	if err != nil {
		return err
	}
	subjects, err := p.Subjects(ctx)
	if err != nil {
		return err
	}
	server := queue.NewServer(p.Redis) //nolint:contextcheck // it goes by the context of Serve
	server.Breaker, server.Observer, server.Log, server.Now, server.Apart = engine.Breaker, p.Metrics, p.Log, engine.Clock.Now, engine.Apart
	server.Tracer = p.Tracer
	h := &handler{
		clock: engine.Clock, log: p.Log, vault: p.Vault, notes: engine.Index, quotas: engine.Quotas, freezes: p.Freezes(ctx, engine),
		deliveries: p.NewDeliveries(p.Redis, engine, commands),
		server:     server, ended: make(chan leaver, maxEnded), reloaded: make(chan struct{}, 1),
	}
	h.fleet.Store(&fleet{cfg: cfg, subjects: subjects, engine: engine})
	if err := server.Use(append(h.fleet.Load().accounts(), app.SinkSettings(cfg, commands)...)); err != nil {
		return err
	}
	engine.Keys.Use(func() *app.Subjects { return h.fleet.Load().subjects })
	p.Ready["keys"] = func(context.Context) error { return engine.Keys.Ready() }
	p.Gauges(engine)
	p.Ready["clock"] = func(context.Context) error { return h.ready() }
	p.Ready["paused"] = server.Paused
	p.Ready["queue"] = func(context.Context) error { return server.Ready() }
	p.Metrics.Gauge("keyturn_accounts_served", func(context.Context) ([]observe.Sample, error) {
		return []observe.Sample{{Value: float64(server.Serving())}}, nil
	})

	// /healthz answers until the last run has ended.
	observing, stop := context.WithCancel(context.WithoutCancel(ctx))
	var group errgroup.Group
	group.Go(func() error { return p.Observe(observing) })
	beside(observing, &group, engine.Clock.Run, engine.Quotas.Run, engine.Tallies.Run)
	beside(ctx, &group, h.freezes.Run, engine.Keys.Run,
		func(ctx context.Context) { h.checkServers(ctx, p) },
		func(ctx context.Context) { h.awaitKeys(ctx, p) },
		func(ctx context.Context) { h.seeOff(ctx, p) },
		h.deliveries.Announce)
	group.Go(func() error {
		defer stop()
		return server.Serve(ctx, h)
	})
	group.Go(func() error {
		return p.Watch(ctx, func(next *config.Config, d inventory.Difference) error { return h.reload(ctx, p, next, d) })
	})
	return group.Wait()
}

// beside runs parts of a group that go on until ctx ends, and cannot fail.
func beside(ctx context.Context, group *errgroup.Group, parts ...func(context.Context)) {
	for _, part := range parts {
		group.Go(func() error {
			part(ctx)
			return nil
		})
	}
}
