package explore

import (
	"hash/maphash"
	"slices"
	"time"

	"keyturn/internal/rotation"
)

// Exploration says what to explore.
type Exploration struct {
	Issuer   bool // the provider makes the passwords
	Verified bool // there is a verifier to ask whether one works
	Pair     bool // two targets take turns
	Overlap  bool // identities follow each other
	Quota    int  // how many of them the provider holds at most; 0: any number
	Disables bool // the provider can disable one before it is taken away
	Keys     bool // they are the management keys with which the runs call the provider
	Found    bool // one was there before keyturn, and consumers use it
	Adopted  bool // a pair's consumers have a dead password, and what a person brought for them is in an open journal
	Extend   bool // a person may have what waits to be retired stay for another grace
	PutBack  bool // a person may put the version of current before the newest back
	Depth    int  // how many faults a schedule has at most
	Again    bool // another wish falls due as soon as the interval of two rotations allows
	Stale    bool // Vault has nodes that lag
	Sick     bool // the verifier may fall sick for a while
	Strict   bool // a quarantine needs one of the causes of cause.go
	// Only lists the faults that schedules have; nil means all. Few kinds can be explored much deeper.
	Only []Fault
	// Everywhere lets runs suffer faults that only heal: the checks and rotations that other runs asked for.
	Everywhere bool
	// Break makes the machine, or a port, behave as it must not. It is called again for each run.
	Break func(*rotation.Machine, *rotation.Subject)
	// Exact tells states apart that differ in names and times only. It is for a machine that can tell them apart.
	Exact bool
	// Skew is how far the clock is off from which jobs get their slots. It needs Exact.
	Skew time.Duration
	// First stops at the first violation.
	First bool
}

// Run explores.
func (e Exploration) Run() *Report {
	x := e.explorer()
	x.recent = make([]uint64, recent)
	x.visit(x.first(), e.Depth)
	x.States, x.Runs = len(x.seen), int(x.nodes.len)
	return &x.Report
}

func (e Exploration) explorer() *explorer {
	n, seed := newNames(), maphash.MakeSeed()
	x := &explorer{
		Exploration: e, names: n, seed: seed, seen: map[uint64]int8{},
		scripts: scripts{names: n, seed: seed, breach: e.Break, subject: e.subject, starts: map[edge]int32{}},
	}
	x.nodes.add(node{}) // none
	return x
}

var place = rotation.Place{Store: "main", Path: "mail/alerts"}

func (e Exploration) subject(p *performance) rotation.Subject {
	s := rotation.Subject{Credential: &rotation.Credential{
		ID: "mail", Account: "acme", Target: targetNames[0], Place: place,
		Verify: &rotation.Verification{Propagation: propagation},
	}}
	if e.Pair {
		s.Credential.Pair = &rotation.Pair{
			Targets: [2]rotation.Access{{Target: targetNames[0]}, {Target: targetNames[1]}}, Grace: graceTime,
		}
	}
	switch {
	case e.Overlap:
		s.Credential.Overlap = &rotation.Overlap{Grace: graceTime, Owner: "ours", Disables: e.Disables, Manages: e.Keys}
		s.Client.Minter = provider{p}
		if e.Disables {
			s.Client.Disabler = provider{p}
		}
	case e.Issuer:
		s.Client.Issuer = provider{p}
	default:
		s.Client.Setter = provider{p}
	}
	if e.Verified {
		s.Credential.Verify.Mode = rotation.VerifySMTP
		s.Verifier = provider{p}
	}
	return s
}

// explorer is an exploration in progress.
type explorer struct {
	Exploration
	Report
	*names
	scripts
	seed   maphash.Seed
	seen   map[uint64]int8 // state → the most faults that were left there, plus one
	recent []uint64        // states that had none left
	path   []step
	trail  []turn // of the path: where no process was at work

	// The last call that was answered, its answer, and how the run ended that had it as its last: for a replay to show.

	asked op
	given answer
	ended ending
}

// recent is of how many states it is remembered that they were reached with no fault left.
const recent = 1 << 22

// maxSteps is more than any schedule takes that comes to rest.
const maxSteps = 1000

