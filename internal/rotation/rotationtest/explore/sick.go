package explore

import "keyturn/internal/rotation"

// sickness is what is wrong with the verifier, whatever password it is asked about.
type sickness uint8

const (
	healthy    sickness = iota
	silent              // it cannot be asked
	unbelieved          // it refuses everybody, and has accepted no login lately
	lying               // it refuses everybody, right after it has let others in
)

// outage is how long it is sick: longer than it takes until a run asks again.
const outage = 3 * tick

// fallSick is the fault f at a question.
func (x *explorer) fallSick(s *state, c call, f Fault) answer {
	switch f {
	case NoOneLogsIn:
		s.sick = unbelieved
	case EverybodyRefused:
		s.sick, s.misled = lying, true
	default:
		s.sick = silent
	}
	s.cured = s.now + outage
	if f == RefusedThenSilent {
		return answer{value: int32(rotation.Refused)}
	}
	return x.verify(s, c)
}

// verify is a question to the verifier.
func (x *explorer) verify(s *state, c call) answer {
	switch {
	case s.sick == silent:
		return answer{failure: away}
	case s.sick == unbelieved:
		return answer{failure: away, value: int32(rotation.Unbelieved)}
	case s.sick == lying, !x.takes(s, c):
		return answer{value: int32(rotation.Refused)}
	default:
		s.cur.proven = c.value
		return answer{value: int32(rotation.Works)}
	}
}
