// Package contacts asks the contacts of domains to confirm their addresses. It is a job of its own beside rotations: it
// touches no journal and changes no password.
package contacts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"keyturn/internal/rotation"
)

// Status is the result of a run for its job.
type Status int

// The ways a run ends.
const (
	Done    Status = iota + 1 // every address was served or given up
	Waiting                   // run again after Result.After; consumes no attempt
	Failed                    // run again with a growing delay, or after Result.After if that is longer
	Refused                   // the request itself is wrong: no retry helps
)

func (s Status) String() string { return [...]string{"", "done", "waiting", "failed", "refused"}[s] }

// Result is what a run tells its queue.
type Result struct {
	Status Status
	After  time.Duration // Waiting, Failed
	Err    error         // the cause where Status is not Done; free of secrets
}

// Breaker stops the calls of an account whose management key was refused.
type Breaker interface {
	Block(ctx context.Context, account string, cause *rotation.Error) error
}

// Observer sees the calls, for metrics. It must return at once.
type Observer interface {
	Called(cred *rotation.Credential, op string, err error, took time.Duration)
}

// Verifier runs the jobs. It holds no state between runs. Safe for concurrent use.
type Verifier struct {
	Limiter  rotation.Limiter
	Breaker  Breaker
	Notes    Notes
	Clock    rotation.Clock
	Observer Observer
	Log      *slog.Logger
	Timeout  time.Duration // hard limit of one call
}

// Verification is one job that asks contacts to confirm their addresses.
type Verification struct {
	Name      string
	Account   string
	Addresses []string // canonical
	Client    rotation.ContactVerifier
}

// Note is the state of one address in a job.
type Note struct {
	rotation.ContactResult
	Slot  time.Time // of the job
	At    time.Time
	Tries int
}

// Notes keeps the state of each address, so that only failed ones are tried again. Losing them is harmless: the provider
// itself says which addresses were mailed before. Safe for concurrent use; returns soon after ctx ends.
type Notes interface {
	// Load returns the notes by address; none is no error.
	Load(ctx context.Context, account, name string) (map[string]Note, error)
	// Save replaces all notes of the job.
	Save(ctx context.Context, account, name string, notes map[string]Note) error
}

const (
	// maxContactTries is how often one job asks for one address.
	maxContactTries = 5
	// quotaRest is how long an address waits whose quota is used up.
	quotaRest = 24 * time.Hour
)

// Verify asks the provider to mail to those of the job's addresses that have not been served for its slot. It
// rotates nothing and touches no journal. It is done once every address was served or given up; the log says which.
func (v *Verifier) Verify(ctx context.Context, c Verification, job rotation.Job) Result {
	all, err := v.Notes.Load(ctx, c.Account, c.Name)
	if err != nil {
		return Result{Status: Failed, Err: err}
	}
	now := v.Clock.Now()
	known := make(map[string]Note, len(c.Addresses))
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
		if result, ok := v.ask(ctx, c, job, ask, known); !ok {
			return result
		}
	}
	return v.finish(ctx, c, job, known)
}

// next reports whether an address is to be asked for in a job for this slot, and after how long.
func (n Note) next(slot, now time.Time) (rest time.Duration, open bool) {
	if !n.Slot.Before(slot) && (n.State != rotation.ContactFailed || n.Tries >= maxContactTries) {
		return 0, false
	}
	if n.NotToday {
		rest = max(n.At.Add(quotaRest).Sub(now), 0)
	}
	return rest, true
}

