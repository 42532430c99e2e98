package fleetsim

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/rotation/rotationtest"
	"keyturn/internal/secret"
)

// cell is one credential: its world, and what is known of the work that it caused.
type cell struct {
	*Sim
	*rotationtest.World
	cred    *rotation.Credential // as it is right
	account *account
	server  *mailServer // nil: not verified by SMTP

	open atomic.Bool // its journal, as far as a run knows

	mu       sync.Mutex
	ports    map[string]ports // by process
	changes  []change         // of the live password
	used     work
	allowed  work
	line     []happening // last
	wishes   int         // since the credential was at rest
	fault    string      // what was last done to this credential, for a quarantine to be explained
	faulted  time.Time
	noticed  time.Time // when a person was last told something
	stuck    time.Time // since when it is in quarantine
	promoted time.Time
}

// ports are a process's view of the world.
type ports struct {
	*rotation.Machine
	provider rotation.Client
	verifier rotation.Verifier
}

// change is a password that became the live one.
type change struct {
	at       time.Time
	password secret.Value
}

// work is what a wish may cause.
type work struct{ rotations, sends, logins, vault int }

func (w work) add(o work) work {
	return work{w.rotations + o.rotations, w.sends + o.sends, w.logins + o.logins, w.vault + o.vault}
}

func (w work) beyond(o work) bool {
	return w.rotations > o.rotations || w.sends > o.sends || w.logins > o.logins || w.vault > o.vault
}

// of is what a process works with.
func (c *cell) of(process string) ports {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p, ok := c.ports[process]; ok {
		return p
	}
	k := &rotationtest.Worker{World: c.World, Name: process}
	subject := k.Setter(true)
	if c.account.issuer {
		subject = k.Issuer(true)
	}
	p := ports{k.Machine(), subject.Client, subject.Verifier}
	c.ports[process] = p
	return p
}

// bound is what one wish may cause (docs/protocol.md, P-bounded).
func (c *cell) bound() work {
	if c.account.issuer {
		return work{3, 10, 80, 140}
	}
	return work{3, 10, 40, 60}
}

// wish notes a wish for the credential. What was done for wishes that have ended counts no more.
func (c *cell) wish(what string) {
	journal, _, _ := c.Truth()
	rest := c.queue.idle(c.cred) && journal.State != rotation.Open
	c.mu.Lock()
	defer c.mu.Unlock()
	if rest {
		c.used, c.allowed, c.wishes = work{}, work{}, 0
	}
	c.wishes++
	c.allowed = c.allowed.add(c.bound())
	c.note("wish: %s", what)
}

// excuse allows for more work, because of what was done to this wish from outside.
func (c *cell) excuse(more work) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.allowed = c.allowed.add(more)
}

// spend counts work, and holds the bound.
func (c *cell) spend(done work) {
	c.mu.Lock()
	c.used = c.used.add(done)
	beyond := c.used.beyond(c.allowed)
	used, allowed, wishes := c.used, c.allowed, c.wishes
	if beyond {
		c.used = work{} // told once
	}
	c.mu.Unlock()
	if used.rotations > wishes && done.rotations > 0 && !c.explained(disturbing...) {
		c.violate(c, "P-bounded: %d rotations for %d wishes, and nothing was in doubt or refused", used.rotations, wishes)
	}
	if beyond {
		c.violate(c, "P-bounded: %+v where %+v is allowed", used, allowed)
	}
}

// told is how much of a credential's time line is kept.
const told = 120

// happening is a line of a time line. Most are never told, so none is spelled out before.
type happening struct {
	at     time.Time
	format string
	args   []any
}

func (h happening) String() string {
	return h.at.Format("2006-01-02 15:04:05.000 ") + fmt.Sprintf(h.format, h.args...)
}

// note adds to the time line. The caller holds the lock.
func (c *cell) note(format string, args ...any) {
	if len(c.line) >= 2*told {
		c.line = append(c.line[:0], c.line[told:]...)
	}
	c.line = append(c.line, happening{virtual(), format, args})
}

// happened adds to the time line.
func (c *cell) happened(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.note(format, args...)
}

// timeline is what happened last, a line each.
func (c *cell) timeline() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var text strings.Builder
	for _, h := range c.line[max(0, len(c.line)-told):] {
		fmt.Fprintln(&text, h)
	}
	return text.String()
}

// blame notes that something was done to this credential.
func (c *cell) blame(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fault, c.faulted = what, virtual()
	c.note("fault: %s", what)
}

// changed notes the live password, where it is another one.
func (c *cell) changed() {
	_, _, live := c.Truth()
	c.mu.Lock()
	defer c.mu.Unlock()
	if last := c.changes[len(c.changes)-1]; !last.password.Equal(live) {
		c.changes = append(c.changes[max(0, len(c.changes)-8):], change{virtual(), live})
	}
}

// visible is the password that servers know which hear of a change after a time.
func (c *cell) visible(spread time.Duration) secret.Value {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := len(c.changes) - 1; i > 0; i-- {
		if virtual().Sub(c.changes[i].at) >= spread {
			return c.changes[i].password
		}
	}
	return c.changes[0].password
}
