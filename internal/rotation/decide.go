package rotation

// The two tables of the protocol, as pure functions: what an answer of the provider means, and what a verdict about a
// password means. docs/protocol.md shows both; what a run does is what they say.

// situation is what the meaning of an answer depends on besides the answer.
type situation struct {
	issuer   bool
	fresh    bool // this run staged the candidate under an unbroken claim, and this was its first send
	alone    bool // the journal holds no other candidate
	verifier bool
	again    bool // the candidate was accepted before, and the verifier has shown since that it is not live
	refusals int  // earlier answers of this run for which it appended a candidate
	rejected int  // of these, the last ones in a row that were rejections by rule
}

// step is what a run does with an answer.
type step int

const (
	stepVerify step = iota + 1 // the candidate was applied: find out whether it is live
	stepAsk                    // the verifier decides whether it was applied; if it was not, append another one
	stepAppend                 // append another candidate and send it; the earlier ones stay
	stepPause                  // the same, but not in this run
	stepResend                 // the outcome is unknown: send the same one again
	stepLeave                  // nothing changed: close the journal if it is unused, come back
	stepReturn                 // come back to an open journal
	stepRule                   // quarantine: the provider refuses whatever the policy makes
	stepTarget                 // quarantine: the provider does not know the target
)

// maxRefusals is how often one run appends another candidate, because a provider that refuses everything would
// otherwise be asked without end.
const maxRefusals = 3

// after is the table of answers. A nil refusal is a plain yes.
func (s situation) after(refusal *Error) step {
	if refusal == nil {
		return stepVerify
	}
	switch refusal.Kind {
	case InDoubt:
		return stepResend
	case Repeat:
		return s.afterRepeat()
	case Rejected:
		switch {
		case s.issuer:
			return stepReturn
		case s.rejected >= maxRefusals:
			return stepRule
		case s.refusals >= maxRefusals:
			return stepPause
		}
		return stepAppend
	case Target:
		return stepTarget
	case NotSent, RateLimited, Unavailable, Unauthorized, ClockSkew:
		return stepLeave
	default:
		return stepReturn
	}
}

// afterRepeat is the answer that the new password equals the current one. A random candidate can only equal it because
// an earlier send of it landed whose reply was lost; a fresh one was never sent before. Once the verifier has contradicted
// that, the answer proves nothing more.
func (s situation) afterRepeat() step {
	switch {
	case s.issuer:
		return stepReturn
	case !s.fresh && s.alone && !s.again:
		return stepVerify
	case s.refusals >= maxRefusals:
		return stepPause
	case !s.fresh && s.verifier:
		return stepAsk
	default:
		return stepAppend
	}
}

// judged is what the meaning of a verdict depends on.
type judged struct {
	last   Verdict // about the candidate that was accepted last; a refusal outweighs a question that was not answered
	spent  bool    // the time that a change may need to spread is over
	other  bool    // an earlier candidate logs in, though the time is over: a late call overtook the last one
	issuer bool
	// lasting: consumers have a password that works, and nothing is promoted that was not seen to work.
	lasting bool
	synced  bool // the provider has told its own servers, or has none to tell
	again   bool // it was sent again, because the old password still worked after the provider had accepted it
	enough  bool // an Issuer has made as many passwords as one rotation asks for
	old     Verdict
	asked   bool // old was asked about, or there is no old password
	sole    bool // no other candidate can be the live one
}

// outcome is what a run does with a verdict.
type outcome int

const (
	promoteProven   outcome = iota + 1
	promoteUnproven         // marked as unverified
	askOn                   // it may not be live everywhere yet
	askOld                  // the meaning depends on the old password
	sendAgain               // send the same candidate again, or have another one issued
	park                    // wait for the verifier with the journal open
	giveUp                  // a person has to look: the provider's passwords do not work
)

// outcome is the table of verdicts. Only a refusal that is believed moves anything.
func (j judged) outcome() outcome {
	if j.last == Unbelieved && j.asked && j.old == Works {
		j.last = Refused // the server lets a right password in, so its refusal of the new one is believed
	}
	switch {
	case j.last == Works:
		return promoteProven
	case !j.spent:
		return askOn
	case j.other && !(j.issuer && j.enough): // where no other is made, asking again would never end
		return sendAgain
	case j.last == Unbelieved && (j.synced || j.lasting) && !j.asked:
		return askOld
	case j.lasting:
		return j.outcomeOfLasting()
	case j.last != Refused && j.again: // the provider's word alone was wrong once
		return park
	case j.last != Refused && j.synced: // the verifier cannot be asked at all; the drift check asks again
		return promoteUnproven
	case j.issuer && j.enough:
		return promoteUnproven
	case j.issuer:
		return sendAgain
	case !j.asked:
		return askOld
	case j.old == Works: // consumers keep what they have
		return sendAgain
	case j.old != Refused:
		return park
	case j.sole: // everything else is dead
		return promoteUnproven
	default: // that the servers refuse an earlier candidate too proves nothing: they may not have heard of it yet
		return sendAgain
	}
}

// outcomeOfLasting is what the table says where consumers have a password that works, once the time is spent.
func (j judged) outcomeOfLasting() outcome {
	switch {
	case j.last != Refused:
		return park
	case j.issuer && j.enough:
		return giveUp
	default:
		return sendAgain
	}
}