// first is a credential that was rotated an hour ago, and a job that falls due now.
func (x *explorer) first() state {
	s := state{targets: [2]target{{live: 1}}, passwords: 1, accepted: x.join(0, 1)}
	e := rotation.Entry{
		Version: 1, Password: x.password(1), RotationID: "before", Slot: start.Add(-long), RotatedAt: start.Add(-long),
	}
	switch {
	case x.Pair:
		x.pair(&s, &e)
	case x.Overlap:
		x.overlap(&s, &e)
	}
	s.current = x.entry(e, s.current)
	if x.Adopted {
		x.adopted(&s)
	}
	s.enqueue(0, x.wish(wish{Job: rotation.Job{Slot: x.slot(&s), Reason: rotation.ReasonScheduled}}))
	if x.Again {
		s.enqueue(longTime, x.wish(wish{Job: rotation.Job{Reason: rotation.ReasonScheduled}, due: true}))
	}
	return s
}

// slot is what a job asked for now carries.
func (x *explorer) slot(s *state) time.Time { return start.Add(s.now + x.Skew) }

// visit follows all schedules from s that have so many faults left.
func (x *explorer) visit(s state, left int) {
	x.Schedules++
	depth, rests := len(x.path), len(x.trail)
	defer func() { x.path, x.trail = x.path[:depth], x.trail[:rests] }()
	for !x.violated(&s) && x.enter(&s, left) {
		if s.flight != 0 {
			x.branch(s, Land, left)
		}
		if s.cur.node == 0 {
			if !x.rest(&s, left) {
				return
			}
			continue
		}
		if left > 0 {
			for _, f := range x.possible(&s) {
				if x.Only == nil || slices.Contains(x.Only, f) {
					x.branch(s, f, left-1)
				}
			}
		}
		x.move(&s, None)
	}
}

// branch visits what follows a fault.
func (x *explorer) branch(s state, f Fault, left int) {
	depth := len(x.path)
	x.move(&s, f)
	x.visit(s, left)
	x.path = x.path[:depth]
}

// rest goes on when no process is at work, and reports whether there was anything to do.
func (x *explorer) rest(s *state, left int) bool {
	_, due := s.due()
	switch {
	case due && s.other.node != 0:
		x.branch(*s, Wake, left)
		x.move(s, Next)
	case due:
		x.move(s, Next)
	case s.other.node != 0:
		x.move(s, Wake)
	case !s.swept:
		x.sweep(s)
	case x.sweepsAgain(s):
	default:
		x.checkFinal(s)
		return s.failed != ""
	}
	return true
}

// sweepsAgain lets time pass until a periodic check has an identity to retire.
func (x *explorer) sweepsAgain(s *state) bool {
	until, ok := x.waits(s)
	if !ok {
		return false
	}
	s.pass(until)
	s.swept = false
	return true
}

// sweep is the last look: what the scheduler's sweep, a rebuild of Redis and the scheduled drift check do some time.
func (x *explorer) sweep(s *state) {
	s.swept = true
	journal := x.records.values[s.journal]
	if journal.State == rotation.Open {
		s.open = s.now + 1
	}
	recheck := journal.State == rotation.Closed && !journal.RecheckAt.IsZero() && s.rechecked != x.version(s)
	if x.Verified || recheck || x.Overlap {
		s.enqueue(s.now, x.wish(wish{Job: rotation.Job{Reason: rotation.ReasonRecheck}, check: true, heals: true, at: s.now}))
	}
}

// enter reports whether s is new, with so many faults left.
func (x *explorer) enter(s *state, left int) bool {
	if s.cur.node != 0 || x.Exact {
		return x.mark(s, left)
	}
	if !x.mark(s, left) {
		x.checkCircle(s, left)
		return false
	}
	x.trail = append(x.trail, turn{*s, left})
	before := *s
	x.normalise(s)
	if *s == before {
		return true
	}
	if !x.mark(s, left) {
		x.checkCircle(s, left)
		return false
	}
	x.trail = append(x.trail, turn{*s, left})
	return true
}

// mark remembers s. What is reached with no fault left is followed to its end without a choice, so it is remembered as
// long as there is room, where it does not begin or end a run.
func (x *explorer) mark(s *state, left int) bool {
	id := maphash.Comparable(x.seed, *s)
	if x.seen[id] > int8(left) { //nolint:gosec // a handful
		return false
	}
	if left == 0 && s.cur.node != 0 {
		place := &x.recent[id%recent]
		known := *place == id
		*place = id
		return !known
	}
	x.seen[id] = int8(left) + 1 //nolint:gosec // a handful
	return true
}
