package app

import (
	"context"
	"log/slog"

	"keyturn/internal/httpx"
	"keyturn/internal/ratelimit"
)

// Quotas tells the limiter what replies say about an account's limit. The calls do not wait for it: after a reply there
// is more urgent work.
type Quotas struct {
	limiter *ratelimit.Limiter
	log     *slog.Logger
	said    chan said
}

type said struct {
	account string
	quota   ratelimit.Quota
}

// NewQuotas makes the link; the caller has to Run it.
func NewQuotas(limiter *ratelimit.Limiter, log *slog.Logger) *Quotas {
	const waiting = 256 // what does not fit is dropped: the next reply says it again
	return &Quotas{limiter: limiter, log: log, said: make(chan said, waiting)}
}

// Watch returns a context under which the replies to calls of the account are listened to.
func (q *Quotas) Watch(ctx context.Context, account string) context.Context {
	return httpx.WithObserver(ctx, func(o httpx.Observation) {
		if o.Quota == nil {
			return
		}
		select {
		case q.said <- said{account, ratelimit.Quota{Limit: o.Quota.Limit, Per: o.Quota.Per, Remaining: o.Quota.Remaining}}:
		default:
		}
	})
}

// Run hands on what is said until ctx ends.
func (q *Quotas) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-q.said:
			if err := q.limiter.Observe(ctx, s.account, s.quota); err != nil && ctx.Err() == nil {
				q.log.WarnContext(ctx, "a provider's limit is not noted", "account", s.account, "error", err)
			}
		}
	}
}
