package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

const (
	exposureSize = 600 // rotations whose exposure is measured, and as many before that find out the throughput
	demandSize   = 150 // rotations on demand
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

// onDemand measures from the request to the promotion, less what the provider and Vault took, at an idle worker with
// 10 accounts.
func onDemand(ctx context.Context, l *lab) (err error) {
	r, err := l.rig(ctx, plan{size: demandSize, accounts: 10})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	if err := r.prepare(ctx, demandSize); err != nil {
		return err
	}
	r.start(ctx)
	times := make([]float64, demandSize)
	for i := range times {
		pause := time.NewTimer(50*time.Millisecond + rand.N(100*time.Millisecond)) //nolint:gosec // so that no request finds the worker in step
		<-pause.C
		start := time.Now()
		if _, err := r.engine.Client.Demand(ctx, r.account(i), queue.KindRotate, r.id(i), rotation.Job{RequestedBy: "bench"}); err != nil {
			return err
		}
		if err := r.await(ctx, 1); err != nil {
			return err
		}
		t := r.probe.trip(r.path(i))
		times[i] = ms(t.promoted.Sub(start) - t.others)
	}
	report("ondemand_latency_p50_ms", median(times), "ms")
	report("ondemand_latency_p99_ms", quantile(times, 0.99), "ms")
	return nil
}
