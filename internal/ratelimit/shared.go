package ratelimit

import (
	"sync"
	"time"
)

// sharedClock is what this process knows of the clock that all share. Redis shows it at some instant between question and
// answer, so how far it is ahead of ours is known within bounds; those of several answers hold together, and the
// quickest answer tells most. Safe for concurrent use.
type sharedClock struct {
	origin time.Time // of both clocks: a monotonic reading, so that a step of the wall clock moves nothing

	mu       sync.Mutex
	min, max time.Duration // how far it is ahead of ours
	at       time.Time     // when these held
	answers  int           // that agree with each other
}

// drift is how fast two clocks may part.
const drift = 1000 // a thousandth of the time between

func newSharedClock(origin time.Time) *sharedClock { return &sharedClock{origin: origin} }

// heard takes an answer in: the clock showed now, in unix µs, at some instant from asked to answered. An answer that does
// not agree with those before says that one of the clocks was set.
func (c *sharedClock) heard(asked, answered time.Time, now int64) {
	shown := time.UnixMicro(now).Sub(c.origin)
	least, most := shown-answered.Sub(c.origin), shown-asked.Sub(c.origin)
	c.mu.Lock()
	defer c.mu.Unlock()
	parted := (max(0, answered.Sub(c.at)) / drift).Truncate(time.Microsecond)
	if lo, hi := max(least, c.min-parted), min(most, c.max+parted); c.answers > 0 && lo <= hi {
		least, most = lo, hi
	} else {
		c.answers = 0
	}
	c.min, c.max, c.at = least, most, answered
	c.answers++
}

// due is by when, on our clock, the shared one surely shows an instant.
func (c *sharedClock) due(instant int64) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.origin.Add(time.UnixMicro(instant).Sub(c.origin) - c.min)
}

// late is how late, at ours, a call is for a slot. A single answer may have been on its way because this process stood
// still, so all of that counts; from the second one on what is left is the distance to Redis, by which all calls of this
// process are late alike: they keep their distance from each other.
func (c *sharedClock) late(slot int64, ours time.Time) time.Duration {
	late := ours.Sub(c.due(slot))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.answers == 1 {
		late += c.max - c.min
	}
	return late
}
