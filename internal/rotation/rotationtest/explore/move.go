package explore

import (
	"time"

	"keyturn/internal/rotation"
)

// move takes one step: the current run's call with a fault, or what happens by itself.
func (x *explorer) move(s *state, f Fault) {
	x.Steps++
	st := step{fault: f, call: x.nodes.at(s.cur.node).call}
	if st.call.op != opNone {
		x.Coverage[st.call.op][f]++
	}
	switch f {
	case Land:
		st.call = call{}
		x.land(s)
		x.check(s)
	case Next:
		st.job = x.dequeue(s)
		x.begin(s, st.job)
	case Wake, Pause:
		x.swap(s)
		if s.cur.node == 0 {
			x.begin(s, x.dequeue(s))
		}
		if f == Wake {
			st.call, st.job = x.nodes.at(s.cur.node).call, s.cur.job
		}
	case Duplicate, HoldLost:
		if f == HoldLost {
			s.free()
		}
		x.stop(s)
		x.begin(s, s.other.job)
	case Extend:
		s.demanded = true
		s.enqueue(s.now, x.wish(wish{Job: rotation.Job{Slot: x.slot(s), Reason: rotation.ReasonHold}, check: true, at: s.now}))
	case Demand:
		s.demanded = true
		s.enqueue(s.now, x.wish(wish{Job: rotation.Job{Slot: x.slot(s), Reason: rotation.ReasonDemand}, at: s.now}))
	case CrashBefore, CrashAfter, CrashLate:
		switch f {
		case CrashAfter:
			x.perform(s, st.call)
			s.drop(st.call)
		case CrashLate:
			x.takeOff(s, st.call)
		default:
		}
		x.crash(s)
	default:
		a := x.suffer(s, st.call, f)
		if st.call.op == opVerify && a.failure == fine && a.value == int32(rotation.Refused) {
			s.cur.denied = x.join(s.cur.denied, st.call.value)
		}
		x.answer(s, a)
	}
	if x.Overlap && f != None && f < Land {
		s.swept = false // the next periodic check makes up for it
	}
	st.now = s.now
	x.path = append(x.path, st)
	x.Longest = max(x.Longest, len(x.path))
}

// crash is the end of a process. Whatever it held in its memory is gone.
func (x *explorer) crash(s *state) {
	s.silent = s.silent || s.cur.late && s.cur.tardy
	for i := range s.targets {
		if t := &s.targets[i]; s.cur.hand != 0 && t.live == s.cur.hand {
			t.unseen = true
		}
	}
	x.requeue(s, longTime)
	s.cur = run{}
	x.check(s)
}

// suffer gives a call its effect and its answer, under a fault that the run survives.
func (x *explorer) suffer(s *state, c call, f Fault) (a answer) {
	switch f {
	case None:
		return x.perform(s, c)
	case ErrorBefore:
		return answer{failure: away}
	case LostReply:
		x.perform(s, c)
		s.drop(c)
		return answer{failure: away}
	case LeaseBefore, LeaseAfter:
		x.requeue(s, 0)
		switch {
		case c.detached:
			a = x.perform(s, c)
		case f == LeaseAfter:
			x.perform(s, c)
			s.drop(c)
			a.failure = away
		default:
			a.failure = away
		}
		a.cancel = true
		return a
	case Late:
		x.takeOff(s, c)
		return answer{failure: away}
	case Ineffective:
		x.checkSend(s, c)
		s.noEffect = true
		x.assured(s, c)
		s.accepted = x.join(s.accepted, c.value)
		return a
	case NotSynced:
		before := s.targets[c.target]
		a = x.perform(s, c)
		before.behind = true
		s.noEffect = s.noEffect || x.Pair
		s.targets[c.target] = before
		a.odd = true
		return a
	case StillRefused:
		return answer{value: int32(rotation.Refused)}
	case WentSilent, RefusedThenSilent, NoOneLogsIn, EverybodyRefused:
		return x.fallSick(s, c, f)
	case Lagging:
		return x.lag(s, c)
	case Behind:
		*s.behindUntil(c.op) = s.now + behindFor
		return x.perform(s, c)
	case UserWrote, PutBack:
		x.person(s, f)
		return x.perform(s, c)
	default:
		untrue := f == Repeat && s.targets[c.target].live != c.value
		if untrue {
			x.assured(s, c)
		}
		s.untrue, s.lied = s.untrue || untrue, s.lied || untrue && !x.Verified
		return answer{failure: refusals + failure(f)}
	}
}

// assured is the provider's word that a password is live, against what the run heard of it before.
func (x *explorer) assured(s *state, c call) {
	var denied int32
	for _, p := range x.sets.values[s.cur.denied] {
		if p != c.value {
			denied = x.join(denied, p)
		}
	}
	s.cur.denied = denied
}

// begin starts a run.
func (x *explorer) begin(s *state, job int32) {
	s.cur = run{node: x.scripts.begin(job, s.now), job: job, key: x.takesUp(s)}
	x.proceed(s)
}

// answer lets the current run go on to its next call or its end.
func (x *explorer) answer(s *state, a answer) {
	a.now = s.now
	x.asked, x.given = x.nodes.at(s.cur.node).call.op, a
	s.cur.node = x.next(s.cur.node, a)
	x.proceed(s)
	x.check(s)
}

// proceed answers what is no port call, and ends what has ended.
func (x *explorer) proceed(s *state) {
	for {
		n := x.nodes.at(s.cur.node)
		switch n.call.op {
		case opGenerate:
			s.cur.node = x.next(s.cur.node, answer{value: s.generate(), now: s.now})
		case opName:
			s.rotations++
			s.cur.node = x.next(s.cur.node, answer{value: s.rotations, now: s.now})
		case opNone:
			x.end(s, x.endings.values[n.ending])
			return
		default:
			x.checkIntent(s, n.call)
			return
		}
	}
}

// end gives the job back to the queue, or not.
func (x *explorer) end(s *state, result ending) {
	x.ended = result
	x.checkEnd(s, result)
	switch result.status {
	case rotation.Done:
		if x.jobs.values[s.cur.job].check {
			s.rechecked = x.version(s)
		}
	case rotation.Waiting, rotation.Failed, rotation.Replaced:
		after := onGrid(result.after)
		if w := x.jobs.values[s.cur.job]; s.sick != healthy || w.check && result.after > 0 {
			after = max(after, tick) // it waits for time to pass
		}
		x.requeue(s, after)
	case rotation.Ended, rotation.Unresolved:
	}
	s.cur = run{}
}

// onGrid makes a wait a whole number of ticks: soon is at once.
func onGrid(d time.Duration) time.Duration {
	if d <= 2*time.Second {
		return 0
	}
	return (d + tick - 1).Truncate(tick)
}
