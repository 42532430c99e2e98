package ratelimit

import (
	"context"
	"time"
)

// Quota is what a provider's headers say about the account's limit. What a provider does not say is 0, except that
// Remaining always counts: call Observe only where it was said.
type Quota struct {
	Limit     int           // requests in a window
	Per       time.Duration // length of that window
	Remaining int           // requests left in it
	Reset     time.Duration // until Remaining is Limit again
}

// Observe slows the account down for everybody where the provider allows less than is configured: another program may
// share the account, or the limit was lowered. The newest word counts, so that the first reply that finds nothing wrong
// gives the configured rate back; it is never exceeded. Redis is asked only if there is something to say.
func (l *Limiter) Observe(ctx context.Context, name string, q Quota) error {
	a, err := l.account(name)
	if err != nil {
		return err
	}
	var spacing time.Duration // that the provider's own limit asks for
	if q.Limit > 0 {
		spacing = q.Per / time.Duration(q.Limit)
	}
	var r Restraint
	switch {
	case q.Remaining <= 0 && q.Reset > 0:
		r.Hold = q.Reset
	case q.Remaining <= 0:
		r.Hold = spacing // a sliding window: the oldest request leaves it about now
	case q.Reset > 0:
		r.Pace, r.Span = q.Reset/time.Duration(q.Remaining), q.Reset
	}
	if spacing > r.Pace {
		r.Pace, r.Span = spacing, q.Per
	}
	if r.Pace <= a.interval {
		r.Pace, r.Span = 0, 0
	}
	slowed := a.slowed.Swap(r.Pace > 0)
	if r == (Restraint{}) {
		if !slowed {
			return nil
		}
		r.Pace = lift
	}
	return l.slow(ctx, name, r)
}

// lift is a pace that ends the one that holds.
const lift = -time.Microsecond
