package core

import (
	"sort"
	"sync"
	"time"
)

// window enforces a rate over every window of its length, wherever it begins: request n passes only if request
// n-limit is a whole window ago. Refused requests do not count.
type window struct {
	now  func() time.Time
	rate Rate

	mu    sync.Mutex
	times []time.Time // the last rate.Requests passes, a ring
	next  int         // where the next one goes, and so the oldest one once the ring is full
}

func newWindow(rate Rate, now func() time.Time) *window {
	return &window{now: now, rate: rate}
}

// Pass is what a window says about one request.
type Pass struct {
	ok        bool
	Limit     int           // 0: none
	per       time.Duration // length of the window
	Remaining int           // how many more would pass now
	wait      time.Duration // until the next one passes, if this one did not
}

// AMinute is the limit of a minute at this rate.
func (p Pass) AMinute() int { return int(int64(p.Limit) * int64(time.Minute) / int64(p.per)) }

// take lets a request through, or says how long to wait. It takes the time itself, under its lock, so that the ring
// stays sorted.
func (w *window) take() Pass {
	limit := w.rate.Requests
	if limit == 0 {
		return Pass{ok: true}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	if len(w.times) < limit {
		w.times = append(w.times, now)
		return Pass{ok: true, Limit: limit, per: w.rate.Per, Remaining: limit - w.within(now)}
	}
	oldest := w.times[w.next]
	if age := now.Sub(oldest); age < w.rate.Per {
		return Pass{Limit: limit, per: w.rate.Per, wait: w.rate.Per - age}
	}
	w.times[w.next] = now
	w.next = (w.next + 1) % limit
	return Pass{ok: true, Limit: limit, per: w.rate.Per, Remaining: limit - w.within(now)}
}

// within counts the passes of the window that ends now.
func (w *window) within(now time.Time) int {
	n := len(w.times)
	old := sort.Search(n, func(i int) bool { return now.Sub(w.times[(w.next+i)%n]) < w.rate.Per })
	return n - old
}

// meter remembers the largest number of requests in any sliding second.
type meter struct {
	now func() time.Time

	mu    sync.Mutex
	times []time.Time // a queue, oldest first, of the last second
	head  int
	peak  int
}

// maxMeter bounds the queue; a peak beyond it is reported as this.
const maxMeter = 1 << 16

func (m *meter) mark() {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	for m.head < len(m.times) && (now.Sub(m.times[m.head]) >= time.Second || len(m.times)-m.head >= maxMeter) {
		m.head++
	}
	if m.head > len(m.times)/2 {
		m.times = append(m.times[:0], m.times[m.head:]...)
		m.head = 0
	}
	m.times = append(m.times, now)
	m.peak = max(m.peak, len(m.times)-m.head)
}

func (m *meter) max() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.peak
}

func (m *meter) reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.times, m.head, m.peak = nil, 0, 0
}
