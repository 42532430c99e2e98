package ratelimittest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"keyturn/internal/ratelimit"
	"keyturn/internal/rotation"
)

// clock is one that a walk moves, also back.
type clock struct {
	at     time.Time
	random *rand.Rand
}

func newClock(seed uint64) *clock {
	return &clock{at: time.UnixMicro(1_700_000_000_000_000).UTC(), random: rand.New(rand.NewPCG(seed, 1))} //nolint:gosec // a walk that can be repeated
}

func (c *clock) now() time.Time { return c.at }

// step passes up to most, now and then much more, and now and then jumps back.
func (c *clock) step(most time.Duration) {
	const rarely = 200
	switch c.random.IntN(rarely) {
	case 0:
		c.at = c.at.Add(-time.Duration(c.random.Int64N(time.Hour.Microseconds())) * time.Microsecond)
	case 1, 2, 3:
		most = 20 * time.Minute
	}
	c.at = c.at.Add(time.Duration(1+c.random.Int64N(most.Microseconds())) * time.Microsecond)
}

// ConformSlots is the suite that all slots pass: whatever callers do, no window holds more calls than it may, and every
// answer is the one that the slots in memory give. Start returns slots that go by a clock, and a way to empty them.
func ConformSlots(t *testing.T, start func(t *testing.T, now func() time.Time) (s ratelimit.Slots, flush func())) {
	t.Helper()
	windows := []ratelimit.Window{
		{Per: time.Second, Interval: 100 * time.Millisecond, Burst: 1}, {Per: time.Minute, Interval: 250 * time.Millisecond, Burst: 5},
	}
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			c := newClock(seed)
			s, flush := start(t, c.now)
			twin := NewSlots(c.now)
			var held ratelimit.Reply
			granted := 0
			for n := range 3000 {
				c.step(150 * time.Millisecond)
				if disturbed(t, c, s, twin, flush) {
					continue
				}
				want := ratelimit.Want{
					Longest: time.Duration(c.random.IntN(5000)) * time.Millisecond, Calls: 1 + c.random.IntN(3), Line: c.random.IntN(2) == 0,
					Late: 20 * time.Millisecond, Ahead: time.Duration(c.random.IntN(2)*c.random.IntN(300)) * time.Millisecond,
				}
				if len(held.Slots) > 0 && c.random.IntN(2) == 0 {
					want.Held, want.Born, want.Calls = held.Slots[0], held.Born, len(held.Slots)
				}
				got, err := s.Reserve(t.Context(), "a", windows, want)
				same, twinErr := twin.Reserve(t.Context(), "a", windows, want)
				if err != nil || twinErr != nil || !alike(got, same) {
					t.Fatalf("step %d, %+v: got %+v (%v), and in memory %+v (%v)", n, want, got, err, same, twinErr)
				}
				if len(got.Slots) > 0 {
					held, granted = got, granted+1
				}
				spaced(t, got, windows[0])
			}
			if granted < 100 {
				t.Errorf("only %d were granted", granted)
			}
		})
	}
}

func alike(a, b ratelimit.Reply) bool {
	equal := slices.Equal(a.Slots, b.Slots)
	a.Slots, b.Slots = nil, nil
	return equal && reflect.DeepEqual(a, b)
}

// spaced holds that the calls of one reservation lie apart.
func spaced(t *testing.T, r ratelimit.Reply, w ratelimit.Window) {
	t.Helper()
	for i, slot := range r.Slots {
		if i > 0 && slot-r.Slots[i-1] < w.Interval.Microseconds() || i == 0 && len(r.Slots) > 1 && slot < r.Now {
			t.Fatalf("slots %v at %d", r.Slots, r.Now)
		}
	}
}

// disturbed does now and then what happens to slots.
func disturbed(t *testing.T, c *clock, s, twin ratelimit.Slots, flush func()) bool {
	t.Helper()
	r := ratelimit.Restraint{Hold: time.Duration(c.random.IntN(3000)) * time.Millisecond}
	switch c.random.IntN(100) {
	case 0:
		flush()
		twin.(*Slots).Flush()
		return true
	case 1:
		r.Pace, r.Span = time.Duration(c.random.IntN(1000))*time.Millisecond, time.Duration(c.random.IntN(5000))*time.Millisecond
	case 2:
		r = ratelimit.Restraint{Pace: -time.Microsecond}
	case 3:
	default:
		return false
	}
	if err := errors.Join(s.Restrain(t.Context(), "a", r), twin.Restrain(t.Context(), "a", r)); err != nil {
		t.Fatal(err)
	}
	return true
}

