package fleetsim

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"keyturn/internal/due"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// Variant is a fault of an earlier keyturn, brought back at a port, which the simulation must notice.
type Variant string

// The variants.
const (
	RefusedRecheckRotates Variant = "a refused recheck rotates"
	JournalLeftOpen       Variant = "a 429 leaves the journal open"
	ChecksCounted         Variant = "checks are counted against capacity"
	FirstUnreadableEnds   Variant = "the first unreadable account ends the build"
	SlotBelieved          Variant = "a slot in the future is believed"
	AcceptanceBelieved    Variant = "an acceptance in the future is believed"
	MissedSlotServed      Variant = "a missed slot is served outside its window"
	QuestionsSpent        Variant = "questions are spent before the password has spread"
	EveryRefusal          Variant = "every 5xx is a refusal"
)

// broken breaks ports.
type broken struct {
	*Sim

	mu      sync.Mutex
	refused map[string][]time.Time // by login
	still   map[*process]time.Time // of its clock, since an acceptance
}

// journals breaks what a run reads and writes.
func (b *broken) journals(_ *process, right rotation.Journals) rotation.Journals {
	switch b.Variant {
	case RefusedRecheckRotates, JournalLeftOpen:
		return forgetful{right, b}
	default:
		return right
	}
}

// forgetful is a journal without its memory of repairs, or one that does not close what was never sent.
type forgetful struct {
	rotation.Journals
	b *broken
}

// Load implements rotation.Journals.
func (f forgetful) Load(ctx context.Context, cred *rotation.Credential) (rotation.Record, error) {
	rec, err := f.Journals.Load(ctx, cred)
	if f.b.Variant == RefusedRecheckRotates {
		rec.Repairs, rec.RaisedAt = 0, time.Time{}
	}
	return rec, err
}

// Save implements rotation.Journals.
func (f forgetful) Save(ctx context.Context, cred *rotation.Credential, rec rotation.Record, cas int) (int, error) {
	_, current, _ := f.b.cells[cred.ID].Truth()
	if f.b.Variant == JournalLeftOpen && rec.State == rotation.Closed && current.RotationID != rec.RotationID {
		return 0, errors.New("an unused journal is left open")
	}
	return f.Journals.Save(ctx, cred, rec, cas)
}

// truth breaks what a scheduler reads.
func (b *broken) truth(_ *process, right due.Truth) due.Truth {
	if b.Variant == FirstUnreadableEnds {
		right.Journals = inTurn{right.Journals, b}
	}
	return right
}

// inTurn reads accounts in the order of their names, up to the first that cannot be read.
type inTurn struct {
	rotation.Journals
	b *broken
}

// Load implements rotation.Journals.
func (i inTurn) Load(ctx context.Context, cred *rotation.Credential) (rotation.Record, error) {
	for _, a := range i.b.accounts {
		if a.name < cred.Account && i.b.on(unreadable, a.name) {
			return rotation.Record{}, errors.New("an account before it cannot be read")
		}
	}
	return i.Journals.Load(ctx, cred)
}

// clock breaks a machine's clock.
func (b *broken) clock(p *process, right rotation.Clock) rotation.Clock {
	switch b.Variant {
	case AcceptanceBelieved, QuestionsSpent:
		return odd{right, b, p}
	default:
		return right
	}
}

// odd is a clock that stands still for an hour from an acceptance on, or one that cannot wait. To a run that believes an
// acceptance which is an hour ahead, no time has passed since it for as long: it asks without a pause.
type odd struct {
	rotation.Clock
	b *broken
	p *process
}

// Now implements rotation.Clock.
func (o odd) Now() time.Time {
	o.b.mu.Lock()
	defer o.b.mu.Unlock()
	now := o.Clock.Now()
	if at, still := o.b.still[o.p]; still && now.Sub(at) < time.Hour {
		return at
	}
	return now
}

// Sleep implements rotation.Clock.
func (o odd) Sleep(ctx context.Context, d time.Duration) error {
	if o.b.Variant == QuestionsSpent {
		d = min(d, 2*time.Second)
	}
	return o.Clock.Sleep(ctx, d)
}

