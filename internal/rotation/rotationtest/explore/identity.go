package explore

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"keyturn/internal/rotation"
)

// identityName is the provider's name of the identity whose password has a number.
func identityName(n int32) string { return fmt.Sprintf("identity-%d", n) }

// usernameOf is what a program logs in with.
func usernameOf(id string) string { return id + "@example.com" }

// identityNumber is the number of the password of an identity; 0 of none.
func identityNumber(id string) int32 {
	n, _ := strconv.ParseInt(strings.TrimPrefix(id, "identity-"), 10, 32)
	return int32(n)
}

// overlap makes the credential one of identities that follow each other, which was rotated before; or one that keyturn
// finds.
func (x *explorer) overlap(s *state, e *rotation.Entry) {
	s.alive = x.join(0, 1)
	if x.Found {
		e.Username = "found@example.com"
		e.RotationID, e.Slot, e.RotatedAt = "", time.Time{}, time.Time{}
		return
	}
	e.ID, e.Username = identityName(1), usernameOf(identityName(1))
	s.journal = x.record(rotation.Record{
		Version: 1, Schema: rotation.Schema, State: rotation.Closed, RotationID: e.RotationID, Place: place, CurrentVersion: 1,
		TouchedAt: start.Add(-long), Identities: rotation.Identities{
			Account: "acme", Target: targetNames[0], Owner: "ours", Grace: graceTime,
			Used: e.ID, UsedAccount: "acme", UsedTarget: targetNames[0],
		},
	})
}

// takes reports whether the provider lets in who knows the password that a call is about.
func (x *explorer) takes(s *state, c call) bool {
	if x.Overlap {
		return x.contains(s.alive, c.value) && !x.contains(s.disabled, c.value)
	}
	return c.value == s.targets[c.target].live
}

// mint is a call that makes an identity.
func (x *explorer) mint(s *state, c call) answer {
	x.checkSend(s, c)
	if x.Quota > 0 && len(x.sets.values[s.alive]) >= x.Quota {
		return answer{failure: refusals + failure(Full)}
	}
	x.late(s, 0)
	n := s.generate()
	s.cur.hand = n
	x.exists(s, n)
	return answer{value: n}
}

func (x *explorer) exists(s *state, n int32) {
	s.alive, s.accepted = x.join(s.alive, n), x.join(s.accepted, n)
	s.targets[0].spread, s.swept = s.now+propagation, false
}

// retire is a call that takes one away.
func (x *explorer) retire(s *state, n int32) {
	x.checkRetire(s, n)
	s.alive, s.swept = x.without(s.alive, n), false
	s.disabled = x.without(s.disabled, n)
}

// landIdentity is the arrival of a late request.
func (x *explorer) landIdentity(s *state) {
	n, errand := s.flight, s.errand
	s.land()
	switch {
	case errand == opRetire:
		x.retire(s, n)
	case errand == opDisable:
		x.disable(s, n)
	case x.Quota == 0 || len(x.sets.values[s.alive]) < x.Quota:
		x.exists(s, s.generate())
	}
}

// without takes a password out of a set.
func (n *names) without(set, password int32) int32 {
	left := slices.DeleteFunc(slices.Clone(n.sets.values[set]), func(p int32) bool { return p == password })
	return n.sets.id(n.key().num32(left...), func() []int32 { return left })
}

// accidentsOfMinter lists what only a call about identities can suffer.
func (x *explorer) accidentsOfMinter(s *state, c call) []Fault {
	all := []Fault{NotSent, RateLimited, Unavailable}
	if c.op == opList || c.op == opEnable {
		return all
	}
	if c.op == opMint {
		all = append(all, Repeat, Rejected, Unauthorized, Target, ClockSkew, Full)
	}
	if s.flight == 0 {
		all = append(all, Late, CrashLate)
	}
	return all
}

