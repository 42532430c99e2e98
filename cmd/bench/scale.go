package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"keyturn/internal/config"
	"keyturn/internal/providers"
)

const million = 1_000_000

// memory measures the most memory that worker and scheduler take with a million credentials, and how long reading
// them takes.
func memory(ctx context.Context, l *lab) (err error) {
	r, err := l.rig(ctx, plan{size: 1, accounts: 10}) // for its Redis
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	f, err := l.fleet(plan{size: million, accounts: 10})
	if err != nil {
		return err
	}
	if err := f.configure(r.server.Addr); err != nil {
		return err
	}
	loads := make([]float64, runs)
	for i := range loads {
		start := time.Now()
		cfg, err := config.Load(f.config(), providers.All())
		if err != nil {
			return err
		}
		loads[i] = time.Since(start).Seconds()
		runtime.KeepAlive(cfg)
	}
	report("schedule_load_1m_s", median(loads), "s")
	for _, name := range []string{"worker", "scheduler"} {
		peak, err := f.peak(ctx, name)
		if err != nil {
			return err
		}
		figure := map[string]string{"worker": "worker_rss_mb", "scheduler": "schedule_rss_mb"}[name]
		report(figure, peak, "MB")
	}
	return nil
}

// peak runs a program for a while and returns the most memory that it had.
func (f *fleet) peak(ctx context.Context, name string) (mb float64, err error) {
	p, err := f.run(ctx, name, "/healthz")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, p.Stop()) }()
	if err := pause(ctx, 20*time.Second); err != nil {
		return 0, err
	}
	return peakMB(p.PID())
}

const growthSize = 1000 // rotations of one run

// growth measures the pipeline with ever more credentials in the configuration; that of the index is the schedule's.
func growth(ctx context.Context, l *lab) error {
	for _, size := range []int{1_000, 10_000, 100_000, million} {
		rates := make([]float64, runs)
		for i := range rates {
			var err error
			if rates[i], err = l.rateOf(ctx, size); err != nil {
				return err
			}
		}
		report(fmt.Sprintf("growth_pipeline_%d_rotations_per_s", size), median(rates), "1/s")
	}
	return nil
}

func (l *lab) rateOf(ctx context.Context, size int) (rate float64, err error) {
	r, err := l.rig(ctx, plan{size: size})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	if err := r.prepare(ctx, growthSize); err != nil {
		return 0, err
	}
	if err := r.enqueue(ctx, 0, growthSize); err != nil {
		return 0, err
	}
	start := time.Now()
	r.start(ctx)
	err = r.await(ctx, growthSize)
	return perSecond(growthSize, time.Since(start)), err
}
