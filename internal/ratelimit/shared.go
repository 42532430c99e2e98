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
	first    time.Time     // when the first of the answers that agree came
	at       time.Time     // when the last one did
	proven   bool          // one of them was asked for after the first had come
}

const (
	drift = 1000 // clocks part by at most a thousandth of the time between
	// forgotten is what has not been heard for so long: clocks have parted by a good part of what a call may be late.
	forgotten = 10 * time.Second
)

func newSharedClock(origin time.Time) *sharedClock { return &sharedClock{origin: origin} }

// heard takes an answer in: the clock showed now, in unix µs, at some instant from asked to answered. An answer that does
// not agree with those before says that one of the clocks was set.
func (c *sharedClock) heard(asked, answered time.Time, now int64) {
	shown := time.UnixMicro(now).Sub(c.origin)
	least, most := shown-answered.Sub(c.origin), shown-asked.Sub(c.origin)
	c.mu.Lock()
	defer c.mu.Unlock()
	apart := max(0, answered.Sub(c.at))
	parted := (apart / drift).Truncate(time.Microsecond)
	if lo, hi := max(least, c.min-parted), min(most, c.max+parted); !c.first.IsZero() && apart <= forgotten && lo <= hi {
		least, most = lo, hi
		c.proven = c.proven || !asked.Before(c.first)
	} else {
		c.first, c.proven = answered, false
	}
	c.min, c.max, c.at = least, most, answered
}

// due is by when, on our clock, the shared one surely shows an instant.
func (c *sharedClock) due(instant int64) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.origin.Add(time.UnixMicro(instant).Sub(c.origin) - c.min)
}

// late is how late, at ours, a call is for a slot. Answers may have been on their way for long because this process stood
// still, with all its questions, so all of that counts; once one that was asked for later has taken as long, what is left is
// the distance to Redis, by which all calls of this process are late alike: they keep their distance from each other.
func (c *sharedClock) late(slot int64, ours time.Time) time.Duration {
	late := ours.Sub(c.due(slot))
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.proven {
		late += c.max - c.min
	}
	return late
}
