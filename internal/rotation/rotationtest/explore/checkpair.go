package explore

import "keyturn/internal/rotation"

// checkTurn holds P-pair-target and P-pair-grace for what a run sends under its claim.
func (x *explorer) checkTurn(s *state, c call) {
	wrote, current := x.records.values[s.cur.wrote], x.entries.values[s.current]
	switch {
	case wrote.Reason == rotation.ReasonAdopted:
		s.fail(pAdopt, "what a person brought is sent")
	case c.target != targetNumber(wrote.Target):
		s.fail(pPairTarget, "a call changes another target than its journal names")
	case current.Target == wrote.Target && !s.byHand:
		s.fail(pPairTarget, "a call changes the target that consumers use")
	case purpose(wrote.Reason) != rotation.ReasonDrift && s.now < current.RotatedAt.Sub(start)+graceTime && !s.byHand:
		s.fail(pPairGrace, "a target is changed that programs may still use")
	}
}

// checkSwitch holds P-pair-target and P-pair-proven for what consumers get.
func (x *explorer) checkSwitch(s *state, wrote record, e entry) {
	switch {
	case x.Verified && e.Verified != rotation.VerifiedYes:
		s.fail(pPairProven, "consumers get what was not seen to work, and had what does")
	case x.Pair && e.Target != wrote.Target:
		s.fail(pPairTarget, "current names another target than the journal")
	}
}

// checkPair holds P-pair-live at every moment: what consumers read logs in. A person may put back what does not, the
// provider may lie where nothing can tell, and a process may be stopped for longer than any rule reckons with.
func (x *explorer) checkPair(s *state) {
	if !x.lives(s) && !x.active(s).strayed && !s.byHand && !s.lied {
		s.fail(pPairLive, "what consumers read does not log in")
	}
}

// mayDrop reports whether the password that the current run holds is of no use: its rotation is over, and the next one
// sets that target again before it is used.
func (x *explorer) mayDrop(s *state) bool {
	journal := x.records.values[s.journal]
	if x.Overlap {
		return true // what is unknown is found by its label
	}
	return x.Pair && (journal.State != rotation.Open || journal.RotationID != x.records.values[s.cur.wrote].RotationID)
}
