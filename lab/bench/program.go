package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"keyturn/internal/devenv"
)

// run starts a program on a fleet and waits until path answers with 200.
func (f *fleet) run(ctx context.Context, name, path string) (*devenv.Program, error) {
	return f.Launch(ctx, devenv.Launch{Program: name, Ready: path, Log: f.file(name + ".log")})
}

// rotations is how many rotations a worker says that it has ended.
func rotations(ctx context.Context, p *devenv.Program) (total float64, err error) {
	status, text, err := p.Get(ctx, "/metrics")
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("/metrics: HTTP %d", status)
	}
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
		if err := devenv.Pause(ctx, span); err != nil {
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
