package app

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/config"
	"keyturn/internal/config/inventory"
	"keyturn/internal/observe"
	"keyturn/internal/providers"
	"keyturn/internal/queue"
	"keyturn/internal/redisx"
	"keyturn/internal/secret"
	"keyturn/internal/vaultkv"
	"keyturn/internal/version"
)

// Process is what the long-running commands share: a checked configuration, connections that answered, and a place to
// be seen from outside.
type Process struct {
	Name    string // of the command
	Redis   redis.UniversalClient
	Vault   *vaultkv.Vault
	Log     *slog.Logger
	Metrics *observe.Metrics
	Health  *observe.Health
	Ready   map[string]func(context.Context) error // checks of /readyz by name; run adds its own before Observe

	// inForce is the only place that keeps a configuration: each may have hundreds of megabytes, and the one before must go.
	inForce  atomic.Pointer[config.Config]
	listener net.Listener
	again    chan os.Signal // a SIGHUP; taken from the start, because a sender does not wait for a process to be ready
}

// The exit statuses of a process that did not start.
const (
	exitStart = 1 // something outside is not as it must be
	exitUsage = 2 // the command line or the configuration is wrong
)

// usageError is a mistake that no restart mends.
type usageError struct{ error }

// Command describes a long-running command.
type Command struct {
	Name   string
	Listen string // where it answers if -listen does not say
	Doc    string // a sentence for -help
	Access vaultkv.Access
	Run    func(context.Context, *Process) error
}

