package fleetsim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"keyturn/internal/rotation"
)

// span is a time in which something was wrong; without an end it still is.
type span struct{ from, to time.Time }

// span notes that something began or ceased to be wrong with a credential, an account or a server.
func (s *Sim) span(whom string, wrong bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.spans[whom]
	switch {
	case wrong && (len(all) == 0 || !all[len(all)-1].to.IsZero()):
		s.spans[whom] = append(all, span{from: virtual()})
	case !wrong && len(all) > 0 && all[len(all)-1].to.IsZero():
		all[len(all)-1].to = virtual()
	}
}

// pauseOf is whom a span is about in which an account has to leave its provider alone.
func pauseOf(account string) string { return "pause of " + account }

// pause notes that a provider asked an account for a pause: what waits for it is not late.
func (s *Sim) pause(account string, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	whom := pauseOf(account)
	s.spans[whom] = append(s.spans[whom], span{from: virtual(), to: virtual().Add(d)})
}

// recovery is for how long after a fault a credential need not be in time: what waits is served at the account's rate, and
// what failed comes back after ten minutes at most.
const recovery = 25 * time.Minute

// healthy is how much of the time since from nothing was wrong with a credential, nor had just been.
func (c *cell) healthy(from time.Time) time.Duration {
	now := virtual()
	var wrong []span
	c.Sim.mu.Lock()
	for _, whom := range []string{"", c.account.name, pauseOf(c.account.name), c.cred.ID, c.address()} {
		for _, w := range c.spans[whom] {
			if w.to.IsZero() {
				w.to = now
			}
			w.to = w.to.Add(recovery)
			if w.to.After(from) {
				wrong = append(wrong, w)
			}
		}
	}
	c.Sim.mu.Unlock()
	slices.SortFunc(wrong, func(a, b span) int { return a.from.Compare(b.from) })
	var well time.Duration
	for at := from; at.Before(now); {
		next := now
		if len(wrong) > 0 && wrong[0].from.Before(now) {
			next = wrong[0].from
		}
		if next.After(at) {
			well += next.Sub(at)
			at = next
		}
		if len(wrong) == 0 {
			break
		}
		if wrong[0].to.After(at) {
			at = wrong[0].to
		}
		wrong = wrong[1:]
	}
	return well
}

// sick reports whether anything has been wrong with the credential's mail server since from.
func (c *cell) sick(from time.Time) bool {
	c.Sim.mu.Lock()
	defer c.Sim.mu.Unlock()
	return slices.ContainsFunc(c.spans[c.address()], func(w span) bool { return w.to.IsZero() || w.to.After(from) })
}

// address is that of the credential's mail server.
func (c *cell) address() string {
	if c.server == nil {
		return "no server"
	}
	return c.server.address
}

// exposure is how long consumers may hold a dead password while the new one works and nothing is wrong; parked is how much
// longer that may be where the verifier refused it once and its server was sick (docs/decisions/0014-parked.md).
const (
	exposure = 8 * time.Minute
	parked   = time.Hour
)

// dueSince is since when a credential is due; zero if it is not. Where a clock was behind, current carries an earlier slot
// than its rotation was asked for, which the journal tells.
func (c *cell) dueSince(journal rotation.Record, current rotation.Entry) time.Time {
	from, now := current.Slot, virtual()
	if journal.RotationID == current.RotationID && journal.Slot.After(from) {
		from = journal.Slot
	}
	if from.After(now.Add(time.Minute)) {
		from = current.CreatedAt
	}
	at := c.cred.Schedule.Next(from, c.cred.ID)
	if at.After(now) {
		return time.Time{}
	}
	at = c.cred.Schedule.Serve(at, now, c.cred.ID)
	if at.After(now) {
		return time.Time{}
	}
	return at
}

// watch looks at every credential now and then.
func (s *Sim) watch() {
	const pause = 2 * time.Minute
	for n := 0; sleep(s.ctx, pause+777*time.Nanosecond) == nil; n++ {
		for i, c := range s.order {
			if c.open.Load() || n%30 == i%30 {
				c.look()
			}
		}
	}
}

