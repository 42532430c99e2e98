package explore

// What is modelled of identities that a provider can disable, and of those with which the runs call it themselves: a process
// takes up the key that current names when it begins a run, says which one it calls with, and counts as gone when it was not
// heard of for a while.

// silence is until a process that was stopped counts as gone.
const silence = longTime

// turn disables an identity, or enables it again.
func (x *explorer) turn(s *state, c call) {
	if c.op == opDisable {
		x.disable(s, c.value)
		return
	}
	s.disabled, s.swept = x.without(s.disabled, c.value), false
}

// disable holds for one that is disabled what holds for one that is taken away.
func (x *explorer) disable(s *state, n int32) {
	if !x.contains(s.alive, n) || x.contains(s.disabled, n) && x.contains(s.tried, n) {
		return
	}
	s.disabled, s.tried, s.off, s.offAt = x.join(s.disabled, n), x.join(s.tried, n), 0, 0
	x.checkRetire(s, n)
	s.off, s.offAt, s.swept = n, s.now, false
	if x.Keys && x.calls(s, n) {
		s.fail(pOverlapKeys, "a management key is disabled that a process calls with")
	}
}

// calls reports whether a process that is heard of calls with a key.
func (x *explorer) calls(s *state, n int32) bool {
	return s.cur.node != 0 && s.cur.key == n || s.other.node != 0 && s.other.key == n && s.now-s.other.stopped < silence
}

// keep is what Redis knows of management keys.
func (x *explorer) keep(s *state, c call) (a answer) {
	switch c.op {
	case opLeave:
		if !x.contains(s.leaving, c.value) {
			s.leaving, s.missed = x.join(s.leaving, c.value), x.without(s.missed, c.value)
		}
		if x.calls(s, c.value) {
			a.value = 1
		}
	case opMissed:
		if x.contains(s.missed, c.value) {
			a.value = 1
		}
	default:
		s.leaving = x.without(s.leaving, c.value)
	}
	return a
}

// takesUp is the key that a run begins with: what current names, unless that is about to be disabled.
func (x *explorer) takesUp(s *state) int32 {
	if !x.Keys {
		return 0
	}
	if named := x.entries.values[s.current].password; !x.contains(s.leaving, named) {
		s.key = named
	}
	return s.key
}

// stop stops the process of the current run.
func (x *explorer) stop(s *state) {
	if s.other = s.cur; x.Keys && s.other.node != 0 {
		s.other.stopped = s.now
	}
}

// swap lets the process go on that was stopped, and stops the other.
func (x *explorer) swap(s *state) {
	woken := s.other
	x.stop(s)
	if s.cur = woken; x.Keys && woken.node != 0 {
		s.cur.stopped, s.cur.unheard = 0, woken.unheard || s.now-woken.stopped >= silence
	}
}

// admit lets a call of a run to its provider through that calls with a management key, and refuses its turn where the process
// counted as gone meanwhile and its key is to be disabled.
func (x *explorer) admit(s *state, c call) (a answer, refused bool) {
	if !x.Keys {
		return a, false
	}
	switch c.op {
	case opTake, opAwait:
		if s.cur.unheard && x.contains(s.leaving, s.cur.key) {
			return answer{failure: busy, rest: tick}, true
		}
		s.cur.unheard = false
	case opMint, opList, opRetire, opDisable, opEnable:
		if x.contains(s.alive, s.cur.key) && !x.contains(s.disabled, s.cur.key) {
			return a, false
		}
		if !s.cur.unheard {
			s.fail(pOverlapKeys, "%s is called with a management key that is disabled or gone", c.op)
		}
		s.missed = x.join(s.missed, s.cur.key)
		return answer{failure: refusals + failure(Unauthorized)}, true
	default:
	}
	return a, false
}

// keys renames what is known of identities beside those that there are.
func (r *renaming) keys(s *state) {
	if !r.Disables {
		return
	}
	s.key, s.off = r.password(s.key), r.password(s.off)
	calls := r.password(s.other.key)
	known := func(p int32) bool { return r.contains(s.alive, p) || p == calls }
	s.disabled, s.had, s.tried = r.set(s.disabled, known), r.set(s.had, known), r.set(s.tried, known)
	s.leaving, s.missed = r.set(s.leaving, known), r.set(s.missed, known)
	if s.off != 0 {
		s.offAt = max(r.later(s.offAt), -longTime)
	}
}
