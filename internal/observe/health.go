package observe

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"
)

// Health is what a process knows about its own state, condition by condition. It logs a condition when it changes, not
// each time it is checked: one line when it turns bad, one when it is good again. Safe for concurrent use.
type Health struct {
	log *slog.Logger

	mu  sync.Mutex
	bad map[string]error
}

// NewHealth makes a Health on which everything is good.
func NewHealth(log *slog.Logger) *Health { return &Health{log: log, bad: map[string]error{}} }

// Set notes the state of a condition; nil is good.
func (h *Health) Set(ctx context.Context, condition string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, was := h.bad[condition]
	switch {
	case err != nil && !was:
		h.log.ErrorContext(ctx, "not ready", "condition", condition, "error", err)
	case err == nil && was:
		h.log.InfoContext(ctx, "ready again", "condition", condition)
	}
	if err == nil {
		delete(h.bad, condition)
		return
	}
	h.bad[condition] = err
}

// Err is nil if every condition is good, else the bad ones, in the order of their names.
func (h *Health) Err() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var errs []error
	for _, condition := range slices.Sorted(maps.Keys(h.bad)) {
		errs = append(errs, fmt.Errorf("%s: %w", condition, h.bad[condition]))
	}
	return errors.Join(errs...)
}

// Gauges adds what is noted to the metrics: whether all is good, and each condition that is not.
func (h *Health) Gauges(m *Metrics) {
	m.Gauge("keyturn_ready", func(context.Context) ([]Sample, error) {
		value := 1.0
		if h.Err() != nil {
			value = 0
		}
		return []Sample{{Value: value}}, nil
	})
	m.Gauge("keyturn_not_ready", func(context.Context) ([]Sample, error) {
		h.mu.Lock()
		defer h.mu.Unlock()
		all := make([]Sample, 0, len(h.bad))
		for condition := range h.bad {
			all = append(all, Sample{Labels: []string{condition}, Value: 1})
		}
		return all, nil
	})
}

const (
	// checkTimeout bounds one check. A slow check does not take time from the others.
	checkTimeout = 4500 * time.Millisecond
	// checkEvery is how often the checks run without a request.
	checkEvery = 10 * time.Second
)

var errNoAnswer = fmt.Errorf("no answer within %s", checkTimeout)

// Watch adds active checks to the noted conditions: it returns a function for Endpoint.Ready that runs all checks at
// once, and notes the answer of each under its name. A caller that does not wait for the answer does not change it.
func (h *Health) Watch(checks map[string]func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx = context.WithoutCancel(ctx)
		var asking sync.WaitGroup
		for name, check := range checks {
			asking.Go(func() { h.Set(ctx, name, answer(ctx, check)) })
		}
		asking.Wait()
		return h.Err()
	}
}

// answer calls a check, and never waits longer than checkTimeout.
func answer(ctx context.Context, check func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	said := make(chan error, 1)
	go func() { said <- check(ctx) }()
	grace := time.NewTimer(checkTimeout + checkTimeout/20) // for the check to say what took so long
	defer grace.Stop()
	select {
	case err := <-said:
		return err
	case <-grace.C:
		return errNoAnswer
	}
}

// Run checks now and then until ctx ends, so that a change reaches the log and the metrics even without a request.
func (h *Health) Run(ctx context.Context, ask func(context.Context) error) {
	ticker := time.NewTicker(checkEvery)
	defer ticker.Stop()
	for {
		_ = ask(ctx) // which notes it
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
