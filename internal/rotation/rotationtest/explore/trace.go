package explore

import (
	"fmt"
	"strings"

	"keyturn/internal/rotation"
)

// runs numbers the runs of a replay in the order in which they begin; a letter stands for each.
type runs struct{ began, cur, other int }

func (r *runs) begin() {
	r.began++
	r.cur = r.began
}

func letter(run int) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	return letters[(run-1)%26:][:1] + strings.Repeat("'", (run-1)/26)
}

// step takes one step from a place and writes it down: when, which run, what it asked for, what went wrong, and what has
// changed.
func (p *player) step(f Fault, at string) {
	before, who, what, fault := p.state, "", at, ""
	if f > None && f < Land {
		fault = "! " + f.String()
	}
	if before.cur.node != 0 {
		who, what = letter(p.runs.cur), p.asks(p.nodes.at(before.cur.node).call)
	}
	p.asked, p.given, p.ended = opNone, answer{}, ending{}
	p.move(&p.state, f)
	began := p.runs.began
	switch f {
	case Next:
		p.runs.begin()
		who = letter(p.runs.cur)
	case Wake, Pause:
		p.runs.cur, p.runs.other = p.runs.other, p.runs.cur
		if f == Pause && before.other.node == 0 {
			p.runs.begin()
		}
		if f == Wake {
			who, what = letter(p.runs.cur), "goes on"
		}
	case Duplicate, HoldLost:
		p.runs.other = p.runs.cur
		p.runs.begin()
	case Land:
		who, what = "", "a late request arrives"
	default:
	}
	changes := p.changes(&before)
	if f != Next && p.runs.began > began && p.state.cur.node != 0 {
		changes = append(changes, fmt.Sprintf("%s begins: %s", letter(p.runs.cur), p.jobs.values[p.state.cur.job]))
	}
	now := before.now
	if f == Next {
		now = p.state.now
	}
	line := fmt.Sprintf("%6s  %-1s  %-27s %-15s %s", now, who, what, fault, strings.Join(changes, "; "))
	fmt.Fprintln(&p.log, strings.TrimRight(line, " "))
}

// asks spells a call with what tells it from others like it.
func (p *player) asks(c call) string {
	switch c.op {
	case opAsk:
		return fmt.Sprintf("%s %s", c.op, p.reasons.values[c.value])
	case opSet, opVerify:
		return fmt.Sprintf("%s %s", c.op, p.password(c.value).Reveal())
	case opPassword:
		return fmt.Sprintf("%s of version %d", c.op, c.number)
	default:
		return c.op.String()
	}
}

// changes says what a step changed, and how a run that it ended has ended.
func (p *player) changes(before *state) (all []string) {
	s := &p.state
	if told := p.told(); told != "" {
		all = append(all, told)
	}
	for i, t := range s.targets {
		if t.live != before.targets[i].live {
			all = append(all, p.password(t.live).Reveal()+" is live")
		}
	}
	if s.journal != before.journal {
		all = append(all, "journal "+p.showRecord(s.journal))
	}
	if s.current != before.current {
		e := p.entries.values[s.current]
		text := fmt.Sprintf("current %d: %s", e.Version, e.Password.Reveal())
		if e.Verified != "" {
			text += ", verified: " + string(e.Verified)
		}
		all = append(all, text)
	}
	if p.ended.status != 0 {
		all = append(all, "ends: "+p.ended.status.String())
	}
	return all
}

// told is an answer that is not a plain yes.
func (p *player) told() string {
	switch a := p.given; {
	case a.failure == stale:
		return "stale"
	case a.failure == busy:
		return "held by another run"
	case a.failure == ended:
		return "its context has ended"
	case a.failure > refusals:
		return "answered " + Fault(a.failure-refusals).String()
	case p.asked == opVerify:
		return rotation.Verdict(a.value).String()
	default:
		return ""
	}
}

var stateNames = map[rotation.State]string{rotation.Closed: "closed", rotation.Open: "open", rotation.Quarantined: "quarantined"}

var candidateNames = map[rotation.CandidateState]string{
	rotation.Staged: "staged", rotation.Doubtful: "doubtful", rotation.Accepted: "accepted", rotation.Intent: "intent",
	rotation.Dead: "dead", rotation.RefusedByRule: "refused by rule",
}

// showRecord is one line about a record: its version and state, the rotation, and every candidate with its number.
func (p *player) showRecord(id int32) string {
	rec := p.records.values[id]
	var b strings.Builder
	fmt.Fprintf(&b, "%d: %s", rec.Version, stateNames[rec.State])
	if rec.State != rotation.Closed {
		fmt.Fprintf(&b, ", %s attempt %d", rec.RotationID, rec.Attempt)
	}
	for _, c := range rec.Candidates {
		fmt.Fprintf(&b, ", %d", c.Number)
		if !c.Value.IsZero() {
			fmt.Fprintf(&b, " %s", c.Value.Reveal())
		}
		fmt.Fprintf(&b, " %s", candidateNames[c.State])
		if c.Denied {
			fmt.Fprint(&b, " and denied")
		}
		if c.Sends > 0 {
			fmt.Fprintf(&b, " %d× without effect", c.Sends)
		}
	}
	if rec.State == rotation.Closed && !rec.RecheckAt.IsZero() {
		fmt.Fprintf(&b, ", recheck at %s", rec.RecheckAt.Sub(start))
	}
	return b.String()
}
