package due

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"keyturn/internal/rotation"
)

// Queue is where the scheduler puts what fell due. Safe for concurrent use.
type Queue interface {
	// Enqueue asks for a job, on the urgent queue with now. One that is there already is success.
	Enqueue(ctx context.Context, account, id string, slot time.Time, reason rotation.Reason, now bool) error
	// Ask asks for a job on the urgent queue after a delay, with the slot of now, whatever is there already.
	Ask(ctx context.Context, account, id string, reason rotation.Reason, after time.Duration) error
	// Backlog is how many jobs of an account will soon want their share of its rate.
	Backlog(ctx context.Context, account string) (int, error)
}

// Account is what the scheduler knows of an account.
type Account struct {
	Name string
	// Capacity is how many jobs may wait for the rate at once: what it serves in a few minutes. More would only wait in
	// the queue, where they cannot be reordered or dropped.
	Capacity int
}

// Scheduler moves what is due from the index to the queue. Any number may run at once, without a leader: what one
// claims, the others do not see. It owns nothing that cannot be rebuilt. Every exported field is needed; none may
// change after Run was called. Use says what it works on.
type Scheduler struct {
	Index   Shared
	Queue   Queue
	Truth   Truth
	Clock   rotation.Clock
	Notices rotation.Notices
	Log     *slog.Logger
	Jitter  func(rest time.Duration) time.Duration // keeps those that were started together apart; usually Jitter
	Freezes Freezes
	// Remind notes again what happened, where no event may have told of it.
	Remind func(ctx context.Context, all []Reminder) error

	inventory atomic.Pointer[Inventory]
	load      atomic.Pointer[Load]
	configs   atomic.Int32         // different configurations among the schedulers that live
	self      *peer                // nil before Run
	paused    map[string]time.Time // accounts whose last tick went wrong, and until when; only tick uses it

	work    sync.WaitGroup // what sync started
	keeping sync.Mutex
	keepers map[string]*keeper       // by account
	pools   map[string]chan struct{} // of readers, by store

	owing sync.Mutex
	owed  []Reminder // that could not be noted

	mu  sync.Mutex
	bad map[string]error // parts that do not work right now
}

// Freezes tells what is frozen: it stays due, and is not enqueued. What is open already is resumed all the same. Safe for
// concurrent use; asks no one.
type Freezes interface {
	// Frozen tells it of a credential.
	Frozen(cred *rotation.Credential, now time.Time) bool
	// AllFrozen tells it of whatever an account has.
	AllFrozen(account string, now time.Time) bool
}

// Parts of the scheduler, as Ready and the log name them.
const (
	partTick     = "tick"
	partSync     = "index"
	partSweep    = "sweep"
	partAnnounce = "peers"
)

// backOff is the pause of a part after something went wrong.
const backOff = 2 * time.Second

// Load is how the scheduler hands work on.
type Load struct {
	Accounts []Account
	Resume   time.Duration // how long a resume that was enqueued has to show itself
}

// Use makes the scheduler work on another inventory, which must be a pointer. It is called at least once before Run. An
// account that is there no more is taken out of the index.
func (s *Scheduler) Use(inv Inventory, load Load) {
	s.load.Store(&load)
	s.inventory.Store(&inv)
}

// Ready is nil while Redis and Vault answer.
func (s *Scheduler) Ready() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for part, err := range s.bad {
		errs = append(errs, fmt.Errorf("%s: %w", part, err))
	}
	return errors.Join(errs...)
}

// Configurations is how many different configurations the schedulers that live work on; 0 until they were counted.
// More than one is right only while a new configuration is rolled out.
func (s *Scheduler) Configurations() int { return int(s.configs.Load()) }

// Run schedules until ctx ends. Trouble with Redis or Vault is reported by Ready and tried again, never returned.
func (s *Scheduler) Run(ctx context.Context) {
	starting := errors.New("starting")
	s.mu.Lock()
	s.bad = map[string]error{partTick: starting, partSync: starting}
	s.mu.Unlock()
	s.self = newPeer()
	defer s.leave(ctx, s.self)

	var parts sync.WaitGroup
	parts.Go(func() { s.repeat(ctx, partTick, s.tick) })
	parts.Go(func() { s.repeat(ctx, partSync, every(syncEvery, s.sync)) })
	parts.Go(func() {
		s.repeat(ctx, partAnnounce, every(announceEvery, func(ctx context.Context) error { return s.announce(ctx, s.self) }))
	})
	parts.Go(func() { s.repeat(ctx, partSweep, every(sweepRest, s.sweep)) })
	parts.Wait()
	s.work.Wait()
}

// repeat does one part over and over; do says how long to rest until the next time, and 0 where it knows no better.
func (s *Scheduler) repeat(ctx context.Context, part string, do func(context.Context) (rest time.Duration, err error)) {
	for {
		rest, err := do(ctx)
		s.note(ctx, part, err)
		if err != nil && rest == 0 {
			rest = backOff
		}
		if s.Clock.Sleep(ctx, rest) != nil {
			return
		}
	}
}

func every(rest time.Duration, do func(context.Context) error) func(context.Context) (time.Duration, error) {
	return func(ctx context.Context) (time.Duration, error) {
		if err := do(ctx); err != nil {
			return 0, err
		}
		return rest, nil
	}
}

// note keeps how a part stands, and logs when that changes.
func (s *Scheduler) note(ctx context.Context, part string, err error) {
	if ctx.Err() != nil {
		return // an error now says only that we are ending
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, was := s.bad[part]
	switch {
	case err != nil && !was:
		s.Log.LogAttrs(ctx, slog.LevelWarn, "scheduling is late", slog.String("part", part), slog.Any("error", err))
	case err == nil && was:
		s.Log.LogAttrs(ctx, slog.LevelInfo, "scheduling", slog.String("part", part))
	}
	if err == nil {
		delete(s.bad, part)
	} else {
		s.bad[part] = err
	}
}

func (l *Load) names() []string {
	names := make([]string, len(l.Accounts))
	for i, a := range l.Accounts {
		names[i] = a.Name
	}
	return names
}
