package ratelimittest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"keyturn/internal/ratelimit"
	"keyturn/internal/rotation"
)

const second = int64(time.Second / time.Microsecond)

// The figures of the scripts, in microseconds.
const (
	booked    = 90 * second
	alone     = 30 * second
	reserved  = 5 * second
	inquiring = 60 * second
	doubted   = 60 * second
	memory    = 600 * second
	fresh     = 10 * second
	buckets   = 60
	many      = 2
	witnesses = 16
	refused   = 64
)

// Ledger is ratelimit.Ledger in memory: the scripts about one mail server, line by line. Safe for concurrent use.
type Ledger struct {
	now                func() time.Time
	requests, refusals int
	window             int64

	mu      sync.Mutex
	state   state
	bookedN map[string]int      // login → questions booked and not answered
	bookedT map[string]int64    // login → until when they are booked
	works   map[string]int64    // credential → when it logged in last, 0 if it was refused since
	denied  map[string]int64    // login → when it was refused last, since a login worked
	strikes map[string]stricken // login, where no other is known
	counts  [2]map[int64]int    // of questions and of refusals: the nth bucket → how many
}

var _ ratelimit.Ledger = (*Ledger)(nil)

// state is the hash of the scripts; instants are unix microseconds, 0 where nothing is known.
type state struct {
	at, pause, paused, trial, accepted, doubt, inquiry int64
	lines                                              [2]int64
	wants                                              [3]int64
	streak, fails, booked                              int
	trialist                                           string
	sick                                               bool
}

type stricken struct {
	n             int
	last, believe int64
}

// NewLedger is that of a server which bears so many questions in any window.
func NewLedger(now func() time.Time, rate rotation.Rate) *Ledger {
	const share = 3
	l := &Ledger{now: now, requests: rate.Requests, refusals: rate.Requests / share, window: rate.Per.Microseconds()}
	l.Flush()
	return l
}

// Flush does what FLUSHALL does.
func (l *Ledger) Flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state = state{}
	l.bookedN, l.bookedT, l.works, l.denied = map[string]int{}, map[string]int64{}, map[string]int64{}, map[string]int64{}
	l.strikes = map[string]stricken{}
	l.counts = [2]map[int64]int{{}, {}}
}

// begin is server.lua: what every script does first. The caller holds the lock.
func (l *Ledger) begin() (now int64) {
	now = l.now().UnixMicro()
	if back := l.state.at - now; back > 0 {
		l.goBack(back)
	}
	l.state.at = now
	for login, ends := range l.bookedT {
		if ends <= now {
			l.state.booked -= l.bookedN[login]
			delete(l.bookedN, login)
			delete(l.bookedT, login)
		}
	}
	return now
}

// goBack takes everything along with a clock that jumped back.
func (l *Ledger) goBack(back int64) {
	s := &l.state
	for _, at := range []*int64{
		&s.pause, &s.paused, &s.trial, &s.lines[0], &s.lines[1], &s.wants[1], &s.wants[2], &s.accepted, &s.doubt, &s.inquiry,
	} {
		if *at != 0 {
			*at -= back
		}
	}
	width := l.width()
	for kind, old := range l.counts {
		l.counts[kind] = map[int64]int{}
		for nth, n := range old {
			l.counts[kind][max(0, floor(nth*width-back, width))] += n
		}
	}
	for _, all := range []map[string]int64{l.bookedT, l.works, l.denied} {
		for name, at := range all {
			all[name] = max(0, at-back)
		}
	}
}

func floor(n, width int64) int64 {
	if n < 0 {
		return (n - width + 1) / width
	}
	return n / width
}

func (l *Ledger) width() int64 { return (l.window + buckets - 1) / buckets }

// book changes how many questions of a login are booked.
func (l *Ledger) book(login string, n int, ends int64) {
	l.bookedN[login] += n
	l.state.booked += n
	if l.bookedN[login] > 0 {
		l.bookedT[login] = ends
		return
	}
	delete(l.bookedN, login)
	delete(l.bookedT, login)
}

