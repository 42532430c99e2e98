package vaultkv

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"keyturn/internal/secret"
)

// Vault locks a role for all its users after five refused logins, unless 15 minutes pass between two of them. So a
// process stays below that: it repeats a refused login after 10 s and after 2 minutes, and then only with a pause that
// makes Vault restart its count. It keeps one more try for when its credential has been replaced meanwhile.
const (
	lockoutReset = 16 * time.Minute
	sameAgain    = 3
	mostRefused  = 4
)

var refusalPauses = [sameAgain - 1]time.Duration{10 * time.Second, 2 * time.Minute}

// gate is shared by all stores of a process that log in at one auth method of one Vault. They log in one by one, and a
// refusal counts for all of them, because Vault counts by role.
type gate struct {
	turn    chan struct{}        // holds one value during a login; guards what follows
	refused map[string]*refusals // by role
	taken   unwrapped
}

func newGate() *gate { return &gate{turn: make(chan struct{}, 1), refused: make(map[string]*refusals)} }

// gates are by Vault, namespace and auth method.
type gates map[string]*gate

func (g gates) of(config StoreConfig) *gate {
	key := strings.Join(append(config.addresses(), config.Namespace, config.Auth.Mount), "\x00")
	if g[key] == nil {
		g[key] = newGate()
	}
	return g[key]
}

// of returns what is remembered of a role.
func (g *gate) of(role string) *refusals {
	if g.refused[role] == nil {
		g.refused[role] = &refusals{}
	}
	return g.refused[role]
}

// refusals remembers logins that Vault refused. Its zero value has seen none. It is not safe for concurrent use.
type refusals struct {
	count int // without a pause of lockoutReset between them
	same  int // of these, the newest ones that were made with what
	last  time.Time
	what  [sha256.Size]byte
	err   *Error
}

// standing returns the last refusal, with the time that is left, if it is too early for a login with what.
func (r *refusals) standing(now time.Time, what [sha256.Size]byte) *Error {
	wait := lockoutReset
	switch {
	case r.count == 0:
		return nil
	case what != r.what && r.count < mostRefused:
		return nil
	case what == r.what && r.same < sameAgain && r.count < mostRefused:
		wait = refusalPauses[r.same-1]
	}
	if left := wait - now.Sub(r.last); left > 0 {
		e := *r.err
		e.Err = fmt.Errorf("%w; the next login is in %s", e.Err, left.Round(time.Second))
		return &e
	}
	return nil
}

// note remembers that a login with what was refused with err.
func (r *refusals) note(now time.Time, what [sha256.Size]byte, err *Error) {
	if now.Sub(r.last) >= lockoutReset {
		*r = refusals{}
	}
	if what != r.what {
		r.same = 0
	}
	r.count, r.same, r.last, r.what, r.err = r.count+1, r.same+1, now, what, err
}

// fingerprint tells logins apart without keeping what they are made with.
func fingerprint(role string, key secret.Value) [sha256.Size]byte {
	return sha256.Sum256([]byte(role + "\x00" + key.Reveal()))
}
