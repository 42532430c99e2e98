package explore

import (
	"fmt"
	"strings"

	"keyturn/internal/rotation"
)

// cause is why a credential may end in quarantine, with consumers on a dead password. There is no other.
type cause uint8

const (
	noCause  cause = iota
	aTarget        // the provider said that it does not know the target
	aRule          // it refused by rule as many passwords in a row as a run tries
	noEffect       // it accepted a password without effect, in this rotation
	foreign        // a person had consumers use another identity while a rotation was open
	misled         // the verifier refused everybody, right after it had let others in
	causes
)

var causeNames = [causes]string{
	"no cause", "the provider does not know the target", "it refuses every password", "it accepted one without effect",
	"a person put another identity back",
	"the verifier refused everybody and was believed",
}

func (c cause) String() string { return causeNames[c] }

// Causes counts quarantines by their causes.
type Causes [causes]int

func (c Causes) String() string {
	var all []string
	for i, n := range c {
		if n > 0 {
			all = append(all, fmt.Sprintf("%s (%d)", cause(i), n))
		}
	}
	return strings.Join(all, ", ")
}

// maxRefusals is how many passwords in a row a provider may refuse by rule before a person has to look.
const maxRefusals = 3

// cause tells why the current run may put the credential in quarantine: what the provider told this run, or what
// happened in this rotation.
func (x *explorer) cause(s *state) cause {
	refused := 0
	for id := s.cur.node; id != 0; id = x.nodes.at(id).parent {
		n := x.nodes.at(id)
		if o := x.nodes.at(n.parent).call.op; o != opSet && o != opIssue && o != opMint || n.given.failure < refusals {
			continue
		}
		switch Fault(n.given.failure - refusals) {
		case Target:
			return aTarget
		case Rejected:
			refused++
		default:
		}
	}
	switch {
	case refused > maxRefusals:
		return aRule
	case s.byHand && x.Overlap:
		return foreign
	case s.noEffect:
		return noEffect
	case s.misled:
		return misled
	default:
		return noCause
	}
}

// quarantine notes that the credential goes into quarantine.
func (x *explorer) quarantine(s *state, rec rotation.Record) {
	if s.cause = x.cause(s); s.cause == noCause && x.Strict {
		s.fail(pQuarantine, "a person has to look although nothing misbehaved: %s", rec.Why)
	}
}
