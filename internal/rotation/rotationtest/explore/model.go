package explore

import (
	"time"

	"keyturn/internal/rotation"
)

// perform gives the current run's call its effect.
func (x *explorer) perform(s *state, c call) (a answer) {
	if c.dead {
		return answer{failure: ended}
	}
	if a, refused := x.admit(s, c); refused {
		return a
	}
	if until := s.behindUntil(c.op); until != nil && *until > s.now && x.lags(s, c) {
		return x.lag(s, c)
	}
	switch c.op {
	case opLoad:
		a.value = s.journal
		if x.version(s) == s.cur.claim {
			s.cur.confirmed = s.now
		}
	case opSave:
		return x.save(s, c)
	case opDelete:
		s.journal, s.former = 0, 0
	case opRead:
		a.value = x.entries.values[s.current].alone
	case opPassword:
		for id := s.current; id != 0; id = x.entries.values[id].before {
			if e := x.entries.values[id]; int64(e.Version) == c.number {
				a.value = e.password
			}
		}
	case opWrite:
		return x.write(s, c)
	case opFence:
		return x.fence(s, c)
	case opSet, opIssue:
		return x.change(s, c)
	case opMint:
		return x.mint(s, c)
	case opList:
		a.value = s.alive
	case opRetire:
		x.retire(s, c.value)
	case opDisable, opEnable:
		x.turn(s, c)
	case opLeave, opMissed, opStay:
		return x.keep(s, c)
	case opVerify:
		return x.verify(s, c)
	case opSleep:
		s.pass(s.now + time.Duration(c.number))
	default:
		return x.plan(s, c)
	}
	return a
}

// plan is what Redis does.
func (x *explorer) plan(s *state, c call) (a answer) {
	d := time.Duration(c.number)
	switch c.op {
	case opHold:
		if s.held > s.now && c.value == 0 {
			return answer{failure: busy, rest: s.held - s.now}
		}
		s.mirrored = s.open == 0 || s.mirrored
		s.held = s.now + d
		s.open = s.held
	case opPark:
		if d > 0 && s.open != 0 {
			s.open = s.now + d
		} else if d == 0 && s.mirrored {
			s.open = 0
		}
		s.free()
	case opSettle:
		s.open = 0
		s.free()
	case opAsk:
		reason := x.reasons.values[c.value]
		if reason == rotation.ReasonRetire && x.Disables && s.later(x, s.now+d) {
			return a
		}
		s.enqueue(s.now+d, x.wish(wish{
			Job: rotation.Job{Slot: x.slot(s), Reason: reason}, heals: true, at: s.now,
			check: reason == rotation.ReasonRecheck || reason == rotation.ReasonReplaced || reason == rotation.ReasonRetire,
		}))
		if reason == rotation.ReasonReplaced {
			s.cur.late = false
		}
	default: // the limiter and the breaker only cost time
	}
	return a
}

// version is the journal's.
func (x *explorer) version(s *state) int32 {
	return int32(x.records.values[s.journal].Version) //nolint:gosec // a few dozen
}

func (x *explorer) save(s *state, c call) answer {
	if int64(x.version(s)) != c.number {
		return answer{failure: stale}
	}
	before := x.records.values[s.journal]
	if x.Stale {
		s.former = s.journal
	}
	s.journal = c.value
	switch rec := x.records.values[c.value].Record; rec.State {
	case rotation.Quarantined:
		if before.State != rotation.Quarantined {
			x.quarantine(s, rec)
		}
	case rotation.Closed:
		if s.left != 0 && x.jobs.values[s.cur.job].Reason == rotation.ReasonHold {
			s.leftAt = s.now + graceTime
		}
		s.noEffect, s.untrue, s.misled = false, false, s.sick == lying
	default:
	}
	for _, p := range x.records.values[c.value].held {
		s.journalled = x.join(s.journalled, p)
		if p == s.cur.hand {
			s.cur.hand, s.cur.late = 0, false // the run that finds it there repairs what it did
		}
	}
	s.cur.claim, s.cur.wrote, s.cur.confirmed = x.version(s), s.journal, s.now
	return answer{value: s.cur.claim}
}

