// Command console serves an API and pages over HTTP on which operators see their fleet and act on it. Any number may run at once;
// none has rights in Vault.
package main

import (
	"context"
	_ "time/tzdata" // schedules name time zones, and a container has no zone files

	"golang.org/x/sync/errgroup"

	"keyturn/internal/app"
	"keyturn/internal/config"
	"keyturn/internal/config/inventory"
)

func main() {
	app.Main(app.Command{
		Name: "console", Listen: "127.0.0.1:9466", Doc: "serves the console that the configuration describes.", NoVault: true, Run: run,
	})
}

func run(ctx context.Context, p *app.Process) error {
	c, err := p.NewConsole(ctx)
	if err != nil {
		return err
	}
	l, err := c.Listen(ctx)
	if err != nil {
		return err
	}
	p.Ready["tokens"], p.Ready["oidc"] = c.Ready, c.OIDCReady
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return p.Observe(ctx) })
	group.Go(func() error { c.Clock.Run(ctx); return nil })
	group.Go(func() error { return c.Serve(ctx, l) })
	group.Go(func() error {
		return p.Watch(ctx, func(next *config.Config, _ inventory.Difference) error { return c.Use(next) })
	})
	return group.Wait()
}
