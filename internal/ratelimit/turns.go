package ratelimit

import (
	"context"
	"fmt"
	"time"

	"keyturn/internal/rotation"
)

// turns implements rotation.Turns.
type turns struct {
	limiter *Limiter
	account *account
	name    string

	calls int     // how many were taken, while none is reserved
	first int     // the call that slots begins with
	slots []int64 // unix µs, by the clock that all share
	born  int64   // of the state that they belong to

	// What the last answer says about that clock: it showed now at some instant from asked to answered.
	now             int64
	asked, answered time.Time
}

// Await implements rotation.Turns. Redis is asked when the slot is near and not when it has come, so that neither its
// answer nor the first wake-up makes the call late.
func (t *turns) Await(ctx context.Context, i int) error {
	for ; t.first < i && len(t.slots) > 0; t.first++ {
		t.slots = t.slots[1:]
	}
	if len(t.slots) == 0 {
		t.first = i
	}
	for range tries {
		// The call's preparation stands in Vault by now, so it goes first.
		if err := t.look(ctx, true); err != nil {
			return err
		}
		rest := t.rest()
		if ahead := rest - t.account.lateness; ahead > 0 {
			if err := t.limiter.clock.Sleep(ctx, ahead); err != nil {
				return err
			}
			continue
		}
		if rest > 0 {
			if err := t.limiter.clock.Sleep(ctx, rest); err != nil {
				return err
			}
		}
		if now := t.limiter.clock.Now(); now.Sub(t.asked)-t.until() <= t.account.lateness {
			t.limiter.went(t.name, now)
			return nil
		}
	}
	return t.account.tooLate()
}

// look makes sure that the first slot is known and stands: it reserves, or asks whether what was reserved still counts.
// An answer is good for as long as a call may be late.
func (t *turns) look(ctx context.Context, urgent bool) error {
	l := t.limiter
	if len(t.slots) > 0 && l.clock.Now().Sub(t.asked) <= t.account.lateness {
		return nil
	}
	want := Want{Longest: t.account.maxWait, Born: t.born, Late: t.account.lateness}
	if len(t.slots) > 0 {
		want.Held, t.calls = t.slots[0], len(t.slots)
	}
	want.Calls = max(t.calls, 1)
	if !urgent {
		want.Longest, want.Line = want.Longest*4/5, true // there is always a slot for what is urgent
	}
	t.asked = l.clock.Now()
	r, err := l.reserve(ctx, t, want)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return &rotation.WaitError{After: t.account.maxWait, Reason: fmt.Sprintf("the rate limiter is away: %v", err)}
	}
	t.answered = l.clock.Now()
	if len(r.Slots) == 0 {
		t.account.calm.Store(false)
		return t.account.later(r)
	}
	if r.Slots[0] == want.Held && r.Born == t.born {
		t.now = r.Now
		return nil
	}
	t.account.calm.Store(r.Wait <= t.account.lateness)
	t.slots, t.born, t.now, t.calls = r.Slots, r.Born, r.Now, 0
	return nil
}

// until is how long after the last answer's instant the first slot is.
func (t *turns) until() time.Duration { return time.Duration(t.slots[0]-t.now) * time.Microsecond }

// rest is how long it is to the first slot at most.
func (t *turns) rest() time.Duration { return t.answered.Add(t.until()).Sub(t.limiter.clock.Now()) }

// later asks to come back while half of the longest wait is left, so that those who come back find a slot to sleep
// for before the last sleeper has gone.
func (a *account) later(r Reply) error {
	reason := "the account's rate is used up"
	if r.Penalised {
		reason = "the provider asked for a pause"
	}
	return &rotation.WaitError{After: r.Wait - a.maxWait/2, Reason: reason}
}

// reserve asks for slots. A client that retries for long must not make a caller wait for longer than a slot would.
func (l *Limiter) reserve(ctx context.Context, t *turns, want Want) (Reply, error) {
	ctx, cancel := context.WithTimeout(ctx, t.account.maxWait)
	defer cancel()
	return l.slots.Reserve(ctx, t.name, t.account.windows, want)
}
