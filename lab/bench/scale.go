package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"

	"keyturn/internal/config"
	"keyturn/internal/devenv"
	"keyturn/internal/providers"
)

const million = 1_000_000

// memory measures the most memory that worker and scheduler take with a million credentials, at the start and when they
// reload them, and how long reading them takes.
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
		cfg, err := config.Load(f.Config(), providers.All())
		if err != nil {
			return err
		}
		loads[i] = time.Since(start).Seconds()
		runtime.KeepAlive(cfg)
	}
	report("schedule_load_1m_s", median(loads), "s")
	for _, name := range []string{"worker", "scheduler"} {
		start, reload, err := f.peaks(ctx, name)
		if err != nil {
			return err
		}
		figure := map[string]string{"worker": "worker", "scheduler": "schedule"}[name]
		report(figure+"_rss_mb", start, "MB")
		report(figure+"_reload_rss_mb", reload, "MB")
	}
	return nil
}

// peaks runs a program for a while, makes it read a changed configuration, and returns the most memory that it had
// until then and in all.
func (f *fleet) peaks(ctx context.Context, name string) (start, reload float64, err error) {
	p, err := f.run(ctx, name, "/healthz")
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, p.Stop()) }()
	const span = 20 * time.Second
	if err := devenv.Pause(ctx, span); err != nil {
		return 0, 0, err
	}
	if start, err = peakMB(p.PID()); err != nil {
		return 0, 0, err
	}
	// Twice, because the configuration before must not stay; the change of the file is noticed without the signal.
	for _, again := range []func() error{f.changeLine, func() error { return syscall.Kill(p.PID(), syscall.SIGHUP) }} {
		if err := errors.Join(f.awaitReload(ctx, name, again), devenv.Pause(ctx, span)); err != nil {
			return 0, 0, err
		}
	}
	reload, err = peakMB(p.PID())
	return start, reload, err
}

// awaitReload causes a reload and waits until it is over.
func (f *fleet) awaitReload(ctx context.Context, name string, cause func() error) error {
	before, err := f.reloads(name)
	if err != nil {
		return err
	}
	if err := cause(); err != nil {
		return err
	}
	for {
		if err := devenv.Pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
		if now, err := f.reloads(name); err != nil || now > before {
			return err
		}
	}
}

// reloads is how often a program has said that it reloaded its configuration.
func (f *fleet) reloads(name string) (int, error) {
	log, err := os.ReadFile(f.file(name + ".log"))
	return bytes.Count(log, []byte("configuration reloaded")), err
}

// changeLine changes the path of the last credential.
func (f *fleet) changeLine() (err error) {
	file, err := os.OpenFile(f.file(credentialsFile), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	line := make([]byte, 512)
	n, err := file.ReadAt(line, info.Size()-int64(len(line)))
	if err != nil {
		return err
	}
	at := bytes.LastIndex(line[:n], []byte("bench/"))
	_, err = file.WriteAt([]byte("other"), info.Size()-int64(n-at))
	return err
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
