package smtpauth

import (
	"sync"
	"time"

	"keyturn/internal/rotation"
)

const (
	// valid is how long a booking is used without asking the ledger again; the ledger keeps it for longer.
	valid = time.Minute
	// remembered is how long a credential that was booked for a rotation keeps its urgency.
	remembered = 15 * time.Minute
)

// tickets are the questions that this process has booked, so that asking one takes no call to the ledger first.
type tickets struct {
	now func() time.Time

	mu          sync.Mutex
	credentials map[string]ticket // by id: the two logins of a pair share one
	until       time.Time         // until then no login is tried
	sweep       time.Time         // when to drop what has been forgotten
}

type ticket struct {
	n       int
	urgency rotation.Urgency
	since   time.Time
}

func (t *tickets) put(id string, n int, urgency rotation.Urgency) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if now.After(t.sweep) {
		for name, one := range t.credentials {
			if now.Sub(one.since) > remembered {
				delete(t.credentials, name)
			}
		}
		t.sweep = now.Add(remembered)
	}
	t.credentials[id] = ticket{n: n, urgency: urgency, since: now}
}

// take uses one up.
func (t *tickets) take(id string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	one, ok := t.credentials[id]
	if !ok || one.n == 0 || t.now().Sub(one.since) > valid {
		return false
	}
	one.n--
	t.credentials[id] = one
	return true
}

// drop forgets what is booked for a credential: it is proven, and the next question about it is a routine check.
func (t *tickets) drop(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.credentials, id)
}

// urgency is that of a question about a credential: a rotation's, once it has sent a password, goes before all others.
func (t *tickets) urgency(id string) rotation.Urgency {
	t.mu.Lock()
	defer t.mu.Unlock()
	one, ok := t.credentials[id]
	if !ok || one.urgency == rotation.Routine || t.now().Sub(one.since) > remembered {
		return rotation.Routine
	}
	return rotation.Resumed
}

// hold stops all logins for a while.
func (t *tickets) hold(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.until = t.now().Add(d)
}

// pause is how long no login may be tried.
func (t *tickets) pause() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.until.Sub(t.now())
}