// ask makes the one call and notes its results; false where the call as a whole failed.
func (v *Verifier) ask(ctx context.Context, c Verification, job rotation.Job, ask []string, known map[string]Note) (Result, bool) {
	if err := v.turn(ctx, c.Account, job.Reason == rotation.ReasonDemand); err != nil {
		var w *rotation.WaitError
		switch {
		case errors.As(err, &w):
			return Result{Status: Waiting, After: w.After, Err: err}, false
		case ctx.Err() != nil: // time that runs out in the queue for a token says nothing about the job
			return Result{Status: Waiting, After: time.Second, Err: err}, false
		}
		return Result{Status: Failed, Err: err}, false
	}
	limited, cancel := context.WithTimeout(ctx, v.Timeout)
	defer cancel()
	start := v.Clock.Now()
	results, err := c.Client.VerifyContacts(limited, ask)
	now := v.Clock.Now()
	// To an Observer a verification is a credential without a password.
	v.Observer.Called(&rotation.Credential{ID: c.Name, Account: c.Account}, "verify contacts", err, now.Sub(start))
	if err != nil {
		return v.refused(ctx, c, rotation.AsError(err)), false
	}
	for _, address := range ask {
		n := Note{ContactResult: rotation.ContactResult{Address: address, State: rotation.ContactFailed, Code: "not in the answer"}}
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
		v.tell(ctx, c, n)
	}
	return Result{}, true
}

// tell logs the result of an address: nothing else keeps it for people.
func (v *Verifier) tell(ctx context.Context, c Verification, n Note) {
	level := slog.LevelInfo
	attrs := []slog.Attr{
		slog.String("verification", c.Name), slog.String("account", c.Account), slog.String("address", n.Address),
		slog.String("result", n.State.String()), slog.Int("tries", n.Tries),
	}
	if n.State == rotation.ContactFailed {
		level = slog.LevelWarn
		attrs = append(attrs, slog.String("code", n.Code))
	}
	v.Log.LogAttrs(ctx, level, "contact", attrs...)
}

func (v *Verifier) refused(ctx context.Context, c Verification, e *rotation.Error) Result {
	switch e.Kind {
	case rotation.RateLimited:
		after := max(e.RetryAfter, time.Second)
		if err := v.Limiter.Penalise(ctx, c.Account, after); err != nil {
			return Result{Status: Waiting, After: after, Err: errors.Join(e, err)}
		}
		return Result{Status: Waiting, After: after, Err: e}
	case rotation.Unauthorized:
		if err := v.Breaker.Block(ctx, c.Account, e); err != nil {
			return Result{Status: Waiting, After: 30 * time.Second, Err: errors.Join(e, err)}
		}
		return Result{Status: Waiting, After: 30 * time.Second, Err: e}
	case rotation.ClockSkew:
		return Result{Status: Waiting, After: 30 * time.Second, Err: e}
	case rotation.Target: // the request itself is wrong: no retry helps, and no quarantine tells of it
		v.Log.LogAttrs(ctx, slog.LevelError, "a contact verification was refused and is not tried again for its slot",
			slog.String("verification", c.Name), slog.String("account", c.Account), slog.Any("error", e))
		return Result{Status: Refused, Err: e}
	case rotation.InDoubt, rotation.NotSent, rotation.Repeat, rotation.Rejected, rotation.Unavailable, rotation.Full:
	}
	return Result{Status: Failed, After: e.RetryAfter, Err: e}
}

// finish saves the notes and says whether the job runs again.
func (v *Verifier) finish(ctx context.Context, c Verification, job rotation.Job, known map[string]Note) Result {
	now := v.Clock.Now()
	result := Result{Status: Done}
	for _, address := range c.Addresses {
		n := known[address]
		rest, open := n.next(job.Slot, now)
		switch {
		case open && rest == 0:
			result = Result{Status: Failed, Err: fmt.Errorf("some addresses failed, one with %s", n.Code)}
		case open && (result.Status == Done || result.Status == Waiting && rest < result.After):
			result = Result{Status: Waiting, After: rest, Err: fmt.Errorf("%s: its quota for today is used up", n.Code)}
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := v.Notes.Save(ctx, c.Account, c.Name, known); err != nil {
		return Result{Status: Failed, Err: err}
	}
	return result
}

// turn returns at the instant of the call.
func (v *Verifier) turn(ctx context.Context, account string, urgent bool) error {
	turns, err := v.Limiter.Take(ctx, account, 1, urgent)
	if err != nil {
		return err
	}
	return turns.Await(ctx, 0)
}
