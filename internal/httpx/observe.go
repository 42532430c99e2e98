package httpx

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// Observation is one call as a metric sees it. It holds nothing from a caller's data.
type Observation struct {
	Provider string
	Op       string // the provider's name of the call
	Status   int    // HTTP status, 0 if there was no reply
	Duration time.Duration
	Quota    *Quota // nil if the reply does not say
}

// Quota is what a reply says about the account's limit.
type Quota struct {
	Limit     int           // requests in a window, 0 if it does not say
	Per       time.Duration // length of that window
	Remaining int           // requests left in it
}

// quota reads the headers that the provider documents. It ignores a value that is not a number.
func quota(h http.Header, per time.Duration) *Quota {
	remaining, err := strconv.ParseUint(h.Get("X-RateLimit-Remaining"), 10, 31)
	if per == 0 || err != nil {
		return nil
	}
	limit, err := strconv.ParseUint(h.Get("X-RateLimit-Limit"), 10, 31)
	if err != nil {
		limit = 0
	}
	return &Quota{Limit: int(limit), Per: per, Remaining: int(remaining)}
}

type observerKey struct{}

// WithObserver returns a context under which every call of a Client is reported to f, once, right after it ended.
// f is called on the caller's goroutine and must not block.
func WithObserver(ctx context.Context, f func(Observation)) context.Context {
	return context.WithValue(ctx, observerKey{}, f)
}

func observe(ctx context.Context, o Observation) {
	if f, ok := ctx.Value(observerKey{}).(func(Observation)); ok {
		f(o)
	}
}
