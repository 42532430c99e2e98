// Package ratelimittest has what internal/ratelimit keeps on Redis in memory, for simulations and tests that need no
// Redis, and the suites that both pass.
package ratelimittest

import (
	"context"
	"sync"
	"time"

	"keyturn/internal/ratelimit"
)

// Slots is ratelimit.Slots in memory: take.lua and restrain.lua, line by line. Safe for concurrent use.
type Slots struct {
	now func() time.Time

	mu       sync.Mutex
	accounts map[string]*line
}

var _ ratelimit.Slots = (*Slots)(nil)

// line is what is known of an account; instants are unix microseconds, 0 where nothing is known.
type line struct {
	born, at, until, paced, last, line int64
	pace                               int64 // an interval
	tats                               map[time.Duration]int64
}

// NewSlots goes by a clock.
func NewSlots(now func() time.Time) *Slots {
	s := &Slots{now: now}
	s.Flush()
	return s
}

// Flush does what FLUSHALL does.
func (s *Slots) Flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accounts = map[string]*line{}
}

func (s *Slots) account(name string) *line {
	l := s.accounts[name]
	if l == nil {
		l = &line{tats: map[time.Duration]int64{}}
		s.accounts[name] = l
	}
	return l
}

// tat is when the next call would keep exactly to a window's rate.
type tat struct {
	ratelimit.Window
	at int64
}

// Reserve implements ratelimit.Slots.
func (s *Slots) Reserve(_ context.Context, account string, windows []ratelimit.Window, want ratelimit.Want) (ratelimit.Reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, now := s.account(account), s.now().UnixMicro()
	// A clock that jumped back takes everything along.
	back := int64(0)
	if l.at != 0 {
		back = max(0, l.at-now)
	}
	born := l.born
	if back > 0 || l.at == 0 {
		born = now
	}
	penalty, pace := l.until-back, int64(0)
	if l.paced-back > now {
		pace = l.pace
	}
	mine := want.Held > 0 && want.Born == born
	if mine && penalty <= want.Held && now <= want.Held+want.Late.Microseconds() {
		return ratelimit.Reply{Wait: micros(max(0, want.Held-now)), Born: born, Now: now, Slots: []int64{want.Held}}, nil
	}
	tats, slowest := make([]tat, len(windows)), int64(0)
	for i, w := range windows {
		tats[i] = tat{w, now + int64(w.Burst)*w.Interval.Microseconds()} // nothing is known: the burst counts as spent
		if at, ok := l.tats[w.Per]; ok {
			tats[i].at = at - back
		}
		// A call that missed the latest slot of all gives it back.
		if mine && want.Calls == 1 && want.Held == l.last-back {
			tats[i].at -= w.Interval.Microseconds()
		}
		slowest = max(slowest, w.Interval.Microseconds())
	}
	if back > 0 {
		l.until, l.paced = penalty, l.paced-back
	}
	l.born, l.at, l.last, l.line = born, now, l.last-back, l.line-back
	nearest := now + want.Ahead.Microseconds()
	reply := l.reserve(tats, want, max(nearest, penalty), pace, slowest)
	reply.Penalised = reply.Penalised && penalty >= nearest
	for _, w := range tats {
		l.tats[w.Per] = w.at
	}
	return reply, nil
}

// reserve is the part of Reserve that moves the windows. Earliest is the first instant at which a call may go.
func (l *line) reserve(tats []tat, want ratelimit.Want, earliest, pace, slowest int64) ratelimit.Reply {
	reply := ratelimit.Reply{Born: l.born, Now: l.at}
	for n := range want.Calls {
		slot := earliest
		for _, w := range tats {
			slot = max(slot, w.at-int64(w.Burst-1)*w.Interval.Microseconds())
		}
		if n == 0 {
			reply.Wait, reply.Penalised = micros(slot-l.at), slot == earliest
			if slot-l.at > want.Longest.Microseconds() {
				if want.Line { // each gets a time of its own
					l.line = max(l.line+slowest, slot)
					reply.Wait = micros(l.line - l.at)
				}
				return reply
			}
		}
		reply.Slots = append(reply.Slots, slot)
		l.last = slot
		for i := range tats {
			step := tats[i].Interval.Microseconds()
			if i == 0 {
				step = max(step, pace)
			}
			tats[i].at = max(tats[i].at, slot) + step
		}
	}
	return reply
}

func micros(n int64) time.Duration { return time.Duration(n) * time.Microsecond }

// Restrain implements ratelimit.Slots.
func (s *Slots) Restrain(_ context.Context, account string, r ratelimit.Restraint) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, now := s.account(account), s.now().UnixMicro()
	if r.Hold > 0 {
		l.until = max(l.until, now+r.Hold.Microseconds())
	}
	switch {
	case r.Pace > 0:
		l.pace, l.paced = r.Pace.Microseconds(), now+r.Span.Microseconds()
	case r.Pace < 0:
		l.pace, l.paced = 0, 0
	}
	return nil
}
