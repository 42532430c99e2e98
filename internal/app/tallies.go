package app

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"keyturn/internal/due"
	"keyturn/internal/rotation"
)

// Tallies count, by account, what people are shown by the hour. They are handed to Redis now and then, so that no rotation costs a
// round trip more; what a process counted that dies is not shown. Safe for concurrent use.
type Tallies struct {
	rotation.Observer

	index interface {
		Tallied(ctx context.Context, tallies map[string]due.Tally) error
	}
	clock rotation.Clock
	log   *slog.Logger

	mu     sync.Mutex
	counts map[string]due.Tally
}

const (
	tallyEvery  = 15 * time.Second
	tallyWithin = 5 * time.Second // the last time
)

func (t *Tallies) count(account string, add due.Tally) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts = map[string]due.Tally{}
	}
	sum := t.counts[account]
	sum.Add(add)
	t.counts[account] = sum
}

// Called implements rotation.Observer.
func (t *Tallies) Called(cred *rotation.Credential, op string, err error, took time.Duration) {
	add := due.Tally{Calls: 1}
	var e *rotation.Error
	if errors.As(err, &e) && e.Kind == rotation.RateLimited {
		add.Limited = 1
	}
	t.count(cred.Account, add)
	t.Observer.Called(cred, op, err, took)
}

// Exposed implements rotation.Observer.
func (t *Tallies) Exposed(cred *rotation.Credential, took time.Duration) {
	var add due.Tally
	add.Expose(took)
	t.count(cred.Account, add)
	t.Observer.Exposed(cred, took)
}

// Run hands over what was counted until ctx ends, and then what is left.
func (t *Tallies) Run(ctx context.Context) {
	for t.clock.Sleep(ctx, tallyEvery) == nil {
		t.hand(ctx)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tallyWithin)
	defer cancel()
	t.hand(ctx)
}

// hand hands over what was counted. What Redis does not take is handed over with the rest.
func (t *Tallies) hand(ctx context.Context) {
	t.mu.Lock()
	counts := t.counts
	t.counts = nil
	t.mu.Unlock()
	if len(counts) == 0 {
		return
	}
	if err := t.index.Tallied(ctx, counts); err != nil {
		t.log.WarnContext(ctx, "what was counted is shown later", "error", err)
		for account, add := range counts {
			t.count(account, add)
		}
	}
}

// tallied is an Agenda that counts how rotations end.
type tallied struct {
	rotation.Agenda
	tallies *Tallies
}

// Settle implements rotation.Agenda.
func (a tallied) Settle(ctx context.Context, cred *rotation.Credential, end rotation.Ending) error {
	switch {
	case end.Found: // counted before, unless its worker died: once at most
	case end.State == rotation.Quarantined:
		a.tallies.count(cred.Account, due.Tally{Quarantined: 1})
	case end.Promoted:
		a.tallies.count(cred.Account, due.Tally{Rotated: 1})
	}
	return a.Agenda.Settle(ctx, cred, end)
}
