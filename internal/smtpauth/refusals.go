package smtpauth

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"keyturn/internal/rotation"
)

// ErrHeldBack is why a probe was not made: its user name has been refused too often in a row.
var ErrHeldBack = errors.New("probes of this user name are held back, because providers lock out")

// cooldown is how long refusals count after the last one.
const cooldown = 10 * time.Minute

// refusals counts refusals in a row by user name, and forgets them after the cool-down.
type refusals struct {
	most int
	now  func() time.Time

	mu    sync.Mutex
	users map[string]streak
	sweep time.Time // when to drop what has been forgotten
}

type streak struct {
	count int
	until time.Time // when it is forgotten
}

func newRefusals(most int, now func() time.Time) *refusals {
	return &refusals{most: most, now: now, users: make(map[string]streak)}
}

// allow returns nil, or an ErrHeldBack that says for how long.
func (r *refusals) allow(username string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, wait := r.users[username], time.Duration(0)
	if s.count >= r.most {
		wait = s.until.Sub(r.now())
	}
	if wait > 0 {
		return fmt.Errorf("%w: %d refusals in a row, %v to go", ErrHeldBack, s.count, wait.Round(time.Second))
	}
	return nil
}

// record notes a verdict. Unknown says nothing about the password and changes nothing.
func (r *refusals) record(username string, verdict rotation.Verdict) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	if now.After(r.sweep) {
		for name, s := range r.users {
			if now.After(s.until) {
				delete(r.users, name)
			}
		}
		r.sweep = now.Add(cooldown)
	}
	switch verdict {
	case rotation.Works:
		delete(r.users, username)
	case rotation.Refused:
		s := r.users[username]
		if now.After(s.until) {
			s.count = 0
		}
		r.users[username] = streak{count: s.count + 1, until: now.Add(cooldown)}
	case rotation.Unknown:
	}
}