// bucket is so many questions that end at a time.
type bucket struct {
	ends int64
	n    int
}

// count returns what lies in the window, the oldest first.
func (l *Ledger) count(kind int, now int64) (sum int, list []bucket) {
	width := l.width()
	for nth, n := range l.counts[kind] {
		switch ends := nth*width + width; {
		case ends <= now-buckets*width && ends <= now-l.window:
			delete(l.counts[kind], nth)
		case ends > now-l.window:
			sum += n
			list = append(list, bucket{ends, n})
		}
	}
	slices.SortFunc(list, func(a, b bucket) int { return cmp.Compare(a.ends, b.ends) })
	return sum, list
}

// Book implements ratelimit.Ledger.
func (l *Ledger) Book(_ context.Context, login string, n int, urgency rotation.Urgency) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.begin()
	got, wait := l.try(now, login, n, urgency)
	if got > 0 {
		return got, nil
	}
	return 0, &rotation.WaitError{After: max(micros(wait), time.Millisecond), Reason: fmt.Sprintf("the budget of the server is spent or paused (%d booked)", l.state.booked)}
}

// try is book.lua.
func (l *Ledger) try(now int64, login string, n int, urgency rotation.Urgency) (got int, wait int64) {
	s := &l.state
	switch {
	case s.pause > now:
		return 0, s.pause - now
	case s.streak > 0 && s.trial > now && s.trialist != login:
		return 0, s.trial - now
	case urgency == rotation.Routine && s.doubt > now:
		return 0, s.doubt - now
	}
	most, worst := l.requests, l.refusals
	switch urgency {
	case rotation.Rotation:
		most, worst = most-most/10, max(1, worst-max(1, worst/10))
	case rotation.Routine:
		most, worst = (most+1)/2, max(1, worst/2)
	case rotation.Resumed:
	}
	n = min(n, most, worst)
	if have := l.bookedN[login]; have >= n {
		l.trial(now, login, n)
		l.book(login, 0, now+booked)
		return have, 0
	}
	need := n - l.bookedN[login]
	for u := int(urgency) + 1; u <= 2; u++ {
		wait = max(wait, s.wants[u]-now)
	}
	full := false
	for kind, limit := range []int{most, worst} {
		sum, list := l.count(kind, now)
		if sum+s.booked+need <= limit {
			continue
		}
		wait = max(wait, second)
		over := sum + need - limit
		full = full || over > 0
		for _, b := range list {
			if over <= 0 {
				break
			}
			over -= b.n
			wait = max(wait, b.ends+l.window-now)
		}
	}
	if wait == 0 {
		l.trial(now, login, n)
		l.book(login, need, now+booked)
		if urgency > 0 {
			s.wants[urgency] = 0
		}
		return n, 0
	}
	return 0, l.sendAway(now, wait, urgency, full)
}

// trial lets a login ask alone after a pause.
func (l *Ledger) trial(now int64, login string, n int) {
	s := &l.state
	if s.streak == 0 || n > 1 && s.trialist == login && s.trial > now {
		return
	}
	until := alone
	if n > 1 {
		until = reserved
	}
	s.trial, s.trialist = max(s.trial, now+until), login
}

// sendAway gives each its own time to come back.
func (l *Ledger) sendAway(now, wait int64, urgency rotation.Urgency, full bool) int64 {
	s := &l.state
	if urgency < rotation.Resumed {
		step := (l.window + int64(l.requests) - 1) / int64(l.requests)
		if !full {
			step = min(step, 2*second)
		}
		s.lines[urgency] = min(max(s.lines[urgency]+step, now+wait), now+wait+l.window)
		wait = s.lines[urgency] - now
	}
	if urgency > rotation.Routine {
		s.wants[urgency] = max(s.wants[urgency], now+wait+2*second)
	}
	return wait
}
