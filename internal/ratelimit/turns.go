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
	slots []int64 // by Redis's clock
	born  int64   // of the state that they belong to

	// What the last answer of Redis says about its clock: it read now at some instant from asked to answered.
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
	return t.limiter.tooLate()
}

// look makes sure that the first slot is known and stands: it reserves, or asks whether what was reserved still counts.
// An answer is good for as long as a call may be late.
func (t *turns) look(ctx context.Context, urgent bool) error {
	l := t.limiter
	if len(t.slots) > 0 && l.clock.Now().Sub(t.asked) <= t.account.lateness {
		return nil
	}
	held, longest, lines := int64(0), l.maxWait, 0
	if len(t.slots) > 0 {
		held, t.calls = t.slots[0], len(t.slots)
	}
	if !urgent {
		longest, lines = longest*4/5, 1 // there is always a slot for what is urgent
	}
	t.asked = l.clock.Now()
	r, err := l.reserve(ctx, t.account, longest.Microseconds(), max(t.calls, 1), lines, held, t.born, t.account.lateness.Microseconds())
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return &rotation.WaitError{After: l.maxWait, Reason: fmt.Sprintf("the rate limiter is away: %v", err)}
	}
	t.answered = l.clock.Now()
	if len(r.slots) == 0 {
		t.account.calm.Store(false)
		return l.later(r)
	}
	if r.slots[0] == held && r.born == t.born {
		t.now = r.now
		return nil
	}
	t.account.calm.Store(r.wait <= t.account.lateness)
	t.slots, t.born, t.now, t.calls = r.slots, r.born, r.now, 0
	return nil
}

// until is how long after the last answer's instant the first slot is.
func (t *turns) until() time.Duration { return time.Duration(t.slots[0]-t.now) * time.Microsecond }

// rest is how long it is to the first slot at most.
func (t *turns) rest() time.Duration { return t.answered.Add(t.until()).Sub(t.limiter.clock.Now()) }

// later asks to come back while half of the longest wait is left, so that those who come back find a slot to sleep
// for before the last sleeper has gone.
func (l *Limiter) later(r reply) error {
	reason := "the account's rate is used up"
	if r.penalised {
		reason = "the provider asked for a pause"
	}
	return &rotation.WaitError{After: r.wait - l.maxWait/2, Reason: reason}
}

// reply is what take.lua answered.
type reply struct {
	slots     []int64 // none: sent away
	wait      time.Duration
	born, now int64
	penalised bool
}

func (l *Limiter) reserve(ctx context.Context, a *account, args ...any) (reply, error) {
	// A client that retries for long must not make a caller wait for longer than a slot would.
	ctx, cancel := context.WithTimeout(ctx, l.maxWait)
	defer cancel()
	args = append(append([]any{l.now()}, args...), a.args...)
	numbers, err := l.take.Run(ctx, l.rdb, a.keys, args...).Int64Slice()
	if err != nil {
		return reply{}, err
	}
	const fixed = 5
	if len(numbers) < fixed || (numbers[0] == 1) == (len(numbers) == fixed) {
		return reply{}, fmt.Errorf("take.lua answered %v", numbers)
	}
	return reply{
		wait: time.Duration(numbers[1]) * time.Microsecond, born: numbers[2], now: numbers[3],
		penalised: numbers[4] == 1, slots: numbers[fixed:],
	}, nil
}