// checkRetire holds P-overlap-named and P-overlap-grace: nothing is taken away that consumers use or may still use, or that
// a rotation may yet have them use; and P-overlap-kept: nor what was there before keyturn.
func (x *explorer) checkRetire(s *state, n int32) {
	current, journal := x.entries.values[s.current], x.records.values[s.journal]
	held := journal.State != rotation.Closed && slices.Contains(journal.held, n)
	switch {
	case x.Found && n == 1:
		s.fail(pOverlapKept, "what was there before keyturn is retired")
	case n == current.password && !s.byHand:
		s.fail(pOverlapNamed, "what consumers use is retired")
	case held:
		s.fail(pOverlapNamed, "what the journal holds is retired")
	case n == s.left && s.now < s.leftAt && !s.byHand:
		s.fail(pOverlapGrace, "what programs may still use is retired")
	case x.Disables && x.contains(s.had, n) && x.contains(s.alive, n) && !s.byHand && (!x.contains(s.tried, n) || n == s.off && s.now < s.offAt+longTime):
		s.fail(pOverlapPhases, "what programs have had is taken away before it was disabled for a while")
	}
}

// checkIdentities holds P-overlap-live at every moment: what consumers read logs in.
func (x *explorer) checkIdentities(s *state) {
	if !x.lives(s) && !s.byHand {
		s.fail(pOverlapLive, "what consumers read does not log in")
	}
}

// checkStray holds P-overlap-quiet when all is quiet: the provider has what consumers use and what was there before, and
// nothing waits to be retired.
func (x *explorer) checkStray(s *state) {
	journal := x.records.values[s.journal]
	if journal.State == rotation.Quarantined {
		return // it is found when a person has ended that
	}
	for _, n := range x.sets.values[s.alive] {
		id := identityName(n)
		known := n == x.entries.values[s.current].password || id == journal.Identities.Used || slices.Contains(journal.Identities.Kept, id) ||
			slices.ContainsFunc(journal.Identities.Retire, func(w rotation.Retiring) bool { return w.ID == id })
		if !known {
			s.fail(pOverlapQuiet, "the provider has an unknown identity")
		}
	}
	for _, w := range journal.Identities.Retire {
		if identityNumber(w.ID) != x.entries.values[s.current].password { // or a person put it back
			s.fail(pOverlapQuiet, "an identity still waits to be retired")
		}
	}
}

// identity renames one by its password.
func (r *renaming) identity(id string) string {
	if id == "" {
		return ""
	}
	return identityName(r.password(identityNumber(id)))
}

// identities renames what a record says of them; at renames a time.
func (r *renaming) identities(old rotation.Identities, at func(time.Time) time.Time) rotation.Identities {
	now := rotation.Identities{Account: old.Account, Target: old.Target, Owner: old.Owner, Grace: old.Grace, Used: r.identity(old.Used)}
	now.UsedAccount, now.UsedTarget = old.UsedAccount, old.UsedTarget
	for _, w := range old.Retire {
		now.Retire = append(now.Retire, rotation.Retiring{ID: r.identity(w.ID), Account: w.Account, Target: w.Target, Phase: w.Phase, NotBefore: at(w.NotBefore)})
	}
	for _, id := range old.Kept {
		now.Kept = append(now.Kept, r.identity(id))
	}
	return now
}

// within renames an instant that is compared with now.
func (r *renaming) within(t time.Time) time.Time {
	return start.Add(max(r.later(t.Sub(start)), -tick))
}

// username renames that of an entry.
func (r *renaming) username(e rotation.Entry) string {
	if e.ID == "" {
		return e.Username
	}
	return usernameOf(r.identity(e.ID))
}

// waits is when the next periodic check has something to retire, apart from what a person put back; false if nothing waits.
func (x *explorer) waits(s *state) (until time.Duration, ok bool) {
	journal := x.records.values[s.journal]
	if journal.State != rotation.Closed {
		return 0, false
	}
	for _, w := range journal.Identities.Retire {
		if at := w.NotBefore.Sub(start); identityNumber(w.ID) != x.entries.values[s.current].password && (!ok || at < until) {
			until, ok = at, true
		}
	}
	return until, ok
}
