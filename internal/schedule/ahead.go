package schedule

import (
	"slices"
	"time"
)

// maxAhead bounds how many matches Ahead keeps: 10,000 are seven days of every minute, or 27 years of every day.
const maxAhead = 10_000

// Ahead returns a Schedule that gives the same answers as s. For a cron expression it is many times faster for instants
// after from, because the matches up to until are worked out once. It is meant for callers with a million credentials
// that share a few schedules.
func (s *Schedule) Ahead(from, until time.Time) *Schedule {
	if s.cron == nil {
		return s
	}
	c := *s.cron
	c.ahead, c.from = nil, from
	for at := from; at.Before(until) && len(c.ahead) < maxAhead; {
		at = s.cron.next(at)
		c.ahead = append(c.ahead, at)
	}
	fast := *s
	fast.cron = &c
	return &fast
}

// lookUp is next for what was worked out.
func (c *wallCron) lookUp(t time.Time) (at time.Time, ok bool) {
	if len(c.ahead) == 0 || t.Before(c.from) {
		return time.Time{}, false
	}
	i, found := slices.BinarySearchFunc(c.ahead, t, time.Time.Compare)
	if found {
		i++ // the next one is strictly later
	}
	if i == len(c.ahead) {
		return time.Time{}, false
	}
	return c.ahead[i], true
}
