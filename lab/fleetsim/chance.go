package fleetsim

import (
	"context"
	"sync"
	"time"
)

// chance computes what another program would draw, from a seed and names.
type chance struct {
	seed uint64

	mu    sync.Mutex
	times map[event]uint64
}

// event is what a process or a person does.
type event struct{ who, what string }

func newChance(seed uint64) *chance { return &chance{seed: seed, times: map[event]uint64{}} }

// again counts how often an event came about before.
func (c *chance) again(who, what string) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.times[event{who, what}]++
	return c.times[event{who, what}]
}

// hash is FNV-1a with a finish that mixes all bits.
func (c *chance) hash(who, what string, n uint64) uint64 {
	const prime = 1099511628211
	h := uint64(14695981039346656037) ^ c.seed*0x9e3779b97f4a7c15
	for _, text := range [...]string{who, "\x00", what} {
		for i := range len(text) {
			h = (h ^ uint64(text[i])) * prime
		}
	}
	h = (h ^ n) * prime
	h ^= h >> 32
	h *= 0xd6e8feb86659fd93
	h ^= h >> 32
	h *= 0xd6e8feb86659fd93
	return h ^ h>>32
}

// below is a number from 0 to n-1.
func (c *chance) below(n int, who, what string, nth uint64) int {
	return int(c.hash(who, what, nth) % uint64(n)) //nolint:gosec // both are small and positive
}

// between is a time from least to most.
func (c *chance) between(least, most time.Duration, who, what string, nth uint64) time.Duration {
	return least + time.Duration(c.hash(who, what, nth)%uint64(most-least)) //nolint:gosec // a positive range
}

// oneIn says yes once in n times.
func (c *chance) oneIn(n int, who, what string) bool {
	return c.below(n, who, "whether "+what, c.again(who, "whether "+what)) == 0
}

// pass lets a time from least to most pass, never the same twice.
func (c *chance) pass(ctx context.Context, least, most time.Duration, who, what string) error {
	return sleep(ctx, c.between(least, most, who, what, c.again(who, what)))
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
