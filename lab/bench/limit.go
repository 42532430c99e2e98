package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"keyturn/internal/devenv"
)

const (
	limitSpan    = time.Minute
	limitWorkers = 4
	enforced     = 20 // requests in any sliding second that the sandbox allows
	configured   = 19 // 0.95 of it
)

// limit lets 4 workers with a full backlog share an account's rate.
func limit(ctx context.Context, l *lab) (err error) {
	// What is served in three spans and while the workers start, and a backlog that is still full at the end.
	const size = configured * 300
	box, err := l.StartSandbox(ctx, "-rate", provider+"=20/s", "-delay", "20ms", "-jitter", "100ms")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, box.Stop()) }()
	r, err := l.rig(ctx, plan{size: size, rate: "19/s", box: box})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	if err := r.know(ctx, size); err != nil {
		return err
	}
	if err := r.enqueue(ctx, 0, size); err != nil {
		return err
	}
	workers := make([]*devenv.Program, 0, limitWorkers)
	defer func() {
		for _, w := range workers {
			err = errors.Join(err, w.Stop())
		}
	}()
	for range limitWorkers {
		w, err := r.run(ctx, "worker", "/readyz")
		if err != nil {
			return err
		}
		workers = append(workers, w)
	}
	if err := devenv.Pause(ctx, 10*time.Second); err != nil { // until all of them are at work
		return err
	}
	shares, fairness, refused := make([]float64, runs), make([]float64, runs), 0
	for i := range runs {
		n, fair, no, err := measureLimit(ctx, box, workers)
		if err != nil {
			return err
		}
		shares[i], fairness[i] = n, fair
		refused += no
	}
	report("limit_share", median(shares), "ratio")
	report("limit_429", float64(refused), "answers")
	report("limit_fairness", median(fairness), "ratio")
	return nil
}

// measureLimit watches one span: the share of the configured rate that was used, the least busy worker's rotations as a
// share of an equal part, and how many calls were refused.
func measureLimit(ctx context.Context, box *devenv.Sandbox, workers []*devenv.Program) (share, fairness float64, refused int, err error) {
	before, err := counts(ctx, workers)
	if err != nil {
		return 0, 0, 0, err
	}
	first, err := box.Stats(ctx)
	if err != nil {
		return 0, 0, 0, err
	}
	start := time.Now()
	if err := devenv.Pause(ctx, limitSpan); err != nil {
		return 0, 0, 0, err
	}
	last, err := box.Stats(ctx)
	took := time.Since(start)
	if err != nil {
		return 0, 0, 0, err
	}
	after, err := counts(ctx, workers)
	if err != nil {
		return 0, 0, 0, err
	}
	total := 0.0
	for i := range after {
		after[i] -= before[i]
		total += after[i]
	}
	return perSecond(last[provider].Accepted-first[provider].Accepted, took) / configured, slices.Min(after) * float64(len(after)) / total, last[provider].RateLimited - first[provider].RateLimited, nil
}

func counts(ctx context.Context, workers []*devenv.Program) ([]float64, error) {
	all := make([]float64, len(workers))
	for i, w := range workers {
		var err error
		if all[i], err = rotations(ctx, w); err != nil {
			return nil, err
		}
	}
	return all, nil
}
