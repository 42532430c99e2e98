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

	heard time.Time     // when Redis last said that they count; zero: ask again
	took  time.Duration // the slowest answer
	ahead time.Duration // how late this caller was for a slot at most: it asks for one that it can keep to
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
		if early := rest - t.good(); early > 0 {
			if err := t.limiter.clock.Sleep(ctx, early); err != nil {
				return err
			}
			continue
		}
		if rest > 0 {
			if err := t.limiter.clock.Sleep(ctx, rest); err != nil {
				return err
			}
		}
		now := t.limiter.clock.Now()
		late := t.limiter.shared.late(t.slots[0], now)
		if late <= t.account.lateness {
			t.limiter.went(t.name, now)
			return nil
		}
		t.heard, t.ahead = time.Time{}, min(max(t.ahead, late), t.account.prepare)
	}
	return t.account.tooLate()
}

// look makes sure that the first slot is known and stands: it reserves, or asks whether what was reserved still counts.
func (t *turns) look(ctx context.Context, urgent bool) error {
	l := t.limiter
	if len(t.slots) > 0 && !t.heard.IsZero() && l.clock.Now().Sub(t.heard) <= t.good() {
		return nil
	}
	want := Want{Longest: t.account.maxWait, Ahead: t.ahead, Born: t.born, Late: t.account.lateness}
	if len(t.slots) > 0 {
		want.Held, t.calls = t.slots[0], len(t.slots)
	}
	want.Calls = max(t.calls, 1)
	if !urgent {
		want.Longest, want.Line = want.Longest*4/5, true // there is always a slot for what is urgent
	}
	asked := l.clock.Now()
	r, err := l.reserve(ctx, t, want)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return &rotation.WaitError{After: t.account.maxWait, Reason: fmt.Sprintf("the rate limiter is away: %v", err)}
	}
	t.heard = l.clock.Now()
	t.took = min(max(t.took, t.heard.Sub(asked)), t.account.prepare)
	l.shared.heard(asked, t.heard, r.Now)
	if len(r.Slots) == 0 {
		t.account.calm.Store(false)
		return t.account.later(r)
	}
	if r.Slots[0] == want.Held && r.Born == t.born {
		return nil
	}
	t.account.calm.Store(r.Wait <= t.account.lateness+t.ahead)
	t.slots, t.born, t.calls = r.Slots, r.Born, 0
	return nil
}

// good is for how long an answer is: as long as a call may be late, and as the next answer would take.
func (t *turns) good() time.Duration { return t.account.lateness + t.took }

// rest is how long it is to the first slot at most.
func (t *turns) rest() time.Duration {
	return t.limiter.shared.due(t.slots[0]).Sub(t.limiter.clock.Now())
}

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
