package rotation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Contacts is one job that asks contacts to confirm their addresses.
type Contacts struct {
	Name      string
	Account   string
	Addresses []string // canonical
	Client    ContactVerifier
}

func (s ContactState) String() string {
	return [...]string{"unknown", "sent", "mailed or verified before", "failed"}[s]
}

// ContactNote is what became of one address in the course of a job.
type ContactNote struct {
	ContactResult
	Slot  time.Time // of the job
	At    time.Time
	Tries int
}

// ContactNotes keeps what became of each address, so that only what failed is tried again. Losing them is harmless: the
// provider itself tells which addresses were mailed before. Safe for concurrent use; returns soon after ctx ends.
type ContactNotes interface {
	// Load returns the notes by address; none is no error.
	Load(ctx context.Context, account, name string) (map[string]ContactNote, error)
	// Save replaces all notes of the job.
	Save(ctx context.Context, account, name string, notes map[string]ContactNote) error
}

const (
	// maxContactTries is how often one job asks for one address.
	maxContactTries = 5
	// quotaRest is how long an address whose quota is spent is left alone.
	quotaRest = 24 * time.Hour
)

// VerifyContacts asks the provider to mail to those of the job's addresses that have not been served for its slot. It
// rotates nothing and touches no journal. It is done once every address was served or given up; the log tells which.
func (m *Machine) VerifyContacts(ctx context.Context, notes ContactNotes, c Contacts, job Job) Result {
	all, err := notes.Load(ctx, c.Account, c.Name)
	if err != nil {
		return Result{Status: Failed, Err: err}
	}
	now := m.Clock.Now()
	known := make(map[string]ContactNote, len(c.Addresses))
	var ask []string
	for _, address := range c.Addresses {
		n, noted := all[address]
		if noted {
			known[address] = n
		}
		if rest, open := n.next(job.Slot, now); !noted || open && rest == 0 {
			ask = append(ask, address)
		}
	}
	if len(ask) > 0 {
		if result, ok := m.askContacts(ctx, c, job, ask, known); !ok {
			return result
		}
	}
	return m.closeContacts(ctx, notes, c, job, known)
}

// next reports whether an address is to be asked for in a job for this slot, and after how long.
func (n ContactNote) next(slot, now time.Time) (rest time.Duration, open bool) {
	if !n.Slot.Before(slot) && (n.State != ContactFailed || n.Tries >= maxContactTries) {
		return 0, false
	}
	if n.NotToday {
		rest = max(n.At.Add(quotaRest).Sub(now), 0)
	}
	return rest, true
}

// askContacts makes the one call and notes its results; false where the call as a whole failed.
func (m *Machine) askContacts(ctx context.Context, c Contacts, job Job, ask []string, known map[string]ContactNote) (Result, bool) {
	if err := m.oneTurn(ctx, c.Account, job.Reason == ReasonDemand); err != nil {
		var w *WaitError
		switch {
		case errors.As(err, &w):
			return Result{Status: Waiting, After: w.After, Err: err}, false
		case ctx.Err() != nil: // time that runs out in the queue for a token says nothing about the job
			return Result{Status: Waiting, After: time.Second, Err: err}, false
		}
		return Result{Status: Failed, Err: err}, false
	}
	limited, cancel := context.WithTimeout(ctx, m.Timing.Call)
	defer cancel()
	start := m.Clock.Now()
	results, err := c.Client.VerifyContacts(limited, ask)
	now := m.Clock.Now()
	// To an Observer a verification is a credential without a password.
	m.Observer.Called(&Credential{ID: c.Name, Account: c.Account}, "verify contacts", err, now.Sub(start))
	if err != nil {
		return m.contactsRefused(ctx, c, asError(err)), false
	}
	for _, address := range ask {
		n := ContactNote{ContactResult: ContactResult{Address: address, State: ContactFailed, Code: "not in the answer"}}
		for _, r := range results {
			if r.Address == address {
				n.ContactResult = r
			}
		}
		n.Slot, n.At, n.Tries = job.Slot, now, 1
		if was, ok := known[address]; ok && !was.Slot.Before(job.Slot) {
			n.Slot, n.Tries = was.Slot, was.Tries+1
		}
		known[address] = n
		m.logContact(ctx, c, n)
	}
	return Result{}, true
}

// logContact tells what became of an address: nothing else keeps it for people.
func (m *Machine) logContact(ctx context.Context, c Contacts, n ContactNote) {
	level := slog.LevelInfo
	attrs := []slog.Attr{
		slog.String("verification", c.Name), slog.String("account", c.Account), slog.String("address", n.Address),
		slog.String("result", n.State.String()), slog.Int("tries", n.Tries),
	}
	if n.State == ContactFailed {
		level = slog.LevelWarn
		attrs = append(attrs, slog.String("code", n.Code))
	}
	m.Log.LogAttrs(ctx, level, "contact", attrs...)
}

func (m *Machine) contactsRefused(ctx context.Context, c Contacts, e *Error) Result {
	switch e.Kind {
	case RateLimited:
		after := max(e.RetryAfter, time.Second)
		if err := m.Limiter.Penalise(ctx, c.Account, after); err != nil {
			return Result{Status: Waiting, After: after, Err: errors.Join(e, err)}
		}
		return Result{Status: Waiting, After: after, Err: e}
	case Unauthorized:
		if err := m.Agenda.Block(ctx, c.Account, e); err != nil {
			return Result{Status: Waiting, After: 30 * time.Second, Err: errors.Join(e, err)}
		}
		return Result{Status: Waiting, After: 30 * time.Second, Err: e}
	case ClockSkew:
		return Result{Status: Waiting, After: 30 * time.Second, Err: e}
	case Target: // the request itself is wrong: no retry helps, and no quarantine tells of it
		m.Log.LogAttrs(ctx, slog.LevelError, "a contact verification was refused and is not tried again for its slot",
			slog.String("verification", c.Name), slog.String("account", c.Account), slog.Any("error", e))
		return Result{Status: Ended, Err: e}
	case InDoubt, NotSent, Repeat, Rejected, Unavailable:
	}
	return Result{Status: Failed, After: e.RetryAfter, Err: e}
}

// closeContacts saves the notes and says whether the job comes back.
func (m *Machine) closeContacts(ctx context.Context, notes ContactNotes, c Contacts, job Job, known map[string]ContactNote) Result {
	now := m.Clock.Now()
	result := Result{Status: Done}
	for _, address := range c.Addresses {
		n := known[address]
		rest, open := n.next(job.Slot, now)
		switch {
		case open && rest == 0:
			result = Result{Status: Failed, Err: fmt.Errorf("some addresses failed, one with %s", n.Code)}
		case open && (result.Status == Done || result.Status == Waiting && rest < result.After):
			result = Result{Status: Waiting, After: rest, Err: fmt.Errorf("%s: its quota for today is spent", n.Code)}
		}
	}
	ctx, cancel := outlive(ctx)
	defer cancel()
	if err := notes.Save(ctx, c.Account, c.Name, known); err != nil {
		return Result{Status: Failed, Err: err}
	}
	return result
}
