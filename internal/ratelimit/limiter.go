// Package ratelimit spaces the calls of each account across all workers, through Redis.
//
// It is a reservation-style GCRA: a caller gets the next free slot of its account, which may lie in the future. If the
// slot is near, the caller sleeps; if not, nothing is reserved, and the caller is told when to come back: each at a time
// of its own, at the account's rate, because a backlog that comes back together is a herd.
//
// # When a caller asks
//
// In a crowd, Take reserves and returns shortly before the slot: time to open the journal. Await then asks whether the
// slot still counts, sleeps the last milliseconds, and returns in the slot. So what a run does between the two makes no
// call late, and Redis and the first wake-up do not either. To ask again makes three things hold:
//
//   - a penalty set meanwhile (a 429 seen by any worker) stops those who already had a slot;
//   - after Redis lost its data, old reservations are void, so that they do not add to the new ones;
//   - a caller that missed its slot gives it up. Late calls bunch with punctual ones, and a provider counts arrivals.
//
// Where the last reservation of this process did not have to wait, Take does nothing and Await reserves: once there and
// not before, so that a quiet account costs one script call.
//
// What remains between a slot and its arrival at the provider is the network. A rate of 0.95 of what the provider
// enforces leaves a twentieth of its window for that; lateness takes at most a fiftieth.
//
// # A Redis that is far, and a machine that is busy
//
// How late a call is can be told as well as the quickest answer of Redis says what time it is (sharedClock). Where all
// answers take long, all calls of a process are late by the same, and no closer together for it; only processes that are
// further apart from each other than that twentieth could be one call over. A caller that could not keep to its slot,
// because an answer came late, asks for a slot by which the next one will be there.
//
// # Urgent calls
//
// A run that has a journal open, or that is waited for, may reserve further ahead than a backlog may, so that it always
// finds a slot.
//
// # Several windows
//
// The shortest window has a burst of 1: its calls are evenly spaced. A longer one (1,000 an hour beside 20 a second)
// lets a fiftieth of its requests go unspaced, so that a few rotations on demand need not be minutes apart, and pays
// for that with its rate: no sliding window ever holds more than it may.
package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/rotation"
)

// DefaultMaxWait is the longest sleep for a slot unless New is told otherwise: long enough that the slots of a backlog
// never lie idle while others are on their way, short enough not to hold a worker.
const DefaultMaxWait = 5 * time.Second

// Limiter implements rotation.Limiter. Safe for concurrent use by any number of processes; all of them must be given the
// same rates, but for the moments in which a change of them gets around.
type Limiter struct {
	slots    Slots
	clock    rotation.Clock
	shared   *sharedClock
	accounts atomic.Pointer[map[string]*account]

	went func(account string, at time.Time) // for tests: hears of each call that was let go
}

var _ rotation.Limiter = (*Limiter)(nil)

// New makes a limiter on Redis for the accounts in rates, each with at least one window. A maxWait of 0 is DefaultMaxWait.
func New(rdb redis.UniversalClient, clock rotation.Clock, rates map[string][]rotation.Rate, maxWait time.Duration) (*Limiter, error) {
	return NewOn(newRedisSlots(rdb), clock, rates, maxWait)
}

// NewOn is New on any slots.
func NewOn(slots Slots, clock rotation.Clock, rates map[string][]rotation.Rate, maxWait time.Duration) (*Limiter, error) {
	l := &Limiter{slots: slots, clock: clock, shared: newSharedClock(clock.Now()), went: func(string, time.Time) {}}
	l.accounts.Store(&map[string]*account{})
	if err := l.Use(rates, maxWait); err != nil {
		return nil, err
	}
	return l, nil
}

// Use puts other rates in force, as New does: for each call that asks from now on. An account that they do not name keeps
// what it has, for the runs that go on. The error names every account whose rate cannot be kept; then nothing has changed.
func (l *Limiter) Use(rates map[string][]rotation.Rate, maxWait time.Duration) error {
	if maxWait == 0 {
		maxWait = DefaultMaxWait
	}
	next := maps.Clone(*l.accounts.Load())
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(rates)) {
		if a := next[name]; a != nil && a.is(rates[name], maxWait) {
			continue // with what this process knows of it
		}
		a, err := newAccount(rates[name], maxWait)
		if err != nil {
			problems = append(problems, fmt.Errorf("account %q: %w", name, err))
			continue
		}
		next[name] = a
	}
	if len(problems) > 0 {
		return errors.Join(problems...)
	}
	l.accounts.Store(&next)
	return nil
}

func (l *Limiter) account(name string) (*account, error) {
	a, ok := (*l.accounts.Load())[name]
	if !ok {
		return nil, fmt.Errorf("account %q has no rate", name)
	}
	return a, nil
}

// Apart is how far apart the calls of an account are while they wait for each other; 0 where the last one of this process did
// not have to, and of an account without a rate.
func (l *Limiter) Apart(name string) time.Duration {
	a, err := l.account(name)
	if err != nil || a.calm.Load() {
		return 0
	}
	return a.windows[0].Interval
}

// Take implements rotation.Limiter.
func (l *Limiter) Take(ctx context.Context, name string, n int, urgent bool) (rotation.Turns, error) {
	a, err := l.account(name)
	if err != nil {
		return nil, err
	}
	t := &turns{limiter: l, account: a, name: name, calls: n}
	if a.calm.Load() {
		return t, nil // the slot is most likely free when it is asked for
	}
	for range tries {
		if err := t.look(ctx, urgent); err != nil {
			return nil, err
		}
		ahead := t.rest() - a.prepare
		if ahead <= 0 {
			return t, nil
		}
		if err := l.clock.Sleep(ctx, ahead); err != nil {
			return nil, err
		}
	}
	return nil, a.tooLate()
}

// tries bounds how often one call reserves again. A worker that oversleeps time and again is too busy to keep to any
// slot, and puts its job back.
const tries = 8

func (a *account) tooLate() error {
	return &rotation.WaitError{After: a.maxWait, Reason: "this worker wakes up too late for its slots"}
}

// Penalise makes every worker's calls of this account wait for d, also those that already have a slot.
func (l *Limiter) Penalise(ctx context.Context, name string, d time.Duration) error {
	return l.slow(ctx, name, Restraint{Hold: d})
}

func (l *Limiter) slow(ctx context.Context, name string, r Restraint) error {
	if _, err := l.account(name); err != nil {
		return err
	}
	return l.slots.Restrain(ctx, name, r)
}
