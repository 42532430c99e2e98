package explore

import (
	"slices"
	"time"

	"keyturn/internal/rotation"
)

// target is what a provider holds for one login.
type target struct {
	live      int32         // the password that it takes
	spread    time.Duration // until when the live password may not be live everywhere
	overtaken bool          // the live password came with a late request
	behind    bool          // an Issuer made another one since, and does not tell its servers
	unseen    bool          // an Issuer made the live password, and it was never seen
	strayed   bool          // it came with a request that no rule reckons with, so late was it
}

// targetNames are the targets of the model's credential, which are logins as well. Only a pair has the second.
var targetNames = [2]string{"alerts@example.com", "news@example.com"}

// targetNumber is the place of a target in a state; what names none is about the first.
func targetNumber(name string) uint8 {
	return uint8(max(slices.Index(targetNames[:], name), 0)) //nolint:gosec // one of two
}

// active is the target that consumers use.
func (x *explorer) active(s *state) *target {
	return &s.targets[targetNumber(x.entries.values[s.current].Target)]
}

// lives reports whether what consumers read logs in.
func (x *explorer) lives(s *state) bool {
	if x.Overlap {
		password := x.entries.values[s.current].password
		return x.contains(s.alive, password) && !x.contains(s.disabled, password)
	}
	return x.active(s).live == x.entries.values[s.current].password
}

// isLive reports whether any target takes a password.
func (s *state) isLive(password int32) bool {
	return slices.ContainsFunc(s.targets[:], func(t target) bool { return t.live == password })
}

// pair makes the credential one of two targets, which was rotated twice.
func (x *explorer) pair(s *state, e *rotation.Entry) {
	s.targets[1].live, s.passwords = 2, 2
	s.accepted = x.join(s.accepted, 2)
	earlier := *e
	earlier.Target, earlier.Password, earlier.RotationID = targetNames[1], x.password(2), "long before"
	s.current = x.entry(earlier, 0)
	e.Target, e.Version = targetNames[0], 2
}

// mayPutBack reports whether a person may put an earlier version of current back right before a call: before what reads or
// writes it, and before what changes the provider.
func (x *explorer) mayPutBack(s *state, c call) bool {
	switch c.op {
	case opRead, opWrite, opFence, opSet, opIssue, opMint:
		return x.PutBack && !s.byHand && x.entries.values[s.current].before != 0
	default:
		return false
	}
}

// person writes current: changes another field of it, or puts an earlier version back.
func (x *explorer) person(s *state, f Fault) {
	now := x.entries.values[s.current]
	e := now.Entry
	if f == PutBack {
		e, s.byHand, s.swept = x.entries.values[now.before].Entry, true, false
		s.tried = x.without(s.tried, x.entries.values[now.before].password)
	}
	e.Version = now.Version + 1
	s.current = x.entry(e, s.current)
}

// adopted is what a person left who changed the password of the target in use by hand, and whose process died when it had
// opened the journal for it.
func (x *explorer) adopted(s *state) {
	s.passwords++
	s.targets[0].live, s.byHand = s.passwords, true
	s.accepted = x.join(s.accepted, s.passwords)
	s.journal = x.record(rotation.Record{
		Version: 1, Schema: rotation.Schema, State: rotation.Open, RotationID: rotationID(0), Slot: start, Reason: rotation.ReasonAdopted,
		Attempt: 1, OpenedAt: start, TouchedAt: start, Mode: x.mode(), Strategy: rotation.StrategyPair, Target: targetNames[0],
		Login: targetNames[0], Account: "acme", Place: place, BaseVersion: 2, BasePassword: x.password(1),
		Candidates: []rotation.Candidate{{Number: 1, Value: x.password(s.passwords), State: rotation.Accepted, Synced: true, At: start}},
	})
	s.open = resumeTime
}

func (x *explorer) mode() rotation.Mode {
	if x.Issuer {
		return rotation.ModeIssuer
	}
	return rotation.ModeSetter
}