// ConformLedger is the suite that all ledgers pass: no window holds more questions or refusals than the server bears, and
// every answer is the one that the ledger in memory gives.
func ConformLedger(t *testing.T, start func(t *testing.T, now func() time.Time, rate rotation.Rate) (l ratelimit.Ledger, flush func())) {
	t.Helper()
	for seed, rate := range []rotation.Rate{
		{Requests: 30, Per: time.Minute}, {Requests: 12, Per: 10 * time.Minute}, {Requests: 3, Per: time.Minute}, {Requests: 1000, Per: time.Second},
	} {
		t.Run(fmt.Sprint(rate), func(t *testing.T) {
			t.Parallel()
			c := newClock(uint64(seed)) //nolint:gosec // a small one
			l, flush := start(t, c.now, rate)
			w := &walk{T: t, clock: c, rate: rate, real: l, twin: NewLedger(c.now, rate), flush: flush}
			for range 3000 {
				c.step(rate.Per / 20)
				w.step()
			}
			if w.booked == 0 || w.judged == 0 {
				t.Errorf("%d questions were booked and %d refusals judged", w.booked, w.judged)
			}
		})
	}
}

// walk asks two ledgers the same.
type walk struct {
	*testing.T
	*clock
	rate           rotation.Rate
	real           ratelimit.Ledger
	twin           *Ledger
	flush          func()
	booked, judged int
}

func both[T any](w *walk, what string, ask func(ratelimit.Ledger) (T, error)) T {
	w.Helper()
	got, err := ask(w.real)
	same, twinErr := ask(w.twin)
	if !reflect.DeepEqual(got, same) || waits(err) != waits(twinErr) {
		w.Fatalf("%s: got %+v (%v), and in memory %+v (%v)", what, got, err, same, twinErr)
	}
	return got
}

// waits is what matters of an error.
func waits(err error) string {
	var wait *rotation.WaitError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &wait):
		return wait.After.String()
	}
	return err.Error()
}

func (w *walk) step() {
	w.Helper()
	ctx, login := w.Context(), fmt.Sprint("login", w.random.IntN(8))
	id := []string{login, ""}[w.random.IntN(10)/9]
	switch w.random.IntN(40) {
	case 0:
		both(w, "inquired", func(l ratelimit.Ledger) (bool, error) { return l.Inquired(ctx, w.at.UnixMicro()%2 == 0) })
		return
	case 1, 2:
		both(w, "strike", func(l ratelimit.Ledger) (bool, error) { return l.Strike(ctx, login) })
		return
	case 3:
		both(w, "forget", func(l ratelimit.Ledger) (bool, error) { return false, l.Forget(ctx, login) })
		return
	case 4:
		if w.random.IntN(20) == 0 {
			w.flush()
			w.twin.Flush()
		}
	}
	n, urgency := 1+w.random.IntN(3), rotation.Urgency(w.random.IntN(3))
	got := both(w, "book", func(l ratelimit.Ledger) (int, error) { return l.Book(ctx, login, n, urgency) })
	if got == 0 || w.random.IntN(8) == 0 {
		return // sent away, or what is booked is not used
	}
	w.booked++
	a := ratelimit.Answer{
		Login: login, ID: id, Verdict: rotation.Verdict(w.random.IntN(3)), Routine: urgency == rotation.Routine,
		Took: time.Duration(w.random.Int64N(int64(w.rate.Per) / 50)).Truncate(time.Microsecond),
	}
	if a.Verdict == rotation.Unknown {
		a.Trouble = ratelimit.Trouble(w.random.IntN(3))
	}
	w.at = w.at.Add(a.Took)
	j := both(w, "answer", func(l ratelimit.Ledger) (ratelimit.Judgement, error) { return l.Answer(context.WithoutCancel(ctx), a) })
	if a.Verdict == rotation.Refused && j.Standing != ratelimit.Nothing {
		w.judged++
	}
}
