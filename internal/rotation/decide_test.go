package rotation

import (
	"fmt"
	"testing"
)

// every situation that a run can be in when an answer comes.
func situations() (all []situation) {
	for _, issuer := range []bool{false, true} {
		for _, fresh := range []bool{false, true} {
			for _, alone := range []bool{false, true} {
				for _, verifier := range []bool{false, true} {
					for _, again := range []bool{false, true} {
						for _, n := range [][2]int{{0, 0}, {maxRefusals, 1}, {maxRefusals, maxRefusals}} {
							all = append(all, situation{
								issuer: issuer, fresh: fresh, alone: alone, verifier: verifier, again: again,
								refusals: n[0], rejected: n[1],
							})
						}
					}
				}
			}
		}
	}
	return all
}

// TestAnAnswerMeansTheSameWhateverElseIsTrue holds the rows of the table that depend on the answer alone.
func TestAnAnswerMeansTheSameWhateverElseIsTrue(t *testing.T) {
	t.Parallel()
	want := map[Kind]step{
		InDoubt: stepResend, NotSent: stepLeave, RateLimited: stepLeave, Unauthorized: stepLeave, Target: stepTarget,
		Unavailable: stepLeave, ClockSkew: stepLeave, Kind(99): stepReturn,
	}
	for _, s := range situations() {
		if got := s.after(nil); got != stepVerify {
			t.Errorf("%+v: accepted: got %d", s, got)
		}
		for kind, step := range want {
			if got := s.after(&Error{Kind: kind}); got != step {
				t.Errorf("%+v: %s: got %d, want %d", s, kind, got, step)
			}
		}
	}
}

func TestARepeatProvesAnApplicationOnlyOfASoleCandidateOnAResume(t *testing.T) {
	t.Parallel()
	for _, s := range situations() {
		applied := s.after(&Error{Kind: Repeat}) == stepVerify
		if want := !s.issuer && !s.fresh && s.alone && !s.again; applied != want {
			t.Errorf("%+v: applied %v", s, applied)
		}
	}
}

func TestARefusedCandidateIsFollowedByAnotherUpToALimit(t *testing.T) {
	t.Parallel()
	for _, s := range situations() {
		rejected, repeated := s.after(&Error{Kind: Rejected}), s.after(&Error{Kind: Repeat})
		over, ruled := s.refusals >= maxRefusals, s.rejected >= maxRefusals
		switch {
		case s.issuer:
			if rejected != stepReturn || repeated != stepReturn {
				t.Errorf("%+v: an issuer's run goes on: %d, %d", s, rejected, repeated)
			}
		case over:
			if ruled != (rejected == stepRule) || rejected == stepAppend || repeated == stepAppend || repeated == stepAsk {
				t.Errorf("%+v: a run appends without a limit: %d, %d", s, rejected, repeated)
			}
		default:
			if rejected != stepAppend {
				t.Errorf("%+v: rejected: got %d", s, rejected)
			}
			if ask := !s.fresh && (!s.alone || s.again) && s.verifier; ask != (repeated == stepAsk) {
				t.Errorf("%+v: repeat: got %d", s, repeated)
			}
		}
	}
}

func TestWhatAVerdictMeans(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		j    judged
		want outcome
	}{
		{judged{last: Works}, promoteProven},
		{judged{last: Works, spent: true, other: true}, promoteProven},
		{judged{last: Refused}, askOn},
		{judged{last: Unknown}, askOn},
		{judged{last: Refused, other: true}, askOn}, // the last one spreads
		{judged{last: Refused, spent: true, other: true}, sendAgain},
		{judged{last: Unknown, spent: true, synced: true}, promoteUnproven},
		{judged{last: Unknown, spent: true, issuer: true}, sendAgain}, // its servers may not know it yet
		{judged{last: Refused, spent: true, issuer: true, synced: true}, sendAgain},
		{judged{last: Refused, spent: true, issuer: true, enough: true}, promoteUnproven},
		{judged{last: Refused, spent: true, issuer: true, enough: true, other: true}, promoteUnproven}, // no other is made
		{judged{last: Refused, spent: true, issuer: true, other: true}, sendAgain},
		{judged{lasting: true, last: Refused, spent: true, issuer: true, enough: true, other: true}, giveUp},
		{judged{last: Refused, spent: true, synced: true}, askOld},
		{judged{last: Refused, spent: true, synced: true, asked: true, old: Works}, sendAgain},
		{judged{last: Refused, spent: true, synced: true, asked: true, old: Unknown}, park},
		{judged{last: Refused, spent: true, synced: true, asked: true, old: Unbelieved}, park},
		{judged{last: Unknown, spent: true, synced: true, again: true}, park},
		{judged{last: Unbelieved}, askOn},
		{judged{last: Unbelieved, spent: true, synced: true}, askOld},
		{judged{last: Unbelieved, spent: true, synced: true, asked: true, old: Works}, sendAgain}, // now it is believed
		{judged{last: Unbelieved, spent: true, synced: true, asked: true, old: Unbelieved, sole: true}, promoteUnproven},
		{judged{last: Unbelieved, spent: true, synced: true, asked: true, old: Unknown}, promoteUnproven},
		{judged{last: Refused, spent: true, synced: true, asked: true, old: Refused}, sendAgain},
		{judged{last: Refused, spent: true, synced: true, asked: true, old: Refused, sole: true}, promoteUnproven},

		{judged{lasting: true, last: Works}, promoteProven},
		{judged{lasting: true, last: Unknown}, askOn},
		{judged{lasting: true, last: Unknown, spent: true, synced: true}, park},
		{judged{lasting: true, last: Unknown, spent: true, issuer: true, enough: true}, park},
		{judged{lasting: true, last: Refused, spent: true, synced: true}, sendAgain},
		{judged{lasting: true, last: Refused, spent: true, issuer: true}, sendAgain},
		{judged{lasting: true, last: Refused, spent: true, issuer: true, enough: true}, giveUp},
		{judged{lasting: true, last: Unbelieved, spent: true}, askOld},
		{judged{lasting: true, last: Unbelieved, spent: true, asked: true, old: Works}, sendAgain},
		{judged{lasting: true, last: Unbelieved, spent: true, asked: true, old: Unbelieved}, park},
	} {
		t.Run(fmt.Sprintf("%+v", tt.j), func(t *testing.T) {
			t.Parallel()
			if got := tt.j.outcome(); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}
