package operate

import (
	"context"
	"sync"
	"time"
)

// Hold is what holds back the work of an account; the zero Hold is nothing.
type Hold struct {
	Breaker *Breaker `json:"breaker,omitempty"`
	// Paused is until when all calls of the account wait, because its provider asked for it.
	Paused *time.Time `json:"paused_until,omitempty"`
	// Stopped tells that a person paused a queue of the account.
	Stopped bool `json:"stopped,omitempty"`
}

// Breaker is an account's open breaker.
type Breaker struct {
	Since time.Time `json:"since"`
	Cause string    `json:"cause"`
	Next  time.Time `json:"next"` // try
}

// hold asks Redis what holds an account back. What it told before an error is returned too.
func (d *Desk) hold(ctx context.Context, account string) (h Hold, err error) {
	if h.Breaker, h.Paused, err = d.refused(ctx, account); err != nil {
		return h, err
	}
	h.Stopped, err = d.stopped(ctx, account)
	return h, err
}

// refused is what the provider holds an account back by.
func (d *Desk) refused(ctx context.Context, account string) (*Breaker, *time.Time, error) {
	open, err := d.breaker(ctx, account)
	if err != nil {
		return nil, nil, err
	}
	until, err := d.Pauses.Until(ctx, account)
	if err != nil || until.IsZero() {
		return open, nil, err
	}
	return open, &until, nil
}

// breaker is the open breaker of an account; nil where it is closed.
func (d *Desk) breaker(ctx context.Context, account string) (*Breaker, error) {
	b, err := d.Breakers.State(ctx, account)
	if err != nil || !b.Open {
		return nil, err
	}
	return &Breaker{Since: b.Since, Cause: Plain(b.Cause), Next: b.Next}, nil
}

// stopped tells whether a person paused a queue of an account.
func (d *Desk) stopped(ctx context.Context, account string) (bool, error) {
	depths, err := d.Queue.Depths(ctx, account)
	if err != nil {
		return false, err
	}
	stopped := false
	for _, q := range depths {
		stopped = stopped || q.Paused
	}
	return stopped, nil
}

// holds keeps what holds each account back, so that it is asked for once. Safe for concurrent use.
type holds struct {
	mu    sync.Mutex
	known map[string]func() *Hold
}

// of is what holds an account back; nil where that is nothing, or Redis does not tell.
func (s *holds) of(ctx context.Context, d *Desk, account string) *Hold {
	if d.Breakers == nil {
		return nil
	}
	s.mu.Lock()
	ask, ok := s.known[account]
	if !ok {
		ask = sync.OnceValue(func() *Hold {
			h, err := d.hold(ctx, account)
			if err != nil || h == (Hold{}) {
				return nil
			}
			return &h
		})
		s.known[account] = ask
	}
	s.mu.Unlock()
	return ask()
}
