package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"keyturn/internal/devenv"
)

const (
	// grace is how long a program may use what it has read, where the strategy is pair or overlap.
	grace = 6 * time.Second
	// perStrategy is how many programs of each strategy log in all the time, and logsIn how often each does.
	perStrategy = 10
	logsIn      = 400 * time.Millisecond
	// readsAgain leaves a read that meets an outage of Vault the time to be repeated within the grace.
	readsAgain = grace / 2
)

// consumers are programs that cache what they read in Vault, and log in all the time.
type consumers struct {
	stage *stage
	stop  context.CancelFunc
	done  sync.WaitGroup

	mu      sync.Mutex
	logins  map[string]int // by strategy
	refused map[string]int // by strategy, with a password that was read within the grace and is not live any more
}

// startConsumers starts them; stop ends them.
func startConsumers(ctx context.Context, s *stage) *consumers {
	ctx, cancel := context.WithCancel(ctx)
	all := &consumers{stage: s, stop: cancel, logins: map[string]int{}, refused: map[string]int{}}
	started := map[string]int{}
	for _, c := range s.fleet {
		if strategy := c.strategy(); c.busy() && started[strategy] < perStrategy {
			started[strategy]++
			s.consumed[c.ID] = true
			all.done.Go(func() { all.consume(ctx, c) })
		}
	}
	return all
}

// end returns when all have ended.
func (all *consumers) end() {
	all.stop()
	all.done.Wait()
}

// consume logs in with what was read once per grace. While Vault is away it goes on with what it has, as long as it may.
func (all *consumers) consume(ctx context.Context, c credential) {
	var current devenv.Entry
	var read time.Time
	for devenv.Pause(ctx, logsIn) == nil {
		if time.Since(read) >= readsAgain {
			before := time.Now()
			if now, err := all.stage.Vault.Current(ctx, c.Path, 0); err == nil {
				current, read = now, before
			}
		}
		if current.Password == "" || time.Since(read) >= grace {
			continue
		}
		err := all.stage.Box.LogIn(ctx, c.Provider, current.Username, current.Password)
		dead := errors.Is(err, devenv.ErrRefused) && !all.alive(ctx, c, current)
		if dead && c.strategy() == "replace" {
			read = time.Time{} // it reads again when it is refused
		}
		all.count(c, current, err == nil, dead)
	}
}

// alive tells whether a provider still takes a password which its mail server has just refused: then it refuses everybody.
func (all *consumers) alive(ctx context.Context, c credential, e devenv.Entry) bool {
	state, err := all.stage.Box.State(ctx)
	return err != nil || state[c.Provider][c.at(e)].Live == e.Password
}

func (all *consumers) count(c credential, e devenv.Entry, worked, dead bool) {
	all.mu.Lock()
	defer all.mu.Unlock()
	switch {
	case worked:
		all.logins[c.strategy()]++
	case dead:
		all.refused[c.strategy()]++
		all.stage.timeline.note("the consumer of %s is refused, with version %d of target %s", c.ID, e.Version, c.at(e))
	}
}
