package schedule

import (
	"math/bits"
	"time"
)

const (
	// grace is how far past the end of a window a period may point and still mean that window: a rotation that was a
	// little late, or a change of the clocks, must not cost a credential the whole time to its next window.
	grace = 2 * time.Hour
	// graceShare of the period is the most grace.
	graceShare = 4
)

// Next returns when the credential id, whose last rotation was asked for (its slot) at last, is due again. It is in
// UTC, after last, never outside the window, and never earlier for a later last.
//
// A period without a window: last + period + the credential's splay. A cron expression: its next match, or the start
// of the next window if that match lies outside one, plus the splay, of which only time inside windows counts. A
// period with a window: the window that last + period falls into, or the next one, at the credential's own place in
// it, which is the window's start plus its splay; it may be a little before last + period, so that a rotation that was
// late does not push the next one from window to window. A period so short that a window holds several goes on from
// last.
func (s *Schedule) Next(last time.Time, id string) time.Time {
	last = last.UTC()
	hash := hashOf(id)
	switch {
	case s.manual:
		return Never
	case s.cron != nil:
		return s.spread(s.cron.next(last), scale(hash, s.splay))
	case s.window == nil:
		return last.Add(s.period + scale(hash, s.splay))
	}
	base := last.Add(s.period)
	o := s.window.following(base.Add(-min(grace, s.period/graceShare)))
	if at := s.place(o, hash); !at.Before(last.Add(s.period / 2)) {
		return at
	}
	if base.Before(o.end) {
		return base // not before o.start either: the place in o lies before it
	}
	return s.place(s.window.following(base), hash)
}

// First returns when the credential id is due that has no rotation to count from, or that is long overdue when it is
// first seen: not all at once, but each at its own point of a period, moved into the window. It is in UTC and not
// before now. The points are fixed on the time line, so that restarts do not put a rotation off again and again. With
// a cron expression it is the next match, splayed.
func (s *Schedule) First(now time.Time, id string) time.Time {
	now = now.UTC()
	hash := hashOf(id)
	if s.manual {
		return Never
	}
	if s.cron != nil {
		splay := scale(hash, s.splay)
		return s.spread(s.cron.next(now.Add(-splay)), splay)
	}
	// Truncate counts from the zero time, which is as good a fixed point as any.
	phase := scale(hash, s.period)
	point := now.Add(-phase).Truncate(s.period).Add(phase) // the last point, not after now
	for {
		at := point
		if s.window != nil {
			at = s.place(s.window.following(point), hash)
			if at.Before(point) {
				at = point
			}
		}
		if !at.Before(now) {
			return at
		}
		point = point.Add(s.period)
	}
}

// Serve returns when the slot at due may be served, seen from now: due itself, unless the window that it lay in is over.
// Then it waits for the next one, at the credential's own place there. Windows without a gap between them are one. It is
// in UTC, and the same for every now before that window ends.
func (s *Schedule) Serve(due, now time.Time, id string) time.Time {
	due = due.UTC()
	if s.window == nil || due.After(now) {
		return due
	}
	o := s.window.following(now.UTC())
	for range len(s.window.days) + 1 {
		if !due.Before(o.start) {
			return due
		}
		before := s.window.following(o.start.Add(-1))
		if before.start.Equal(o.start) {
			return s.place(o, hashOf(id))
		}
		o = before
	}
	return due // the window never closes
}

// place is a credential's own place in an occurrence of the window, which daylight saving may have made short.
func (s *Schedule) place(o span, hash uint64) time.Time {
	return o.start.Add(scale(hash, min(s.splay, o.end.Sub(o.start))))
}

// spread moves t into the window and lets splay pass, of which only time inside windows counts.
func (s *Schedule) spread(t time.Time, splay time.Duration) time.Time {
	if s.window == nil {
		return t.Add(splay)
	}
	for {
		o := s.window.following(t)
		if t.Before(o.start) {
			t = o.start
		}
		at := t.Add(splay)
		if at.Before(o.end) {
			return at
		}
		splay, t = at.Sub(o.end), o.end
	}
}

// scale maps a hash evenly onto [0, d).
func scale(hash uint64, d time.Duration) time.Duration {
	high, _ := bits.Mul64(hash, uint64(max(d, 0)))
	return time.Duration(high) //nolint:gosec // less than d
}

// hashOf is FNV-1a with the finalizer of MurmurHash3, without which ids that differ in their last digits would fall
// close together. It is part of the contract: another hash would move every due time.
func hashOf(id string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(id) {
		h = (h ^ uint64(id[i])) * 1099511628211
	}
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
