package explore

import (
	"slices"
	"time"

	"keyturn/internal/secret"
)

// long is longer than anything that the machine measures.
const long = time.Hour

// newest is the version that normalise gives to the newest record and to the newest entry.
const newest = 100

// normalise renames a state in which no process is at work, so that those coincide that differ in nothing which the
// machine can tell. It compares passwords, ids and slots only with each other, versions with each other and with the
// next one, and times only with now. What is old is old; what is kept for people only is forgotten; and a process that
// was stopped is told the new names, which is to say that it is performed again with them.
func (x *explorer) normalise(s *state) {
	if over := s.now % tick; over != 0 {
		s.pass(s.now - over + tick)
	}
	stands, journal := x.entries.values[s.current], x.records.values[s.journal]
	r := &renaming{
		explorer: x, now: s.now, path: x.pathTo(s.other.node),
		passwords: map[int32]int32{0: 0, -1: -1}, ids: map[string]int32{},
	}
	r.survey(s)
	granted := func(job int32) bool { return !stands.RotatedAt.Before(start.Add(x.jobs.values[job].at)) }

	for i := range s.targets {
		s.targets[i].live = r.password(s.targets[i].live)
	}
	s.current = x.entry(r.readable(stands.Entry), r.older(s))
	if s.former != 0 {
		s.former = r.standing(x.records.values[s.former].Record)
	}
	if s.journal != 0 {
		s.journal = r.standing(journal.Record)
	}
	s.flight = r.password(s.flight)
	for _, p := range x.sets.values[s.alive] {
		r.password(p)
	}
	s.left = r.password(s.left)
	if s.left != 0 {
		s.leftAt = r.later(s.leftAt)
	}
	s.alive = r.set(s.alive, func(int32) bool { return true })
	r.keys(s)
	r.follow(s, journal.Version)
	for i, q := range s.queue {
		if q.job != 0 {
			s.queue[i] = queued{max(r.later(q.at), 0), r.job(q.job, granted(q.job))}
		}
	}
	keep := func(p int32) bool { return slices.Contains(x.records.values[s.journal].held, p) }
	if s.other.node != 0 {
		r.run(&s.other, granted(s.other.job))
		keep = func(int32) bool { return true }
	}
	s.accepted = r.set(s.accepted, keep)
	s.journalled = r.set(s.journalled, func(p int32) bool { return s.isLive(p) || p == s.flight || x.contains(s.alive, p) })
	s.passwords, s.rotations = r.made, int32(len(r.ids)) //nolint:gosec // a few dozen
	s.now = 0
}

// follow brings the times of Redis, the network and the last check up to date.
func (r *renaming) follow(s *state, version int) {
	switch {
	case r.records.values[s.journal].RecheckAt.IsZero():
		s.rechecked = 0
	case s.rechecked == int32(version): //nolint:gosec // a few dozen
		s.rechecked = newest
	default:
		s.rechecked = -1
	}
	s.journalLags, s.currentLags = 0, 0 // the next run comes later
	for i := range s.targets {
		s.targets[i].spread = max(s.targets[i].spread-r.now, 0)
	}
	if s.held != 0 {
		s.held = r.later(s.held)
	}
	if s.open != 0 {
		s.open = max(r.later(s.open), 1)
	}
	if s.cured != 0 {
		s.cured = r.later(s.cured)
	}
	if s.flight != 0 {
		s.deadline = (s.deadline - r.now).Truncate(tick)
	}
}

// renaming gives new names, in the order in which things turn up.
type renaming struct {
	*explorer
	now       time.Duration
	path      []int32 // of the stopped run, from its start
	passwords map[int32]int32
	made      int32
	ids       map[string]int32
	journal   versions
	current   versions
	slots     []time.Time
}

func (r *renaming) password(old int32) int32 {
	if _, ok := r.passwords[old]; !ok {
		r.made++
		r.passwords[old] = r.made
	}
	return r.passwords[old]
}

func (r *renaming) value(v secret.Value) secret.Value {
	return r.names.password(r.password(r.passwordID(v)))
}

func (r *renaming) id(old string) string {
	if old == "" {
		return ""
	}
	if _, ok := r.ids[old]; !ok {
		r.ids[old] = int32(len(r.ids) + 1) //nolint:gosec // a few dozen
	}
	return rotationID(r.ids[old])
}

// later is a time as seen from now, on the grid.
func (r *renaming) later(t time.Duration) time.Duration {
	t -= r.now
	if over := t % tick; over > 0 {
		t += tick - over
	}
	return t.Truncate(tick)
}

// ago keeps of a time in the past what can matter.
func (r *renaming) ago(t time.Time) time.Time {
	old := longTime
	if r.Pair || r.Overlap {
		old = graceTime
	}
	if t.IsZero() || start.Add(r.now).Sub(t) >= old {
		return start.Add(-long)
	}
	return start.Add(r.later(t.Sub(start)))
}

func (r *renaming) slot(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return start.Add(-long * time.Duration(len(r.slots)-slices.IndexFunc(r.slots, t.Equal)))
}

// set leaves out what can no longer be told.
func (r *renaming) set(old int32, keep func(int32) bool) (set int32) {
	for _, password := range r.sets.values[old] {
		if p, named := r.passwords[password]; named && keep(p) {
			set = r.join(set, p)
		}
	}
	return set
}

// versions are those of one secret that anybody knows, in order. They are compared with each other and with the next one:
// what follows at once still does, and what does not still does not.
type versions []int

func (v versions) of(old int) int {
	at, found := slices.BinarySearch(v, old)
	if !found || old == 0 {
		return 0
	}
	renamed := newest
	for ; at < len(v)-1; at++ {
		renamed -= min(v[at+1]-v[at], 2)
	}
	return renamed
}

func (v versions) inOrder() versions {
	slices.Sort(v)
	return slices.Compact(v)
}
