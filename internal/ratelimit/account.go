package ratelimit

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"keyturn/internal/rotation"
)

// ErrRate is a rate that no caller could keep to.
var ErrRate = errors.New("a rate needs at least one window, each with at least one request in at least a millisecond")

// account is what is known of one account. A call keeps to the one that was in force when it asked for its turn.
type account struct {
	rates    []rotation.Rate // as configured
	windows  []Window        // the shortest first
	lateness time.Duration
	maxWait  time.Duration // the longest sleep for a slot
	prepare  time.Duration // how long before its slot Take returns
	slowed   atomic.Bool   // this process knows of a pace that no reply has lifted
	calm     atomic.Bool   // the last reservation of this process did not have to wait
	interval time.Duration // of the slowest window: what the configuration allows in the long run
}

const (
	// unspaced is the share of a longer window's requests that may come in a burst.
	unspaced = 50
	// latenessShare of the shortest window is how late a caller may be for its slot, but never less than minLateness,
	// which is what timers and a busy machine need.
	latenessShare = 50
	minLateness   = 5 * time.Millisecond
)

func newAccount(rates []rotation.Rate, maxWait time.Duration) (*account, error) {
	if len(rates) == 0 {
		return nil, ErrRate
	}
	windows := slices.SortedFunc(slices.Values(rates), func(a, b rotation.Rate) int { return cmp.Compare(a.Per, b.Per) })
	a := &account{
		rates: slices.Clone(rates), maxWait: maxWait, prepare: min(time.Second, maxWait/5),
		lateness: max(windows[0].Per/latenessShare, minLateness),
	}
	for i, w := range windows {
		if w.Requests < 1 || w.Per < time.Millisecond {
			return nil, fmt.Errorf("%w: %d in %s", ErrRate, w.Requests, w.Per)
		}
		burst := 1
		if i > 0 {
			burst += w.Requests / unspaced
		}
		// Rounded up: a call too early costs a 429, a microsecond too late costs nothing.
		micros, n := w.Per.Microseconds(), int64(w.Requests-burst+1)
		interval := time.Duration((micros+n-1)/n) * time.Microsecond
		a.windows = append(a.windows, Window{Per: w.Per, Interval: interval, Burst: burst})
		a.interval = max(a.interval, interval)
	}
	return a, nil
}

// is tells whether an account that is made from these would be the same.
func (a *account) is(rates []rotation.Rate, maxWait time.Duration) bool {
	return a.maxWait == maxWait && slices.Equal(a.rates, rates)
}

// Spacing is how far apart the calls of an account with these windows are in the long run.
func Spacing(windows []rotation.Rate) (time.Duration, error) {
	a, err := newAccount(windows, DefaultMaxWait)
	if err != nil {
		return 0, err
	}
	return a.interval, nil
}
