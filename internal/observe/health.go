package observe

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
)

// Health is what a process knows of its own state, condition by condition. It logs a condition when it changes, not
// each time it is found: one line when it turns bad, one when it is good again. Safe for concurrent use.
type Health struct {
	log *slog.Logger

	mu  sync.Mutex
	bad map[string]error
}

// NewHealth makes a Health on which everything is good.
func NewHealth(log *slog.Logger) *Health { return &Health{log: log, bad: map[string]error{}} }

// Set notes how a condition stands; nil is good.
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

// Err is nil if every condition is good, else all that are not.
func (h *Health) Err() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var errs []error
	for condition, err := range h.bad {
		errs = append(errs, fmt.Errorf("%s: %w", condition, err))
	}
	return errors.Join(errs...)
}

// Watch adds what must be asked to what is noted: it returns a function for Endpoint.Ready that calls each of checks,
// and notes its answer under its name.
func (h *Health) Watch(checks map[string]func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		for name, check := range checks {
			h.Set(ctx, name, check(ctx))
		}
		return h.Err()
	}
}
