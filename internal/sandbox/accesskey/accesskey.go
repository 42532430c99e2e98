// Package accesskey keeps the access keys of users for the stand-ins of clouds whose users have two at most, each of them
// active or not. In the ledger a key is USER/ID.
package accesskey

import (
	"strings"
	"sync"
	"time"

	"keyturn/internal/sandbox/core"
)

// Most is how many keys a user may have.
const Most = 2

// The states of a key, in the words of all clouds that have them.
const (
	Active   = "Active"
	Inactive = "Inactive"
)

// Key is one as it is listed.
type Key struct {
	ID, Status string
	Made       time.Time
}

// Keys are those of one running stand-in.
type Keys struct {
	ledger *core.Ledger

	mu       sync.Mutex
	users    map[string]bool // that were ever seen with a key
	inactive map[string]bool // by USER/ID
}

// Of are the keys in a ledger.
func Of(l *core.Ledger) *Keys {
	return &Keys{ledger: l, users: map[string]bool{}, inactive: map[string]bool{}}
}

// Knows tells whether a user exists: one that had a key once does.
func (k *Keys) Knows(user string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_ = k.list(user)
	return k.users[user]
}

// List returns the keys of a user, the oldest first.
func (k *Keys) List(user string) []Key {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.list(user)
}

// list needs k.mu.
func (k *Keys) list(user string) (all []Key) {
	for _, r := range k.ledger.List(user + "/") {
		one := Key{ID: strings.TrimPrefix(r.Target, user+"/"), Status: Active, Made: r.CreatedAt}
		if k.inactive[r.Target] {
			one.Status = Inactive
		}
		all = append(all, one)
		k.users[user] = true
	}
	return all
}

// Caller looks up a key, whosever it is. One that has not spread yet is not known.
func (k *Keys) Caller(id string) core.Caller {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, r := range k.ledger.List("") {
		if _, name, _ := strings.Cut(r.Target, "/"); name == id && r.Serving != "" {
			return core.Caller{Secret: r.Serving, Known: true, Active: !k.inactive[r.Target]}
		}
	}
	return core.Caller{}
}

// Make gives a user another key, with which no one can call before lag is over. The outcome is OutRejected where there is no room
// for one.
func (k *Keys) Make(user, id, secret string, lag time.Duration) (Key, core.Outcome) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.list(user)) >= Most {
		return Key{}, core.OutRejected
	}
	added, err := k.ledger.Add(core.Target{Target: user + "/" + id})
	if err != nil || len(added) == 0 {
		return Key{}, core.OutFailed
	}
	_, result := k.ledger.Set(user+"/"+id, secret, lag)
	return Key{ID: id, Status: Active, Made: added[0].CreatedAt}, result
}

// Turn makes a key active or not, and reports whether there is such a key.
func (k *Keys) Turn(user, id, status string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, known := k.ledger.Get(user + "/" + id); !known {
		return false
	}
	k.inactive[user+"/"+id] = status == Inactive
	return true
}

// Remove takes a key away. The outcome is OutUnknown if there is none, and OutRejected while it is active: that a cloud's
// call deletes such a key is not to be counted on.
func (k *Keys) Remove(user, id string) core.Outcome {
	k.mu.Lock()
	defer k.mu.Unlock()
	name := user + "/" + id
	switch _, known := k.ledger.Get(name); {
	case !known:
		return core.OutUnknown
	case !k.inactive[name]:
		return core.OutRejected
	case k.ledger.Remove(name) != nil:
		return core.OutFailed
	}
	delete(k.inactive, name)
	return core.OutAccepted
}