// accepted hears that a provider answered.
func (b *broken) accepted(p *process, err error) error {
	if b.Variant == AcceptanceBelieved && err == nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.still == nil {
			b.still = map[*process]time.Time{}
		}
		b.still[p] = virtual()
	}
	return err
}

// move breaks what becomes of a slot whose window is over.
func (b *broken) move(p *process, _ string, claims []due.Moved, right func([]due.Moved) error) error {
	if b.Variant != MissedSlotServed {
		return right(claims)
	}
	for _, m := range claims {
		c := b.cells[m.ID]
		c.due(m.Slot)
		p.queue.once(c.cred, rotate, false, rotation.Job{Slot: m.Slot, Reason: rotation.ReasonScheduled})
	}
	return nil
}

// run breaks how a worker serves a job.
func (b *broken) run(_ *process, c *cell, t *task, right func(rotation.Job) rotation.Result) rotation.Result {
	job := t.job
	switch b.Variant {
	case SlotBelieved:
		if _, current, _ := c.Truth(); t.kind == rotate && !job.Slot.IsZero() && !job.Slot.After(current.Slot) {
			return rotation.Result{Status: rotation.Done}
		}
	case MissedSlotServed:
		if job.Reason == rotation.ReasonScheduled && t.kind == rotate {
			job.Reason = rotation.ReasonPolicy // the machine looks at no window
		}
	case QuestionsSpent:
		result := right(job)
		if result.Status == rotation.Waiting && result.After <= 30*time.Second {
			result.After = min(result.After, time.Second)
		}
		return result
	case ChecksCounted:
		if result := right(job); t.kind != check || result.Status != rotation.Unresolved {
			return result
		}
		return rotation.Result{Status: rotation.Waiting, After: time.Minute, Err: errors.New("a check without an answer comes back")}
	default:
	}
	return right(job)
}

// settled breaks what follows a rotation.
func (b *broken) settled(c *cell, end rotation.Ending) {
	if b.Variant == RefusedRecheckRotates && end.Promoted && end.Verified == rotation.VerifiedNo {
		_ = b.queue.ask(c.cred, rotation.ReasonRecheck, recheck) // else it is asked for by the next one
	}
}

// countsChecks tells whether checks take the place of rotations.
func (b *broken) countsChecks() bool { return b.Variant == ChecksCounted }

// verifier breaks the question whether a password works.
func (b *broken) verifier(_ *process, _ *cell, right counting) rotation.Verifier {
	if b.Variant == QuestionsSpent {
		return capped{right, b}
	}
	return right
}

// capped bears 20 refusals of a login in ten minutes, and then says nothing.
type capped struct {
	counting
	b *broken
}

// Verify implements rotation.Verifier.
func (v capped) Verify(ctx context.Context, login string, password secret.Value) (rotation.Verdict, error) {
	const most, memory = 20, 10 * time.Minute
	v.b.mu.Lock()
	if v.b.refused == nil {
		v.b.refused = map[string][]time.Time{}
	}
	for len(v.b.refused[login]) > 0 && virtual().Sub(v.b.refused[login][0]) > memory {
		v.b.refused[login] = v.b.refused[login][1:]
	}
	full := len(v.b.refused[login]) >= most
	v.b.mu.Unlock()
	if full {
		return rotation.Unknown, errors.New("too many questions about it")
	}
	verdict, err := v.counting.Verify(ctx, login, password)
	if verdict == rotation.Refused || verdict == rotation.Unbelieved {
		v.b.mu.Lock()
		v.b.refused[login] = append(v.b.refused[login], virtual())
		v.b.mu.Unlock()
	}
	return verdict, err
}

// refusal is what a mail server says that does not want to be asked.
func (b *broken) refusal(reply string) string {
	if b.Variant == EveryRefusal && strings.HasPrefix(reply, "5") {
		return "535 5.7.8 authentication failed"
	}
	return reply
}