func (x *explorer) write(s *state, c call) answer {
	stands, e := x.entries.values[s.current], x.entries.values[c.value]
	if int64(stands.Version) != c.number {
		return answer{failure: stale}
	}
	s.lied = s.lied || x.believed(s, e)
	x.checkPromotion(s, stands, e)
	if x.Overlap && stands.password != e.password {
		s.left, s.leftAt = stands.password, s.now+graceTime
		s.had = x.join(s.had, stands.password)
	}
	s.current, s.byHand = x.entry(e.Entry, s.current), false
	s.swept = s.swept && e.Verified != rotation.VerifiedNo // the next periodic check asks about it
	return answer{}
}

// fence puts back what stands, if that is what the caller read.
func (x *explorer) fence(s *state, c call) answer {
	e := x.entries.values[s.current].Entry
	if int64(e.Version) != c.number {
		return answer{failure: stale}
	}
	e.Version++
	s.current = x.entry(e, s.current)
	return answer{}
}

// change is a provider's call that arrives.
func (x *explorer) change(s *state, c call) (a answer) {
	x.checkSend(s, c)
	password := c.value
	if c.op == opIssue {
		password = s.generate()
		s.cur.hand = password
		a.value = password
	} else if s.targets[c.target].live == password {
		return answer{failure: refusals + failure(Repeat)}
	}
	astray := x.late(s, 0)
	x.goLive(s, c.target, target{live: password, overtaken: s.cur.late, strayed: astray})
	if c.op == opSet {
		s.journalled = x.join(s.journalled, password) // normalise may have left it out
	}
	return a
}

// late notes whether the current run sends without the claim what may be so long on its way. A recheck comes that long
// after the rotation ended, and so after the claim was lost: what arrives before it is found even if the run never tells.
func (x *explorer) late(s *state, onItsWay time.Duration) (tardy bool) {
	late := x.version(s) != s.cur.claim
	tardy = late && s.now+onItsWay-s.cur.confirmed >= longTime
	s.cur.late, s.cur.tardy = s.cur.late || late, s.cur.tardy || tardy
	return tardy && x.Pair
}

func (x *explorer) goLive(s *state, at uint8, t target) {
	t.spread = s.now + propagation
	s.targets[at] = t
	s.lied = s.lied && !x.Verified
	s.accepted = x.join(s.accepted, t.live)
	s.swept = false
}

// drop is an answer that is lost.
func (s *state) drop(c call) {
	switch {
	case c.op == opIssue && s.cur.hand != 0:
		s.cur.hand, s.targets[c.target].unseen = 0, true
	case c.op == opMint:
		s.cur.hand = 0
	default:
	}
}

// takeOff sends a request that arrives later, or never.
func (x *explorer) takeOff(s *state, c call) {
	x.checkSend(s, c)
	if c.op != opRetire && c.op != opDisable { // which may come as late as it will
		s.astray = x.late(s, lateness)
	}
	s.flight, s.to, s.deadline = c.value, c.target, s.now+lateness
	s.journalled = x.join(s.journalled, c.value)
	switch c.op {
	case opIssue, opMint:
		s.flight = -1
	default:
	}
	s.errand = c.op
}

// behindFor is longer than a run waits for a node, and shorter than a tick: it is over before the next run.
const behindFor = 10 * time.Second

// behindUntil is until when a node that lags answers calls like o; nil if it never does.
func (s *state) behindUntil(o op) *time.Duration {
	switch o {
	case opLoad, opSave:
		return &s.journalLags
	case opRead, opWrite, opFence:
		return &s.currentLags
	default:
		return nil
	}
}

// lag is the answer of a node that has not heard of the last write yet.
func (x *explorer) lag(s *state, c call) answer {
	switch c.op {
	case opLoad:
		return answer{value: s.former}
	case opRead:
		return answer{value: x.entries.values[x.entries.values[s.current].before].alone}
	default:
		return answer{failure: stale}
	}
}

// land is the arrival of a late request.
func (x *explorer) land(s *state) {
	if x.Overlap {
		x.landIdentity(s)
		return
	}
	at, t := s.to, target{live: s.flight, overtaken: true, unseen: s.flight < 0, strayed: s.astray}
	if t.unseen {
		t.live = s.generate()
	}
	s.land()
	x.goLive(s, at, t)
}

// land ends the flight of a late request.
func (s *state) land() { s.flight, s.to, s.astray, s.deadline, s.errand = 0, 0, false, 0, opNone }

func (s *state) generate() int32 {
	s.passwords++
	return s.passwords
}
