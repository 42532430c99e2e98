package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"keyturn/internal/devenv"
	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

const (
	exposureSize = 600 // rotations whose exposure is measured, and as many before that find out the throughput
	demandSize   = 50  // accounts at each of which a rotation is asked for,
	demands      = 3   // so often
)

// exposure measures from the provider's acceptance to the promotion, with verification by SMTP, while jobs come in at
// half the rate that the same worker was seen to keep up with.
func exposure(ctx context.Context, l *lab) (err error) {
	r, err := l.rig(ctx, plan{size: 2 * exposureSize, verify: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	if err := r.prepare(ctx, 2*exposureSize); err != nil {
		return err
	}
	if err := r.enqueue(ctx, 0, exposureSize); err != nil {
		return err
	}
	start := time.Now()
	r.start(ctx)
	if err := r.await(ctx, exposureSize); err != nil {
		return err
	}
	full := perSecond(exposureSize, time.Since(start))
	ticker := time.NewTicker(time.Duration(float64(time.Second) / (full / 2)))
	defer ticker.Stop()
	for i := exposureSize; i < 2*exposureSize; i++ {
		<-ticker.C
		if err := r.enqueue(ctx, i, i+1); err != nil {
			return err
		}
	}
	if err := r.await(ctx, exposureSize); err != nil {
		return err
	}
	times := make([]float64, exposureSize)
	for i := range times {
		times[i] = ms(r.probe.trip(r.path(exposureSize + i)).exposure)
	}
	report("verified_rotations_per_s", full, "1/s")
	report("exposure_p50_ms", median(times), "ms")
	report("exposure_p99_ms", quantile(times, 0.99), "ms")
	return nil
}

// onDemand measures from the request to the promotion, less what the provider and Vault took, at an idle worker with a
// thousand accounts: the first job of an account, another one right after it, and the first one after a minute of rest.
func onDemand(ctx context.Context, l *lab) (err error) {
	r, err := l.rig(ctx, plan{size: demands * manyAccounts, accounts: manyAccounts})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	if err := r.know(ctx, r.size); err != nil {
		return err
	}
	r.start(ctx)
	first, soon, rested := make([]float64, demandSize), make([]float64, demandSize), make([]float64, demandSize)
	for i := range demandSize {
		if first[i], err = r.demand(ctx, i); err != nil {
			return err
		}
		if soon[i], err = r.demand(ctx, manyAccounts+i); err != nil {
			return err
		}
	}
	if err := devenv.Pause(ctx, time.Minute); err != nil {
		return err
	}
	for i := range rested {
		if rested[i], err = r.demand(ctx, 2*manyAccounts+i); err != nil {
			return err
		}
	}
	all := slices.Concat(first, soon, rested)
	report("ondemand_latency_p50_ms", median(all), "ms")
	report("ondemand_latency_p99_ms", quantile(all, 0.99), "ms")
	report("ondemand_rested_latency_p50_ms", median(rested), "ms")
	report("ondemand_rested_latency_p99_ms", quantile(rested, 0.99), "ms")
	return nil
}

// demand asks for a rotation and returns how long it took, in ms.
func (r *rig) demand(ctx context.Context, i int) (float64, error) {
	if err := r.write(ctx, i); err != nil {
		return 0, err
	}
	pause := 50*time.Millisecond + rand.N(100*time.Millisecond) //nolint:gosec // so that no request finds the worker in step
	if err := devenv.Pause(ctx, pause); err != nil {
		return 0, err
	}
	start := time.Now()
	if _, err := r.engine.Client.Demand(ctx, r.account(i), queue.KindRotate, r.id(i), rotation.Job{RequestedBy: "bench"}); err != nil {
		return 0, err
	}
	if err := r.await(ctx, 1); err != nil {
		return 0, err
	}
	t := r.probe.trip(r.path(i))
	return ms(t.promoted.Sub(start) - t.others), nil
}
