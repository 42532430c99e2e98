package duetest

import (
	"cmp"
	"slices"
	"time"

	"keyturn/internal/due"
)

// set is a sorted set: id → unix ms. It remembers which is the first, because that is asked for all the time.
type set struct {
	at       map[string]int64
	earliest int64
	known    bool // whether earliest is right
}

func newSet() set { return set{at: map[string]int64{}} }

func (s *set) put(id string, at int64) {
	was, ok := s.at[id]
	s.at[id] = at
	switch {
	case ok && was == s.earliest && at > was:
		s.known = false
	case len(s.at) == 1:
		s.earliest, s.known = at, true
	case at < s.earliest:
		s.earliest = at
	}
}

func (s *set) remove(id string) {
	if at, ok := s.at[id]; ok && at == s.earliest {
		s.known = false
	}
	delete(s.at, id)
}

func (s *set) first() (at int64, ok bool) {
	if !s.known && len(s.at) > 0 {
		first := true
		for _, other := range s.at {
			if first || other < s.earliest {
				s.earliest, first = other, false
			}
		}
		s.known = true
	}
	return s.earliest, len(s.at) > 0
}

// take claims up to n that are due by now, the earliest first, and puts them off.
func (s *set) take(now int64, n int, push time.Duration) []due.Due {
	if at, ok := s.first(); !ok || at > now {
		return nil
	}
	var found []due.Due
	for id, at := range s.at {
		if at <= now {
			found = append(found, due.Due{ID: id, Slot: moment(at)})
		}
	}
	slices.SortFunc(found, func(a, b due.Due) int { return cmp.Or(a.Slot.Compare(b.Slot), cmp.Compare(a.ID, b.ID)) })
	found = found[:min(n, len(found))]
	for _, d := range found {
		s.put(d.ID, now+push.Milliseconds())
	}
	return found
}
