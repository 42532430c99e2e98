package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"keyturn/internal/devenv"
)

// program is one of keyturn's processes.
type program struct {
	*devenv.Process
	addr string
}

// run starts a program on a fleet and waits until path answers with 200.
func (f *fleet) run(ctx context.Context, name, path string) (*program, error) {
	port, err := devenv.FreePort(ctx)
	if err != nil {
		return nil, err
	}
	p := &program{addr: fmt.Sprintf("http://127.0.0.1:%d", port)}
	p.Process, err = devenv.Start(ctx, devenv.Command{
		Path: f.lab.bin(name), Args: []string{"-config", f.config(), "-listen", strings.TrimPrefix(p.addr, "http://")},
		Env: []string{"BENCH_ID=testid", "BENCH_KEY=testsecret"}, Log: f.file(name + ".log"),
		Probe: func(ctx context.Context, _ int) error { _, err := p.get(ctx, path); return err },
	})
	return p, err
}

func (p *program) get(ctx context.Context, path string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.addr+path, nil)
	if err != nil {
		return "", err
	}
	res, err := httpClient.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: HTTP %d", path, res.StatusCode)
	}
	return string(text), err
}

// rotations is how many rotations a worker says that it has ended.
func (p *program) rotations(ctx context.Context) (total float64, err error) {
	text, err := p.get(ctx, "/metrics")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "keyturn_rotations_total{") {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(line[strings.LastIndexByte(line, '}')+1:]), 64)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

// idle measures what a worker with 10 accounts costs while there is nothing to do: the price of looking for jobs often.
func idle(ctx context.Context, l *lab) (err error) {
	r, err := l.rig(ctx, plan{size: 10, accounts: 10})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	w, err := r.run(ctx, "worker", "/readyz")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Stop()) }()
	const span = 5 * time.Second
	shares := make([]float64, runs)
	for i := range shares {
		before, err := cpuTime(w.PID())
		if err != nil {
			return err
		}
		if err := pause(ctx, span); err != nil {
			return err
		}
		after, err := cpuTime(w.PID())
		if err != nil {
			return err
		}
		shares[i] = 100 * (after - before).Seconds() / span.Seconds()
	}
	report("idle_worker_cpu_percent", median(shares), "% of one CPU")
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
