package fleetsim

import (
	"errors"
	"strings"
	"time"

	"keyturn/internal/rotation"
)

// due hears that a slot is served.
func (c *cell) due(slot time.Time) {
	c.wish("the slot of " + slot.Format(time.RFC3339))
}

// opened hears that a rotation begins.
func (s *Sim) opened(c *cell, rec rotation.Record) {
	c.happened("a rotation begins: %s, for %s", rec.Reason, rec.Slot.Format(time.RFC3339))
	now := s.redisNow()
	if c.scheduled(rec) && c.cred.Schedule.Serve(rec.Slot, now, c.cred.ID).After(now) {
		s.violate(c, "its slot of %s is served at %s, outside its window", rec.Slot.Format(time.RFC3339), now.Format(time.RFC3339))
	}
}

// scheduled reports whether a rotation was asked for by its schedule.
func (c *cell) scheduled(rec rotation.Record) bool {
	return rec.Reason == rotation.ReasonScheduled || c.Variant == MissedSlotServed && rec.Reason == rotation.ReasonPolicy
}

// settled hears how a rotation ended.
func (s *Sim) settled(c *cell, end rotation.Ending) {
	switch {
	case end.State == rotation.Quarantined:
		c.quarantined(end.Why)
	case end.Promoted:
		c.happened("promoted: %s, verified %s", end.Reason, end.Verified)
		s.mu.Lock()
		s.report.Rotations++
		s.mu.Unlock()
		c.mu.Lock()
		c.promoted = virtual()
		c.mu.Unlock()
		c.spend(work{rotations: 1})
		// Under a clock of Redis that is ahead everything falls due at once, which is more than a mail server bears.
		if end.Verified == rotation.VerifiedNo && !c.explained(redisAhead, mailAway, refusesAll, blocked, greylists, busy, limits, mistyped, forbidden, redisAway, lateCalls, doubts, crashes, flaky, unauthorized, throttled, unavailable, providerAway) {
			s.violate(c, "it is promoted unverified, and its verifier could be asked")
		}
	}
}

// explained reports whether one of some troubles befell the credential, its account, its server or all, within the last
// day.
func (c *cell) explained(by ...trouble) bool {
	c.Sim.mu.Lock()
	defer c.Sim.mu.Unlock()
	for _, t := range by {
		for _, whom := range []string{"", c.account.name, c.cred.ID, c.address()} {
			last, came := c.last[troubled{t, whom}]
			if c.ongoing[troubled{t, whom}] > 0 || came && virtual().Sub(last) < 24*time.Hour {
				return true
			}
		}
	}
	return false
}

// quarantined hears that a person has to look.
func (c *cell) quarantined(why string) {
	c.mu.Lock()
	if c.stuck.IsZero() {
		c.stuck = virtual()
		c.note("quarantined: %s", why)
	}
	c.mu.Unlock()
	if !c.explained(targetGone, ruled, mistyped, lateCalls, doubts) {
		c.violate(c, "P-quarantine: without a cause: %s", why)
	}
}

// drifted hears that a check found a dead password.
func (s *Sim) drifted(c *cell) {
	_, current, live := c.Truth()
	if c.cred.Verify.Mode == rotation.VerifyOff || !current.Password.Equal(live) {
		return
	}
	if !c.explained(mistyped, lateCalls, doubts, crashes, flaky) {
		s.violate(c, "P-drift: it is repaired, and the password in Vault is the live one")
	}
}

// heard hears a notice.
func (s *Sim) heard(c *cell, n rotation.Notice) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.noticed = virtual()
	c.note("notice: %s: %s", n.Kind, n.Detail)
}

// granted holds that a demand is reported done only where something was rotated since.
func (c *cell) granted(t *task, result rotation.Result) {
	if t.job.Reason != rotation.ReasonDemand || result.Status != rotation.Done {
		return
	}
	c.mu.Lock()
	granted := !c.promoted.Before(t.began)
	c.mu.Unlock()
	if !granted {
		c.violate(c, "P-served: a demand of %s is reported done, and nothing was rotated", t.began.Format(time.RFC3339))
	}
}

// mend does what a person does about a quarantine some hours after its cause has healed: releases it, and where that does
// not help, because the journal is full, has it recovered.
func (c *cell) mend(why string) {
	const patience = 3 * time.Hour
	c.mu.Lock()
	since := c.stuck
	if since.IsZero() {
		c.stuck = virtual()
	}
	c.mu.Unlock()
	if !since.IsZero() && virtual().Sub(since) > patience && !c.on(targetGone, c.cred.ID) && !c.on(ruled, c.cred.ID) {
		c.mu.Lock()
		c.stuck = virtual()
		c.mu.Unlock()
		c.wish("an operator's help")
		if strings.Contains(why, "candidates were tried") {
			c.running.Go(c.recover)
		} else {
			c.release()
		}
	}
}

// recover finds the password that works, or has another one made.
func (c *cell) recover() {
	p := c.process(operator)
	result := p.machine.Recover(c.ctx, c.subject(p, c.cred), rotation.Job{Slot: c.queue.slot(), Reason: rotation.ReasonDemand}, nil)
	c.happened("recovered: %s: %v", result.Status, result.Err)
}

// release takes a credential out of quarantine.
func (c *cell) release() {
	p := c.process(operator)
	err := p.machine.Release(c.ctx, rotation.Subject{Credential: c.cred})
	if err != nil && !errors.Is(err, rotation.ErrNotQuarantined) && !strings.Contains(err.Error(), "unavailable") {
		c.happened("release: %v", err)
	}
}