// Main reads flags and configuration, connects, and calls c.Run until a signal comes. It never starts half: whatever
// is wrong is printed, and the exit status tells.
func Main(c Command) {
	stderr := observe.NewPrintable(os.Stderr)
	if err := secret.ForbidCore(); err != nil {
		fmt.Fprintln(stderr, c.Name+": a crash may leave a core file: "+err.Error())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := c.start(ctx)
	if err == nil {
		return
	}
	stop()
	fmt.Fprintln(stderr, c.Name+": "+err.Error())
	var usage usageError
	if errors.As(err, &usage) {
		os.Exit(exitUsage)
	}
	os.Exit(exitStart)
}

func (c Command) start(ctx context.Context) error {
	flags := flag.NewFlagSet(c.Name, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // a mistake is told once, by Main, and not under a page of help
	flags.Usage = func() {
		fmt.Fprintf(flags.Output(), "%s %s\n\nFlags:\n", c.Name, c.Doc)
		flags.PrintDefaults()
	}
	path := flags.String("config", "keyturn.yaml", "configuration `FILE`")
	addr := flags.String("listen", c.Listen, "`ADDRESS` of /healthz, /readyz and /metrics")
	level := slog.LevelInfo
	flags.TextVar(&level, "log-level", level, "debug, info, warn or error")
	showVersion := flags.Bool("version", false, "print the version, and exit")
	health := flags.Bool("health", false, "ask the process that runs with this -listen whether it is ready, and exit")
	switch err := flags.Parse(os.Args[1:]); {
	case errors.Is(err, flag.ErrHelp):
		flags.SetOutput(os.Stdout)
		flags.Usage()
		return nil
	case err != nil:
		return usageError{fmt.Errorf("%w (%s -help lists the flags)", err, c.Name)}
	case flags.NArg() > 0:
		return usageError{fmt.Errorf("unexpected argument %q", flags.Arg(0))}
	}
	if *showVersion {
		fmt.Println(c.Name, version.Read())
		return nil
	}
	if *health {
		return observe.CheckHealth(ctx, *addr)
	}
	cfg, err := config.Load(*path, providers.All())
	if err != nil {
		return usageError{err}
	}
	p, err := c.connect(ctx, cfg, *addr, level)
	if err != nil {
		return err
	}
	p.Name = c.Name
	defer p.close()
	return c.Run(ctx, p)
}

func (c Command) connect(ctx context.Context, cfg *config.Config, addr string, level slog.Level) (*Process, error) {
	p := &Process{Log: observe.NewLogger(os.Stderr, level), Metrics: observe.NewMetrics(), again: make(chan os.Signal, 1)}
	p.use(cfg)
	signal.Notify(p.again, syscall.SIGHUP)
	p.Health = observe.NewHealth(p.Log)
	queue.LogClient(p.Log)
	var redisErr, vaultErr, listenErr error
	p.Redis, redisErr = Redis(ctx, cfg)
	p.Vault, vaultErr = Vault(ctx, cfg, c.Access, func(err error) {
		p.Log.WarnContext(ctx, "credentials wait", "cause", err.Error())
	})
	p.listener, listenErr = observe.Listen(ctx, addr)
	if err := errors.Join(redisErr, vaultErr, listenErr); err != nil {
		p.close()
		return nil, err
	}
	p.Ready = map[string]func(context.Context) error{
		"redis": func(ctx context.Context) error {
			return errors.Join(redisx.TakesWrites(ctx, p.Redis), checkTLS(p.Config().Redis.TLS))
		},
		"vault": func(ctx context.Context) error { return p.Vault.Check(ctx, c.Access) },
	}
	return p, nil
}

// Config returns the configuration in force. A long run asks again, because it must not outlive its time.
func (p *Process) Config() *config.Config { return p.inForce.Load() }

// use puts a configuration in force.
func (p *Process) use(cfg *config.Config) {
	p.inForce.Store(cfg)
	limitMemory(cfg.Len())
}

// Observe answers /healthz, /readyz and /metrics until ctx ends. It says in the log that the process has started, so run
// calls it when nothing is missing any more.
func (p *Process) Observe(ctx context.Context) error {
	cfg := p.Config()
	p.Log.InfoContext(ctx, "started", "process", p.Name, "listen", p.listener.Addr().String(), "credentials", cfg.Len(), "fingerprint", cfg.Fingerprint()[:12])
	defer p.Log.InfoContext(ctx, "stopped", "process", p.Name)
	ready := p.Health.Watch(p.Ready)
	p.Health.Gauges(p.Metrics)
	var background sync.WaitGroup
	background.Go(func() { p.Health.Run(ctx, ready) })
	defer background.Wait()
	return observe.Endpoint{Metrics: p.Metrics, Ready: ready, Log: p.Log}.Serve(ctx, p.listener)
}

// Watch calls changed with every new configuration and what differs in it, until ctx ends: when a file changes and on
// SIGHUP. A configuration with a mistake, or one that changed returns an error for, changes nothing: /readyz and the log
// say why.
func (p *Process) Watch(ctx context.Context, changed func(*config.Config, inventory.Difference) error) error {
	running, open := p.Config().Accounts, p.Config().Stores // and not the rest, which may be large
	return config.Watch(ctx, p.Config(), p.again, func(next *config.Config, err error) {
		var d inventory.Difference
		if err == nil {
			d = inventory.Diff(&p.Config().Inventory, &next.Inventory)
			err = changed(next, d)
		}
		if err == nil {
			p.use(next)
			p.Log.InfoContext(ctx, "configuration reloaded", "credentials", next.Len(), "added", len(d.Added), "changed", len(d.Changed),
				"removed", len(d.Removed), "fingerprint", next.Fingerprint()[:12])
			if names := needRestart(running, next.Accounts); len(names) > 0 {
				p.Log.WarnContext(ctx, "accounts that are new, or of another rate, timeout or concurrency, need a restart", "accounts", names)
			}
			if names := otherStores(open, next.Stores); len(names) > 0 {
				p.Log.WarnContext(ctx, "stores that are new or changed need a restart", "stores", names)
			}
		}
		p.Health.Set(ctx, "configuration", err)
	})
}

// needRestart names the accounts for which a process goes on as before, or does nothing: it makes their servers and
// limiters once, at its start.
func needRestart(running, next map[string]*config.Account) []string {
	var names []string
	for name, now := range next {
		was, ok := running[name]
		if !ok || was.Timeout != now.Timeout || was.Concurrency != now.Concurrency || !slices.Equal(was.Rates, now.Rates) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// otherStores names the stores that a process, which opens them once at its start, does not have as they are configured now.
func otherStores(running, next map[string]*config.Store) []string {
	var names []string
	for name, now := range next {
		if !reflect.DeepEqual(running[name], now) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (p *Process) close() {
	signal.Stop(p.again)
	if p.Vault != nil {
		p.Vault.Close()
	}
	if p.Redis != nil {
		_ = p.Redis.Close()
	}
	if p.listener != nil {
		_ = p.listener.Close()
	}
}