// look holds what must be true of a credential at any time.
func (c *cell) look() {
	journal, current, password := c.Truth()
	live := current.Password.Equal(password)
	if broken := c.Broken(); len(broken) > 0 {
		c.violate(c, "%s", broken[0])
	}
	if journal.State == rotation.Quarantined {
		c.mend(journal.Why)
		return
	}
	c.mu.Lock()
	c.stuck = time.Time{}
	c.mu.Unlock()
	if _, known := c.config.Load().Credential(c.cred.ID); !known {
		return
	}
	if since := c.dueSince(journal, current); !since.IsZero() {
		if late := c.healthy(since); late > c.account.lateness() {
			c.violate(c, "it is due since %s, and late for %s in which nothing was wrong", since.Format(time.RFC3339), late)
		}
		c.seen(since)
	}
	held := slices.ContainsFunc(journal.Candidates, func(made rotation.Candidate) bool { return made.Value.Equal(password) }) // else a person's
	if !live && held && journal.State == rotation.Open && !c.changes[len(c.changes)-1].at.IsZero() {
		changed := c.changes[len(c.changes)-1].at
		worked, most := changed.Add(propagation), exposure
		if last := journal.Last(); last != nil && last.Denied && c.sick(changed) {
			most += parked
		}
		if well := c.healthy(worked); well > most {
			c.violate(c, "the password that the provider took at %s works, and consumers have not got it", worked.Format(time.RFC3339))
		}
	}
}

// silent is for how long something may be late without a word.
const silent = 2 * time.Hour

// seen holds that what does not happen is visible (DESIGN §14.8): readiness, an event or what the queue shows of its task.
func (c *cell) seen(since time.Time) {
	if virtual().Sub(since) < silent {
		return
	}
	c.mu.Lock()
	told := c.noticed.After(since)
	c.mu.Unlock()
	if told || c.says() || c.unready() {
		return
	}
	c.violate(c, "it is due since %s, nothing happens, and nothing says so", since.Format(time.RFC3339))
}

// says reports whether the queue shows why a task of the credential comes back, or that its account's breaker is open.
func (c *cell) says() bool {
	q := c.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if b := q.breakers[c.account.name]; b != nil && b.open {
		return true
	}
	if at, closed := q.closed[c.account.name]; closed && virtual().Sub(at) < silent {
		return true // an event said so, and what it held up comes now, at the account's rate
	}
	for _, t := range q.all {
		if t.cred == c.cred.ID && t.says != "" {
			return true
		}
	}
	return false
}

// unready reports whether a scheduler says that it is late, or that credentials of the account cannot be read.
func (c *cell) unready() bool {
	c.Sim.mu.Lock()
	defer c.Sim.mu.Unlock()
	for _, p := range c.processes {
		if p.scheduler == nil || p.dead.Load() {
			continue
		}
		if p.scheduler.Ready() != nil {
			return true
		}
		for _, u := range p.scheduler.Unread() {
			if u.Account == c.account.name {
				return true
			}
		}
	}
	return false
}

// violate adds to the report, once for each credential and kind.
func (s *Sim) violate(c *cell, format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	line := c.timeline()
	s.mu.Lock()
	defer s.mu.Unlock()
	const enough = 20
	if len(s.report.Violations) >= enough {
		return
	}
	for _, v := range s.report.Violations {
		if strings.Contains(v, c.cred.ID+": "+format[:min(10, len(format))]) || strings.Contains(v, c.cred.ID+": "+what) {
			return
		}
	}
	if s.Until != "" && strings.Contains(what, s.Until) {
		select {
		case s.found <- struct{}{}:
		default: // it is known
		}
	}
	s.report.Violations = append(s.report.Violations, fmt.Sprintf("seed %d, %s, %s: %s\n%s\n-- to all --\n%s",
		s.Seed, virtual().Format(time.RFC3339), c.cred.ID, what, line, strings.Join(s.history[max(0, len(s.history)-30):], "\n")))
}

// judge holds what must be true when all has been quiet for days.
func (s *Sim) judge() {
	for _, c := range s.order {
		journal, current, live := c.Truth()
		switch {
		case journal.State == rotation.Open:
			s.violate(c, "P-live: all is quiet, and its journal is open since %s", journal.OpenedAt)
		case journal.State == rotation.Quarantined:
			s.violate(c, "P-quarantine: what was wrong has healed, and it is still in quarantine: %s", journal.Why)
		case !live.Equal(current.Password) && c.cred.Verify.Mode != rotation.VerifyOff:
			s.violate(c, "P-live: all is quiet, and consumers read a password that is dead")
		}
	}
}
