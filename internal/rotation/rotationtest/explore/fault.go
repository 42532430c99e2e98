package explore

import "keyturn/internal/rotation"

// Fault is what may happen at a port call, or between two.
type Fault uint8

// The faults that a port call can suffer.
const (
	None        Fault = iota
	CrashBefore       // the process dies before the call takes effect
	CrashAfter        // it dies after the effect, before the answer
	ErrorBefore       // the call fails and nothing happened: refused, or lost on its way; the caller cannot know which
	LostReply         // the call takes effect, and its answer is an error
	LeaseBefore       // the run's context ends: nothing happened, and the queue hands the job out again
	LeaseAfter        // the run's context ends after the effect
	Pause             // the process stops right before the call, others go on, and it wakes up late
	Duplicate         // its job is delivered to the other worker too, at once
	HoldLost          // the same, and its hold is gone
	Demand            // a person asks for another rotation

	// The answers and accidents of a provider or a verifier.

	NotSent // the refusals of rotation.Kind: nothing happened
	RateLimited
	Repeat
	Rejected
	Unauthorized
	Target
	Unavailable
	ClockSkew
	Full
	Late         // in doubt for the caller; the request lies in the network and arrives later, or never
	Ineffective  // accepted, and the old password stays the live one
	NotSynced    // an Issuer made one, and the old password stays the live one
	StillRefused // a verifier refuses what is live: not everywhere yet
	UserWrote    // a person changed another field of the secret just before
	CrashLate    // the process dies in the call, and its request lies in the network and arrives later, or never

	Lagging // a node of Vault lags: it shows the version before the newest, or refuses a check-and-set on the newest
	Behind  // the same for a while, and it answers everybody
	PutBack // a person put the version of current before the newest back just before
	Extend  // a person asks that what waits to be retired stays for another grace

	// What is wrong with a verifier for a while, from this question on.

	WentSilent        // it cannot be asked
	RefusedThenSilent // it refuses once more, and then it cannot be asked
	NoOneLogsIn       // it refuses everybody, and is not believed
	EverybodyRefused  // it refuses everybody, and is believed

	// What a queue, a process or the network does by itself; it costs nothing.

	Land // a late request arrives
	Wake // a stopped process goes on
	Next // the next job is run when its time has come
	faults
)

var faultNames = [faults]string{
	"-", "crash before", "crash after", "error before", "lost reply", "lease lost before", "lease lost after",
	"pause", "duplicate", "hold lost", "demand",
	"not sent", "rate limited", "repeat", "rejected", "unauthorized", "target", "unavailable", "clock skew", "full",
	"late", "ineffective", "not synced", "still refused", "user wrote", "crash late", "lagging", "behind", "put back", "extend",
	"went silent", "refused, silent", "no one logs in", "everybody refused",
	"land", "wake", "next",
}

func (f Fault) String() string { return faultNames[f] }

var kinds = map[Fault]rotation.Kind{
	NotSent: rotation.NotSent, RateLimited: rotation.RateLimited, Repeat: rotation.Repeat, Rejected: rotation.Rejected,
	Unauthorized: rotation.Unauthorized, Target: rotation.Target, Unavailable: rotation.Unavailable, ClockSkew: rotation.ClockSkew,
	Full: rotation.Full,
}

// possible lists the faults that the current run's call can suffer now.
func (x *explorer) possible(s *state) (all []Fault) {
	if x.jobs.values[s.cur.job].heals && !x.Everywhere {
		return nil
	}
	c := x.nodes.at(s.cur.node).call
	_, due := s.due()
	for f := CrashBefore; f <= Demand; f++ {
		switch f {
		case ErrorBefore, LostReply:
			if c.op == opSleep { // only its context wakes a sleeper
				continue
			}
		case LeaseBefore, LeaseAfter:
			if c.dead {
				continue
			}
		case Pause:
			if s.other.node == 0 && !due {
				continue
			}
		case Duplicate, HoldLost:
			if s.other.node != 0 {
				continue
			}
		case Demand:
			if s.demanded {
				continue
			}
		default:
		}
		all = append(all, f)
	}
	if c.dead {
		return all
	}
	return append(all, x.accidents(s, c)...)
}

// accidents lists what only this kind of call can suffer.
func (x *explorer) accidents(s *state, c call) (all []Fault) {
	switch c.op {
	case opSet, opIssue:
		for f := NotSent; f <= ClockSkew; f++ {
			all = append(all, f)
		}
		if s.flight == 0 {
			all = append(all, Late, CrashLate)
		}
		if c.op == opIssue {
			all = append(all, NotSynced)
		} else if x.Verified { // else it is a lie that cannot be found out
			all = append(all, Ineffective)
		}
	case opMint, opList, opRetire, opDisable, opEnable:
		all = x.accidentsOfMinter(s, c)
	case opVerify:
		t := s.targets[c.target]
		spreading := x.takes(s, c) && t.spread != 0
		if spreading {
			all = append(all, StillRefused)
		}
		if x.Sick && s.sick == healthy {
			all = append(all, WentSilent, NoOneLogsIn, EverybodyRefused)
			if spreading || !x.takes(s, c) {
				all = append(all, RefusedThenSilent)
			}
		}
	case opWrite:
		all = append(all, UserWrote)
	default:
	}
	if x.mayPutBack(s, c) {
		all = append(all, PutBack)
	}
	if x.Extend && !s.demanded {
		all = append(all, Extend)
	}
	if until := s.behindUntil(c.op); x.Stale && x.lags(s, c) && *until == 0 {
		all = append(all, Lagging, Behind)
	}
	return all
}

// lags reports whether a node that lags answers c in another way than the newest does.
func (x *explorer) lags(s *state, c call) bool {
	switch c.op {
	case opLoad:
		return s.journal != 0
	case opSave:
		return int64(x.version(s)) == c.number
	case opRead:
		return x.entries.values[s.current].before != 0
	case opWrite, opFence:
		return int64(x.entries.values[s.current].Version) == c.number
	default:
		return false
	}
}
