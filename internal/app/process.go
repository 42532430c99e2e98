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
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/config"
	"keyturn/internal/observe"
	"keyturn/internal/providers"
	"keyturn/internal/queue"
	"keyturn/internal/redisx"
	"keyturn/internal/secret"
	"keyturn/internal/tracing"
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
	Tracer  *tracing.Tracer                        // nil: tracing is off

	// inForce is the only place that keeps a configuration: each may have hundreds of megabytes, and the one before must go.
	inForce  atomic.Pointer[config.Config]
	listener net.Listener
	again    chan os.Signal // a SIGHUP; taken from the start, because a sender does not wait for a process to be ready

	opening sync.Mutex
	opened  map[string]opened // the stores in force
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
	// NoVault is a command that has no rights in Vault, and asks for none.
	NoVault bool
	// Flags adds flags of its own; nil: it has none.
	Flags func(*flag.FlagSet)
	Run   func(context.Context, *Process) error
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
	if c.Flags != nil {
		c.Flags(flags)
	}
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
	defer p.close(ctx)
	return c.Run(ctx, p)
}

func (c Command) connect(ctx context.Context, cfg *config.Config, addr string, level slog.Level) (*Process, error) {
	p := &Process{Log: observe.NewLogger(os.Stderr, level), Metrics: observe.NewMetrics(), again: make(chan os.Signal, 1)}
	p.use(cfg)
	signal.Notify(p.again, syscall.SIGHUP)
	p.Health = observe.NewHealth(p.Log)
	queue.LogClient(p.Log)
	var err error
	if p.Tracer, err = tracing.Open(ctx, c.Name, os.Getenv, p.Log); err != nil {
		p.close(ctx)
		return nil, usageError{err}
	}
	hide(p.Tracer, p.Config)
	var redisErr, vaultErr, listenErr error
	p.Redis, redisErr = Redis(ctx, cfg)
	if !c.NoVault {
		p.Vault, vaultErr = Vault(ctx, cfg, c.Access, func(err error) {
			p.Log.WarnContext(ctx, "credentials wait", "cause", err.Error())
		})
	}
	p.listener, listenErr = observe.Listen(ctx, addr)
	if err := errors.Join(redisErr, vaultErr, listenErr); err != nil {
		p.close(ctx)
		return nil, err
	}
	p.Ready = map[string]func(context.Context) error{
		"redis": func(ctx context.Context) error {
			return errors.Join(redisx.TakesWrites(ctx, p.Redis), checkTLS(p.Config().Redis.TLS))
		},
	}
	if c.NoVault {
		return p, nil
	}
	p.Ready["vault"] = func(ctx context.Context) error { return p.Vault.Check(ctx, c.Access) }
	if err := p.open(ctx, cfg); err != nil {
		p.close(ctx)
		return nil, err
	}
	return p, nil
}

// open notes what logs in to the stores in force.
func (p *Process) open(ctx context.Context, cfg *config.Config) error {
	p.opened = make(map[string]opened, len(cfg.Stores))
	for name, s := range cfg.Stores {
		settings, err := storeConfig(ctx, s) // it was read a moment ago
		if err != nil {
			return err
		}
		p.opened[name] = opened{s, settings}
	}
	return nil
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

func (p *Process) close(ctx context.Context) {
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
	_ = p.Tracer.Close(ctx) // it has logged what it could not hand over
}
