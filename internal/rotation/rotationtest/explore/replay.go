package explore

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"keyturn/internal/rotation"
)

// Replay runs the machine, or with Mode.Break a broken one, through one schedule until all is quiet or a rule is broken.
// It returns what happened step by step, and the rule; "" if all of them held. It fails if the schedule does not fit:
// where a choice is never reached, or strikes a call that cannot suffer it.
//
// Unless it is renamed, passwords, versions and times are those of the whole schedule.
func (s Schedule) Replay() (trace, violation string, err error) {
	p := &player{explorer: s.Mode.explorer(), next: s.Choices, renamed: s.Renamed}
	p.state = p.first()
	p.play()
	if p.err == nil && len(p.next) > 0 && p.state.failed == "" {
		p.err = fmt.Errorf("%q was never reached", p.next[0])
	}
	if p.state.failed != "" {
		fmt.Fprintf(&p.log, "violation: %s\n", p.state.failed)
	}
	return p.log.String(), p.state.failed, p.err
}

// retrace turns the faults of an explored path into the schedule that leads along it to a violation.
func (e Exploration) retrace(path []step, violation string) (s Schedule) {
	for _, renamed := range []bool{e.Exact, !e.Exact} {
		p := &player{explorer: e.explorer(), path: path, renamed: renamed && !e.Exact}
		p.state = p.first()
		p.play()
		s = Schedule{e, p.made, p.renamed}
		if _, shown, err := s.Replay(); err == nil && shown == violation {
			break
		}
	}
	return s
}

// player follows one schedule: either the choices of a text, or the faults of a path that an exploration took.
type player struct {
	*explorer
	state   state
	renamed bool
	next    []Choice // that have not been made yet
	path    []step   // that has not been followed yet
	made    []Choice
	met     map[string]int // how often each place was passed since the last choice
	runs    runs
	log     strings.Builder
	err     error
}

func (p *player) play() {
	p.met = map[string]int{}
	for steps := 0; p.state.failed == "" && p.err == nil; steps++ {
		if p.state.cur.node == 0 && !p.Exact {
			if p.state.align(); p.renamed {
				p.normalise(&p.state)
			}
		}
		if p.circles() || steps > maxSteps {
			p.state.fail(pBounded, "it goes round in circles")
			break
		}
		at, usual := p.place()
		p.met[at]++
		f := p.choose(at, usual)
		if p.err != nil {
			return
		}
		if f != usual {
			p.made = append(p.made, Choice{f, at, p.met[at]})
			clear(p.met)
		}
		if f != None || p.state.cur.node != 0 {
			p.step(f, at)
			continue
		}
		if p.state.swept && p.sweepsAgain(&p.state) {
			continue
		}
		if p.state.swept {
			p.end()
			return
		}
		p.sweep(&p.state)
	}
}

// place says what would happen by itself. None at rest is the last look, and then the end.
func (p *player) place() (at string, usual Fault) {
	s := p.state
	_, due := s.due()
	switch {
	case s.cur.node != 0:
		return p.nodes.at(s.cur.node).call.op.String(), None
	case due:
		return p.jobs.values[p.dequeue(&s)].String(), Next
	case s.other.node != 0:
		return Wake.String(), Wake
	case !s.swept:
		return "sweep", None
	default:
		return "quiet", None
	}
}

// choose returns the fault that strikes here, or what happens by itself.
func (p *player) choose(at string, usual Fault) Fault {
	switch {
	case len(p.path) > 0 && (at != "sweep" || p.path[0].fault == Land):
		f := p.path[0].fault
		p.path = p.path[1:]
		return f
	case len(p.next) > 0 && p.next[0].At == at && p.next[0].Nth == p.met[at]:
		c := p.next[0]
		if !p.can(c.Fault) {
			p.err = fmt.Errorf("%q is not possible there", c)
			return usual
		}
		p.next = p.next[1:]
		return c.Fault
	default:
		return usual
	}
}

// can tells that a fault is one that an exploration in this mode tries now.
func (p *player) can(f Fault) bool {
	s := &p.state
	switch {
	case f == Land:
		return s.flight != 0
	case s.cur.node == 0:
		return f == Wake && s.other.node != 0
	default:
		return slices.Contains(p.possible(s), f)
	}
}

// circles tells that this moment between two runs has been there before, but for names and times, with as many choices
// left to make.
func (p *player) circles() bool {
	if p.state.cur.node != 0 || p.Exact {
		return false
	}
	s := p.state
	p.normalise(&s)
	t := turn{s, len(p.next) + len(p.path)}
	if slices.Contains(p.trail, t) {
		return true
	}
	p.trail = append(p.trail, t)
	return false
}

// end judges what is left when all is quiet.
func (p *player) end() {
	s := &p.state
	p.checkFinal(s)
	if s.failed != "" {
		return
	}
	journal := p.records.values[s.journal]
	switch {
	case journal.State == rotation.Quarantined:
		fmt.Fprintf(&p.log, "quarantine: %s\n", journal.Why)
	case p.lives(s):
		fmt.Fprintln(&p.log, "quiet: consumers read the live password")
	default:
		fmt.Fprintln(&p.log, "quiet: consumers do not read the live password, and nothing better is promised")
	}
}

// align rounds all times up to whole ticks, as normalise does, and leaves the names alone.
func (s *state) align() {
	s.pass(up(s.now))
	for i := range s.queue {
		if s.queue[i].job != 0 {
			s.queue[i].at = max(up(s.queue[i].at), s.now)
		}
	}
	s.journalLags, s.currentLags = 0, 0
	s.held, s.open, s.cured = up(s.held), up(s.open), up(s.cured)
	if s.flight != 0 {
		s.deadline = s.deadline.Truncate(tick)
	}
}

func up(d time.Duration) time.Duration { return (d + tick - 1).Truncate(tick) }
