package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime"

	"keyturn/internal/config"
	"keyturn/internal/devenv"
	"keyturn/internal/providers"
)

// lab is what all sections share. Each starts a Redis of its own.
type lab struct {
	*devenv.Stage
	profile string // where a CPU profile goes; "" for none
	fleets  int    // made so far
}

// keys are the sandbox's own management keys.
var keys = [][2]string{{"BENCH_ID", "testid"}, {"BENCH_KEY", "testsecret"}}

func open(ctx context.Context) (*lab, error) {
	dir, err := os.MkdirTemp("", "keyturn-bench-")
	if err != nil {
		return nil, err
	}
	l := &lab{Stage: &devenv.Stage{Dir: dir}}
	for _, key := range keys {
		l.Env = append(l.Env, key[0]+"="+key[1])
		// The accounts of the fleets that are run in this process read their keys as any worker does.
		if err := os.Setenv(key[0], key[1]); err != nil {
			return nil, err
		}
	}
	if err := l.Raise(ctx, devenv.StageOptions{Sandbox: []string{"-rate", provider + "=0"}}); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return l, nil
}

func (l *lab) close() error { return errors.Join(l.Strike(), os.RemoveAll(l.Dir)) }

// know makes a sandbox know the first n targets of a fleet.
func (f *fleet) know(ctx context.Context, n int) error {
	body := map[string]any{"provider": provider, "pattern": map[string]any{"target": f.name + "-%07d@example.com", "count": n}}
	return f.box.Ask(ctx, http.MethodPost, "/targets", body, nil)
}

// describe prints the machine and the defaults that everything is measured with.
func (l *lab) describe() error {
	f, err := l.fleet(plan{size: 1})
	if err != nil {
		return err
	}
	cfg, err := config.Load(f.Config(), providers.All())
	if err != nil {
		return err
	}
	fmt.Printf("machine: %d CPUs, %s/%s, %s\n", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
	t := cfg.Timing
	fmt.Printf("default: timing provider_timeout=%s task_timeout=%s resume_after=%s min_interval=%s recheck_after=%s\n",
		t.ProviderTimeout, t.TaskTimeout, t.ResumeAfter, t.MinInterval, t.RecheckAfter)
	for name, a := range cfg.Accounts {
		fmt.Printf("default: account %s concurrency=%d timeout=%s (rate of this bench: %v)\n", name, a.Concurrency, a.Timeout, a.Rates)
	}
	return nil
}
