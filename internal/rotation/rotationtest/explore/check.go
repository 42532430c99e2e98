package explore

import (
	"slices"
	"time"

	"keyturn/internal/rotation"
)

// The rules of docs/protocol.md that a schedule can break, by their names. P-secret holds by construction, because no
// port to Redis takes a password; only what a run says at its end is searched for one. So does the second half of P-fence:
// the model's Redis can lose and repeat whatever it has.

// claimTrust is how long a run may rely on what it knows of the journal.
const claimTrust = 5 * time.Second

// checkIntent holds the part of P-one-open and P-claim that regards what a run is about to do.
func (x *explorer) checkIntent(s *state, c call) {
	switch c.op {
	case opSet, opIssue, opMint, opWrite:
		if s.cur.claim == 0 {
			s.fail(pOneOpen, "%s without a claim of the run's own", c.op)
		} else if s.now-s.cur.confirmed >= claimTrust {
			s.fail(pClaim, "%s on a claim that was not confirmed lately", c.op)
		}
	default:
	}
}

// checkSend holds P-journal-first: what is sent is in the journal.
func (x *explorer) checkSend(s *state, c call) {
	switch wrote := x.records.values[s.cur.wrote]; {
	case c.op == opSet && wrote.last != c.value:
		s.fail(pJournalFirst, "a candidate was sent that is not the last in the journal of who sent it")
	case (c.op == opIssue || c.op == opMint) && !wrote.intent:
		s.fail(pJournalFirst, "a password was issued without an intent in the journal")
	}
	if x.Pair && x.version(s) == s.cur.claim {
		x.checkTurn(s, c)
	}
}

// checkPromotion holds P-proven, P-one-open and P-ours where consumers get something new.
func (x *explorer) checkPromotion(s *state, stands, e entry) {
	wrote := x.records.values[s.cur.wrote]
	switch {
	case wrote.RotationID != e.RotationID || wrote.last != e.password:
		s.fail(pOneOpen, "current was written without a journal that says so")
	case !s.lied && !x.contains(s.accepted, e.password):
		s.fail(pProven, "consumers read a password that the provider never accepted")
	case e.Verified == rotation.VerifiedYes && s.cur.proven != e.password:
		s.fail(pProven, "consumers read as verified what was not")
	case x.Verified && e.Verified == rotation.VerifiedOff:
		s.fail(pProven, "consumers read what was not verified, and nothing says so")
	case stands.RotationID == e.RotationID && stands.password != e.password:
		s.fail(pOurs, "one rotation promoted two candidates")
	case x.Pair, x.Overlap:
		x.checkSwitch(s, wrote, e)
	}
}

// believed tells that a Setter's answer was not so, and that consumers get what it speaks of although no question about
// that password was ever answered, or the verifier refuses everybody: it tells no more than one that is not there.
func (x *explorer) believed(s *state, e entry) bool {
	last, t := x.records.values[s.cur.wrote].Last(), &s.targets[targetNumber(e.Target)]
	return x.Verified && !x.Issuer && e.Verified == rotation.VerifiedNo && e.password != t.live && (s.noEffect || s.untrue) && !t.overtaken &&
		(s.misled || !x.contains(s.cur.denied, e.password) && !last.Denied)
}

// check holds P-keep, and P-shown for an Issuer, at every moment: the live password is in current or in the journal, or on its
// way there. Where a late request made it live, only the end can tell: the late process has to say so.
func (x *explorer) check(s *state) {
	switch {
	case x.Pair:
		x.checkPair(s)
		return
	case x.Overlap:
		x.checkIdentities(s)
		return
	}
	if x.unproven(s) {
		return
	}
	held, t := x.records.values[s.journal].held, x.active(s)
	switch {
	case x.lives(s), slices.Contains(held, t.live), t.overtaken, s.lied:
	case x.Issuer && (x.records.values[s.journal].intent || t.live == s.cur.hand || t.live == s.other.hand):
	default:
		s.fail(pKeep, "the live password is neither in current nor in the journal")
	}
}

// unproven tells that consumers read what is marked unverified, because an Issuer said again and again that it had not
// told its servers.
func (x *explorer) unproven(s *state) bool {
	return x.active(s).behind && x.entries.values[s.current].Verified == rotation.VerifiedNo
}

// checkEnd holds what a run's end promises.
func (x *explorer) checkEnd(s *state, result ending) {
	if s.cur.hand != 0 && !x.mayDrop(s) {
		s.fail(pShown, "a run ended with an issued password that it never journalled")
	}
	if result.tells {
		s.fail(pSecret, "a run's error tells a password")
	}
	w := x.jobs.values[s.cur.job]
	older := x.entries.values[s.current].RotatedAt.Before(start.Add(w.at))
	if older && !s.byHand && result.status == rotation.Done && !w.check && w.Reason != rotation.ReasonResume {
		s.fail(pServed, "a wish was granted by a rotation that is older than it")
	}
}

// turn is a state in which no process is at work, and the faults that were left there.
type turn struct {
	state
	left int
}

// checkCircle holds P-bounded: no state comes again without a fault.
func (x *explorer) checkCircle(s *state, left int) {
	if slices.Contains(x.trail, turn{*s, left}) {
		s.fail(pBounded, "it goes round in circles")
		x.violated(s)
	}
}

// checkFinal holds the outcome, when all is quiet.
func (x *explorer) checkFinal(s *state) {
	journal := x.records.values[s.journal]
	lives := x.lives(s)
	x.Finals++
	if x.Overlap {
		x.checkStray(s)
	}
	switch {
	case journal.State == rotation.Open:
		s.fail(pResume, "the journal is still open")
	case journal.State == rotation.Closed && len(journal.held) > 0:
		s.fail(pClose, "a closed journal holds values")
	case journal.State == rotation.Quarantined:
		x.Quarantined++
		x.Causes[s.cause]++
		x.checkQuarantine(s, lives || !x.Pair && slices.Contains(journal.held, x.active(s).live))
	case lives:
	case s.byHand && !x.Verified:
		x.ByHand++
	case s.silent && !x.Verified:
		x.Silent++
	case x.unproven(s) && !x.Verified:
		x.Unproven++
	default:
		s.fail(pLive, "consumers do not read the live password")
	}
}

// checkQuarantine holds that a person finds the live password.
func (x *explorer) checkQuarantine(s *state, found bool) {
	switch t := x.active(s); {
	case found:
	case s.byHand:
		x.ByHand++
	case x.Pair && x.active(s).strayed:
		x.Strayed++
	case !x.Pair && t.overtaken && x.contains(s.journalled, t.live): // in an older version of the journal
	case x.unproven(s) && x.contains(s.journalled, t.live): // there too
		x.Unproven++
	case t.unseen:
		x.Unseen++
	case s.silent && !x.Verified:
		x.Silent++
	case s.lied:
		x.Lied++
	default:
		s.fail(pKeep, "in quarantine without the live password")
	}
}
