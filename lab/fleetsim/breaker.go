package fleetsim

import (
	"errors"
	"time"

	"keyturn/internal/rotation"
)

// breaker is one account's. It opens with the second refusal in a row, and lets one job try after 30 s, 1, 2, 5 and 10
// minutes.
type breaker struct {
	refusals, probes int
	open             bool
	next             time.Time
	opened           int // how often, which people were told
}

var probes = [...]time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute}

// block notes that the provider refused an account's key.
func (q *tasks) block(account string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	b := q.breakers[account]
	if b == nil {
		b = &breaker{}
		q.breakers[account] = b
	}
	if b.refusals++; b.refusals >= 2 && !b.open {
		b.open, b.next = true, virtual().Add(probes[0])
		b.opened++
		q.log("event: the breaker of account %s opens", account)
	}
}

// admit reports whether a task may call the provider; one that may not sleeps until the next probe. The caller holds the
// lock.
func (q *tasks) admit(t *task) bool {
	b := q.breakers[t.account]
	if b == nil || !b.open {
		return true
	}
	if wait := b.next.Sub(virtual()); wait > 0 {
		t.says = "the account's breaker is open"
		q.rest(t, sleeping, wait)
		return false
	}
	b.probes++
	b.next = virtual().Add(probes[min(b.probes, len(probes)-1)])
	return true
}

// learn closes a breaker after a run in which the provider let the key in, and has those go on that it sent away. The
// caller holds the lock.
func (q *tasks) learn(t *task, result rotation.Result) {
	b := q.breakers[t.account]
	if b == nil {
		return
	}
	var refused *rotation.Error
	switch {
	case result.Rotated:
		delete(q.breakers, t.account)
		if b.open {
			q.log("event: the breaker of account %s closes", t.account)
			q.closed[t.account] = virtual()
			for _, other := range q.sorted() {
				if other.account == t.account && other.state == sleeping && other.says == "the account's breaker is open" {
					q.ready(other)
				}
			}
		}
	case b.open && !errors.As(result.Err, &refused): // it asked nothing: the next one may be the probe
		b.next = virtual()
		b.probes = max(0, b.probes-1)
	}
}
