package explore

import (
	"context"
	"errors"
	"hash/maphash"
	"log/slog"
	"strings"
	"time"

	"keyturn/internal/policy"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// node is a run after some answers: where it stands, and so all that it can know. There are tens of millions.
type node struct {
	parent int32  // 0 at its start
	chain  int32  // the next one with its place in scripts.places
	job    int32  // at its start
	ending int32  // how it ended
	given  answer // what its parent's call got; at its start only the time
	call   call   // what it asks next; opNone if it has ended
}

// ending is what matters of a rotation.Result.
type ending struct {
	status rotation.Status
	after  time.Duration
	tells  bool // its error tells a password
}

// edge leads to the start of a run.
type edge struct {
	now time.Duration
	job int32
}

// arc leads from one node to the next.
type arc struct {
	from  int32
	given answer
}

// scripts remembers every run that was ever performed, as a tree.
type scripts struct {
	*names
	breach  func(*rotation.Machine, *rotation.Subject)
	subject func(*performance) rotation.Subject
	nodes   pages[node] // the first one is none
	starts  map[edge]int32
	places  []int32 // hash of what leads to a node → the last one that was found; a power of 2
	seed    maphash.Seed
	answers []answer // scratch
}

// begin returns the start of a run of a job.
func (s *scripts) begin(job int32, now time.Duration) int32 {
	e := edge{now, job}
	id, ok := s.starts[e]
	if !ok {
		id = s.add(node{given: answer{now: now}, job: job})
		s.starts[e] = id
	}
	return id
}

// next returns where a run stands after one more answer.
func (s *scripts) next(from int32, given answer) int32 {
	if int(s.nodes.len) >= len(s.places) {
		s.grow()
	}
	place := s.place(from, given)
	for id := s.places[place]; id != 0; id = s.nodes.at(id).chain {
		if n := s.nodes.at(id); n.parent == from && n.given == given {
			return id
		}
	}
	id := s.add(node{parent: from, given: given, chain: s.places[place]})
	s.places[place] = id
	return id
}

func (s *scripts) place(from int32, given answer) int {
	return int(maphash.Comparable(s.seed, arc{from, given})) & (len(s.places) - 1) //nolint:gosec // its lowest bits
}

// grow makes room for twice as many nodes.
func (s *scripts) grow() {
	s.places = make([]int32, max(1<<10, 2*len(s.places)))
	for id := range s.nodes.len {
		if n := s.nodes.at(id); n.parent != 0 {
			place := s.place(n.parent, n.given)
			n.chain, s.places[place] = s.places[place], id
		}
	}
}

func (s *scripts) add(n node) int32 {
	id := s.nodes.add(n)
	s.perform(s.nodes.at(id))
	return id
}

// perform runs the machine up to the first call that has no answer yet.
func (s *scripts) perform(n *node) {
	s.answers = append(s.answers[:0], n.given)
	first := n
	for first.parent != 0 {
		first = s.nodes.at(first.parent)
		s.answers = append(s.answers, first.given)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	p := &performance{names: s.names, answers: s.answers, cancel: cancel}
	p.take() // the start is a time as well
	defer func() {
		if stopped := recover(); stopped != nil && stopped != any(p) {
			panic(stopped)
		}
		n.call = p.pending
	}()
	machine, subject := p.machine(), s.subject(p)
	if s.breach != nil {
		s.breach(machine, &subject)
	}
	result := s.jobs.values[first.job].run(ctx, machine, subject)
	n.ending = s.ending(ending{
		result.Status, result.After, result.Err != nil && strings.Contains(result.Err.Error(), "password-"),
	})
}

// performance is one run of the machine, on ports that answer from a script and stop it where that ends.
type performance struct {
	*names
	answers []answer // from the last to the first
	now     time.Duration
	cancel  context.CancelFunc
	pending call
}

func (p *performance) take() answer {
	last := len(p.answers) - 1
	a := p.answers[last]
	p.answers = p.answers[:last]
	p.now = a.now
	if a.cancel {
		p.cancel()
	}
	return a
}

// scripted reports whether the next call has its answer already, so that what it is about need not be known.
func (p *performance) scripted() bool { return len(p.answers) > 0 }

// ask is every port call.
func (p *performance) ask(ctx context.Context, o op, value int32, number int64) answer {
	return p.askAbout(ctx, "", o, value, number)
}

// askAbout is ask about one of the targets.
func (p *performance) askAbout(ctx context.Context, target string, o op, value int32, number int64) answer {
	if p.scripted() {
		return p.take()
	}
	// A time-out by the wall clock is none of the model's.
	p.pending = call{op: o, target: targetNumber(target), value: value, number: number, dead: errors.Is(ctx.Err(), context.Canceled)}
	p.cancel()
	p.pending.detached = ctx.Err() == nil
	panic(p) // stops here: nothing of a run is kept but its answers
}

// The times of the model. Between runs it is always a whole number of ticks.
const (
	tick       = 30 * time.Second
	callTime   = 5 * time.Second
	resumeTime = tick
	// longTime is the least interval of two rotations, until a recheck, and until the queue hands out again what
	// a dead worker had.
	longTime = 2 * tick
	// graceTime is longer than the interval of two rotations, so that the one shows which the other hides.
	graceTime = longTime + tick
	// lateness is how long a request may lie in the network: longer than until a resume, shorter than until a recheck.
	lateness = tick + tick/2
	// propagation is short, to keep schedules short.
	propagation = 100 * time.Millisecond
)

func (p *performance) machine() *rotation.Machine {
	return &rotation.Machine{
		Journals: journals{p}, Secrets: secrets{p}, Limiter: limiter{p}, Agenda: agenda{p}, Notices: notices{}, Clock: clock{p}, Keys: keys{p},
		Observer: observer{}, Log: slog.New(slog.DiscardHandler),
		Owner: "worker", // two runs may well be of one process
		NewID: func() string {
			return rotationID(p.ask(context.Background(), opName, 0, 0).value)
		},
		Generate: func(*policy.Policy, ...string) (secret.Value, error) {
			return p.password(p.ask(context.Background(), opGenerate, 0, 0).value), nil
		},
		Timing: rotation.Timing{Call: callTime, Resume: resumeTime, MinInterval: longTime, Recheck: longTime},
	}
}
