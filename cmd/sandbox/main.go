// Command sandbox serves stand-ins of the provider APIs and of their SMTP submission servers. See docs/sandbox.md.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"keyturn/internal/sandbox"
	"keyturn/internal/sandbox/core"
	"keyturn/internal/version"
)

// grace is how long requests in flight may take after a signal.
const grace = 3 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "sandbox:", err)
		stop()
		os.Exit(1)
	}
}

// options are the flags that are not part of core.Config.
type options struct {
	config core.Config
	data   string
	health bool
	shown  bool // the version, and nothing else
	skew   time.Duration
	rates  map[string]core.Rate
	files  []string // descriptions
}

func parse(args []string, stderr io.Writer) (options, error) {
	o := options{rates: map[string]core.Rate{}}
	c := &o.config
	fs := flag.NewFlagSet("sandbox", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&c.Listen, "listen", "127.0.0.1:7500", "`host:port`; port 0 takes free ports, port P those from P on that docs/sandbox.md lists")
	fs.BoolVar(&c.Public, "public", false, "allow a host that is not loopback; everyone who reaches it sees live passwords")
	fs.StringVar(&c.Name, "name", "", "`host` by which clients reach it: in the ready line and the certificate (default: the host of -listen)")
	fs.StringVar(&c.StateFile, "state", "", "`file` that keeps passwords across restarts (default: memory only)")
	fs.StringVar(&o.data, "data", "", "YAML or JSON `file` with more credentials, keys, rates and options")
	fs.StringVar(&c.CAFile, "ca-out", "", "`file` to write the certificate authority of the SMTP servers to")
	fs.DurationVar(&c.Delay, "delay", 0, "hold every reply back for this long")
	fs.DurationVar(&c.Jitter, "jitter", 0, "and for a random time of up to this")
	fs.Uint64Var(&c.Seed, "seed", 1, "seed of the faults that have a probability")
	fs.DurationVar(&o.skew, "skew", 0, "run the sandbox's clock ahead by this (or behind), to see what clients with a wrong clock do")
	fs.BoolVar(&o.health, "health", false, "ask the sandbox at -listen whether it is well, and exit 0 if so")
	fs.BoolVar(&o.shown, "version", false, "print the version, and exit")
	fs.Func("rate", "`provider=rate`, where the rate is as in 20/s; 0 sets no limit; may be repeated", func(s string) error {
		code, text, _ := strings.Cut(s, "=")
		rate, err := core.ParseRate(text)
		o.rates[code] = rate
		return err
	})
	fs.Func("provider", "`file` that describes a provider, to be played as well (docs/providers/declared.md); may be repeated", func(s string) error {
		o.files = append(o.files, s)
		return nil
	})
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if fs.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	return o, nil
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	if o.shown {
		_, err := fmt.Fprintln(stdout, "sandbox", version.Read())
		return err
	}
	if o.health {
		return healthy(ctx, o.config.Listen)
	}
	config := o.config
	if config.StandIns, err = played(o.files); err != nil {
		return err
	}
	config.Log = slog.New(slog.NewJSONHandler(stderr, nil))
	config.Now = func() time.Time { return time.Now().Add(o.skew) }
	config.Providers = map[string]core.ProviderConfig{}
	if o.data != "" {
		if config.Providers, err = core.LoadData(o.data); err != nil {
			return err
		}
	}
	for code, rate := range o.rates {
		p := config.Providers[code]
		p.Rate = &rate
		config.Providers[code] = p
	}
	server, err := sandbox.Start(ctx, config)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(stdout).Encode(server.Ready()); err != nil {
		return errors.Join(err, server.Close(ctx))
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Wait() }()
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	return errors.Join(err, server.Close(closing))
}

// healthy asks the admin API at addr, the first of the sandbox's ports.
func healthy(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/healthz", http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", addr, resp.Status)
	}
	return nil
}
