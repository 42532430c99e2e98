package ratelimit

import (
	"strings"
	"testing"
	"time"

	"keyturn/internal/rotation"
)

// When there is a crowd, Take returns shortly before the slot, and Await in it: what lies between them makes no call
// late.
func TestPreparationMakesNoCallLate(t *testing.T) {
	t.Parallel()
	clock := newVirtual()
	l := newLimiter(t, newRedis(t), clock, rotation.Rate{Requests: 1, Per: 2 * time.Second})
	take(t, l)
	for range 10 {
		last := clock.Now()
		turns, err := l.Take(t.Context(), "a", 1, false)
		if err != nil {
			t.Fatal(err)
		}
		if ahead := last.Add(2 * time.Second).Sub(clock.Now()); ahead != (*l.accounts.Load())["a"].prepare {
			t.Errorf("ready %s before the slot, want %s", ahead, (*l.accounts.Load())["a"].prepare)
		}
		clock.advance(700 * time.Millisecond)
		if err := turns.Await(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		if gap := clock.Now().Sub(last); gap != 2*time.Second {
			t.Errorf("the call went %s after the one before, want 2s", gap)
		}
	}
}

func TestSeveralTurnsAreSpacedAsSingleOnesAre(t *testing.T) {
	t.Parallel()
	clock := newVirtual()
	l := newLimiter(t, newRedis(t), clock, perSecond20)
	take(t, l)
	start := clock.Now()
	turns, err := l.Take(t.Context(), "a", 3, false)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 { // two more than were taken
		for range 2 {
			if err := turns.Await(t.Context(), i); err != nil {
				t.Fatal(err)
			}
			if at := clock.Now().Sub(start); at != time.Duration(i+1)*50*time.Millisecond {
				t.Errorf("call %d went after %s", i, at)
			}
		}
	}
	if waited := take(t, l); waited != 50*time.Millisecond {
		t.Errorf("the next caller waited %s, want 50ms", waited)
	}
}

// In a crowd a slot that was missed is lost, because the next ones are others'.
func TestACallerThatOversleptGivesItsSlotUp(t *testing.T) {
	t.Parallel()
	for late, want := range map[time.Duration]time.Duration{
		19 * time.Millisecond: 69 * time.Millisecond,
		21 * time.Millisecond: 150 * time.Millisecond,
	} {
		clock := newVirtual()
		l := newLimiter(t, newRedis(t), clock, perSecond20)
		take(t, l)
		before, turns := clock.Now(), taken(t, l)
		_ = taken(t, l) // another's
		clock.while = func(n int) time.Duration {
			if n == 2 { // the last one before the call
				return late
			}
			return 0
		}
		clock.slept = nil
		if err := turns.Await(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		if waited := clock.Now().Sub(before); waited != want {
			t.Errorf("%s late: went after %s, want %s", late, waited, want)
		}
	}
}

func TestAMissedSlotIsGivenBackIfNoCallIsBehind(t *testing.T) {
	t.Parallel()
	clock := newVirtual()
	l := newLimiter(t, newRedis(t), clock, rotation.Rate{Requests: 1, Per: 4 * time.Second})
	take(t, l)
	clock.advance(4 * time.Second)
	turns := taken(t, l)
	clock.advance(time.Second) // of preparation
	before := clock.Now()
	if err := turns.Await(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if waited := clock.Now().Sub(before); waited != 0 {
		t.Errorf("waited %s", waited)
	}
	if waited := take(t, l); waited != 4*time.Second {
		t.Errorf("the next one waited %s, want 4s: from the call, not from the slot", waited)
	}
}

func TestAWorkerThatAlwaysOversleepsPutsItsJobBack(t *testing.T) {
	t.Parallel()
	clock := newVirtual()
	l := newLimiter(t, newRedis(t), clock, perSecond20)
	take(t, l)
	clock.while = func(int) time.Duration {
		// Others ask meanwhile, so that there is no free slot to fall into.
		if _, err := l.slots.Reserve(t.Context(), "a", (*l.accounts.Load())["a"].windows, Want{Longest: time.Minute, Calls: 3}); err != nil {
			t.Error(err)
		}
		return 100 * time.Millisecond
	}
	if wait := waitOf(t, once(t, l, false)); !strings.Contains(wait.Reason, "too late") {
		t.Errorf("got %v", wait)
	}
}
