package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"

	"keyturn/internal/tracing"
)

// sink is a collector in this process that throws away what it gets. So what it costs to receive counts as the worker's.
type sink struct {
	*httptest.Server
	bytes atomic.Int64
}

func newSink() *sink {
	s := &sink{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body) // what is cut off is the exporter's to tell of
		s.bytes.Add(n)
	}))
	return s
}

// compared are rotations without and with traces.
type compared struct {
	off, on tally
	bytes   float64 // of one rotation's spans
}

// tracingCost compares a worker whose rotations are all traced with one that traces none.
func tracingCost(ctx context.Context, l *lab) (err error) {
	// At this rate more spans wait than the queue holds by default, and what is left out costs nothing.
	if err := os.Setenv("OTEL_BSP_MAX_QUEUE_SIZE", "1000000"); err != nil {
		return err
	}
	collector := newSink()
	defer collector.Close()
	all := make([]compared, runs)
	for i := range all {
		if all[i], err = l.trace(ctx, collector); err != nil {
			return err
		}
	}
	figure := func(name, unit string, of func(*compared) float64) {
		values := make([]float64, len(all))
		for i := range all {
			values[i] = of(&all[i])
		}
		report(name, median(values), unit)
	}
	figure("tracing_off_cpu_worker_ms", "ms", func(c *compared) float64 { return c.off.spent[0] / float64(c.off.n) })
	figure("tracing_on_cpu_worker_ms", "ms", func(c *compared) float64 { return c.on.spent[0] / float64(c.on.n) })
	figure("tracing_cpu_worker_share", "ratio", func(c *compared) float64 { return c.on.spent[0] / c.off.spent[0] })
	figure("tracing_cpu_share", "ratio", func(c *compared) float64 { return c.on.cpu() / c.off.cpu() })
	figure("tracing_bytes_per_rotation", "B", func(c *compared) float64 { return c.bytes })
	return nil
}

// trace lets a worker without traces and one with them take turns.
func (l *lab) trace(ctx context.Context, collector *sink) (got compared, err error) {
	const size = 2 * turns * turnSize
	r, err := l.rig(ctx, plan{size: size})
	if err != nil {
		return got, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	if err := r.prepare(ctx, size); err != nil {
		return got, err
	}
	before := collector.bytes.Load()
	for i := range 2 * turns {
		t, to := &got.off, ""
		if i%4 == 1 || i%4 == 2 { // off, on, on, off: neither always goes first
			t, to = &got.on, collector.URL
		}
		if err := r.turn(ctx, i*turnSize, t, to); err != nil {
			return got, err
		}
	}
	got.bytes = float64(collector.bytes.Load()-before) / float64(got.on.n)
	return got, nil
}

// turn rotates until a full queue is empty and the collector, if there is one, has every span.
func (r *rig) turn(ctx context.Context, first int, t *tally, collector string) (err error) {
	if err := r.enqueue(ctx, first, first+turnSize); err != nil {
		return err
	}
	r.tracer, err = tracing.Open(ctx, "worker", func(name string) string {
		if name == "OTEL_EXPORTER_OTLP_ENDPOINT" {
			return collector
		}
		return ""
	}, r.log)
	if err != nil {
		return err
	}
	return r.add(t, func() error {
		r.start(ctx)
		return errors.Join(r.await(ctx, turnSize), r.halt(), r.tracer.Close(ctx))
	})
}
