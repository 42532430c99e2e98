package main

import (
	"slices"
	"sync"
	"time"
)

// outages are times in which a server did not answer as it should.
type outages struct {
	mu  sync.Mutex
	all []*outage
}

type outage struct{ from, to time.Time } // to is zero while it lasts

// begin notes that one begins; the returned function that it ends.
func (o *outages) begin() (end func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	one := &outage{from: time.Now()}
	o.all = append(o.all, one)
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		one.to = time.Now()
	}
}

// within is how much of a time there was one, or several at once.
func (o *outages) within(from, to time.Time) (sum time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := slices.Clone(o.all)
	slices.SortFunc(all, func(a, b *outage) int { return a.from.Compare(b.from) })
	for _, one := range all {
		end := one.to
		if end.IsZero() || end.After(to) {
			end = to
		}
		if one.from.After(from) {
			from = one.from
		}
		if end.After(from) {
			sum += end.Sub(from)
			from = end
		}
	}
	return sum
}
