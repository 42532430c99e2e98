package ratelimit

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/rotation"
)

func waitOf(t *testing.T, err error) *rotation.WaitError {
	t.Helper()
	var wait *rotation.WaitError
	if !errors.As(err, &wait) {
		t.Fatalf("got %v, want a *rotation.WaitError", err)
	}
	if wait.After <= 0 {
		t.Errorf("come back after %s: not in the future", wait.After)
	}
	return wait
}

func TestNewRefusesARateThatCannotBeKeptTo(t *testing.T) {
	t.Parallel()
	for name, rates := range map[string][]rotation.Rate{
		"no window":     nil,
		"zero":          {{Requests: 0, Per: time.Second}},
		"negative":      {{Requests: -1, Per: time.Second}},
		"no time":       {{Requests: 1}},
		"negative time": {{Requests: 1, Per: -time.Second}},
		"second window": {perSecond20, {Requests: 0, Per: time.Hour}},
	} {
		if _, err := New(nil, rotation.WallClock{}, map[string][]rotation.Rate{"a": rates}, 0); !errors.Is(err, ErrRate) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCallsAreEvenlySpaced(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, newRedis(t), newVirtual(), perSecond20)
	take(t, l)
	for range 50 {
		if gap := take(t, l); gap != 50*time.Millisecond {
			t.Fatalf("two calls are %s apart, want 50ms", gap)
		}
	}
}

func TestABurstAfterAPauseIsPaidFor(t *testing.T) {
	t.Parallel()
	clock, slow := newVirtual(), rotation.Rate{Requests: 500, Per: time.Minute}
	l := newLimiter(t, newRedis(t), clock, perSecond20, slow)
	var went []int64
	l.went = func(_ string, at time.Time) { went = append(went, at.UnixMicro()) }
	take(t, l)
	clock.advance(10 * time.Minute)
	for range 2 * slow.Requests {
		take(t, l)
	}
	checkWindow(t, went, perSecond20)
	checkWindow(t, went, slow)
	if unspaced := went[11] - went[1]; unspaced != (500 * time.Millisecond).Microseconds() {
		t.Errorf("the eleventh call after the pause went %d µs after the first", unspaced)
	}
}

func TestACallThatIsFreeToGoAsksRedisOnce(t *testing.T) {
	t.Parallel()
	clock, rdb := newVirtual(), newRedis(t)
	l := newLimiter(t, rdb, clock, perSecond20)
	take(t, l)
	clock.advance(time.Second)
	take(t, l)
	clock.slept = nil
	before := scripts(t, rdb)
	for range 10 {
		clock.advance(time.Second)
		turns, err := l.Take(t.Context(), "a", 1, false)
		if err != nil {
			t.Fatal(err)
		}
		clock.advance(30 * time.Millisecond) // of preparation: longer than a call may be late
		if err := turns.Await(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
	}
	if n := scripts(t, rdb) - before; n != 10 || len(clock.slept) != 0 {
		t.Errorf("10 calls that were free to go took %d scripts and %d sleeps", n, len(clock.slept))
	}
}

// scripts counts the scripts that Redis has run.
func scripts(t *testing.T, rdb redis.UniversalClient) int {
	t.Helper()
	info, err := rdb.InfoMap(t.Context(), "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	return calls(t, info["Commandstats"]["cmdstat_evalsha"])
}

func TestASlotTooFarOffIsNotReserved(t *testing.T) {
	t.Parallel()
	clock := newVirtual()
	l := newLimiter(t, newRedis(t), clock, rotation.Rate{Requests: 1, Per: 8 * time.Second})
	clock.advance(8 * time.Second)
	_ = waitOf(t, once(t, l, true)) // nothing is known: the last call may have been just now
	clock.advance(8 * time.Second)
	take(t, l)
	for range 5 {
		wait := waitOf(t, once(t, l, true))
		if want := 5500 * time.Millisecond; wait.After != want {
			t.Errorf("come back after %s, want %s: half of the longest wait before the slot", wait.After, want)
		}
	}
	clock.advance(5500 * time.Millisecond)
	if waited := take(t, l); waited != 2500*time.Millisecond {
		t.Errorf("waited %s, want 2.5s: those sent away had taken slots", waited)
	}
}

func TestThoseSentAwayComeBackOneByOne(t *testing.T) {
	t.Parallel()
	clock := newVirtual()
	l := newLimiter(t, newRedis(t), clock, rotation.Rate{Requests: 1, Per: 8 * time.Second})
	_ = waitOf(t, once(t, l, false))
	clock.advance(8 * time.Second)
	take(t, l)
	_ = waitOf(t, once(t, l, true)) // from here on this process knows that there is a crowd
	for i := range 5 {
		want := time.Duration(i+1)*8*time.Second - (*l.accounts.Load())["a"].maxWait/2
		if wait := waitOf(t, once(t, l, false)); wait.After != want {
			t.Errorf("the next one is to come back after %s, want %s", wait.After, want)
		}
	}
	clock.advance(8 * time.Second)
	if waited := take(t, l); waited != 0 {
		t.Errorf("waited %s for a slot that no call has", waited)
	}
}

func TestABacklogSendsNothingUrgentAway(t *testing.T) {
	t.Parallel()
	clock := newVirtual()
	l := newLimiter(t, newRedis(t), clock, perSecond20)
	var away error
	for away == nil { // until the line is as long as it gets
		away = (&turns{limiter: l, account: (*l.accounts.Load())["a"], name: "a", calls: 1}).look(t.Context(), false)
	}
	_ = waitOf(t, away)
	before := clock.Now()
	if err := once(t, l, true); err != nil {
		t.Errorf("sent away: %v", err)
	}
	if waited := clock.Now().Sub(before); waited > (*l.accounts.Load())["a"].maxWait {
		t.Errorf("waited %s", waited)
	}
}

func TestAPenaltyStopsThoseWhoAlreadyHaveASlot(t *testing.T) {
	t.Parallel()
	clock, rdb := newVirtual(), newRedis(t)
	l := newLimiter(t, rdb, clock, perSecond20)
	other := newLimiter(t, rdb, clock, perSecond20)
	take(t, l)
	turns := taken(t, l)
	clock.advance(25 * time.Millisecond)
	if err := other.Penalise(t.Context(), "a", 3*time.Second); err != nil {
		t.Fatal(err)
	}
	set := clock.Now()
	if err := turns.Await(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if waited := clock.Now().Sub(set); waited < 3*time.Second {
		t.Errorf("went %s after the penalty of 3 s was set", waited)
	}
	if err := other.Penalise(t.Context(), "a", time.Minute); err != nil {
		t.Fatal(err)
	}
	wait := waitOf(t, once(t, l, true))
	if wait.After < 57*time.Second || !strings.Contains(wait.Reason, "pause") {
		t.Errorf("%v: want almost a minute, and the provider named as the cause", wait)
	}
	if err := other.Penalise(t.Context(), "a", time.Second); err != nil {
		t.Fatal(err)
	}
	if again := waitOf(t, once(t, l, true)); again.After < 57*time.Second {
		t.Errorf("a shorter penalty cut a longer one to %s", again.After)
	}
}

// taken is a turn that is near.
func taken(t *testing.T, l *Limiter) rotation.Turns {
	t.Helper()
	turns, err := l.Take(t.Context(), "a", 1, false)
	if err != nil {
		t.Fatal(err)
	}
	return turns
}

func TestLostStateVoidsReservationsAndBringsNoBurst(t *testing.T) {
	t.Parallel()
	clock, rdb := newVirtual(), newRedis(t)
	l := newLimiter(t, rdb, clock, perSecond20, rotation.Rate{Requests: 100, Per: time.Minute})
	var went []int64
	l.went = func(_ string, at time.Time) { went = append(went, at.UnixMicro()) }
	take(t, l)
	flushed := 0
	clock.while = func(n int) time.Duration {
		if n%7 == 0 {
			flushed++
			flush(t, rdb)
		}
		return 0
	}
	for clock.Now().UnixMicro() < went[0]+10*time.Minute.Microseconds() {
		take(t, l)
	}
	if flushed < 50 {
		t.Fatalf("only %d flushes in %d calls", flushed, len(went))
	}
	checkWindow(t, went, rotation.Rate{Requests: 20, Per: time.Second})
	checkWindow(t, went, rotation.Rate{Requests: 100, Per: time.Minute})
}

func TestAClockThatJumpsBackHoldsNoCallUp(t *testing.T) {
	t.Parallel()
	clock := newVirtual()
	l := newLimiter(t, newRedis(t), clock, perSecond20)
	take(t, l)
	take(t, l)
	clock.advance(-time.Hour)
	if waited := take(t, l); waited > 100*time.Millisecond {
		t.Errorf("waited %s after the jump", waited)
	}
}

func TestTakeFailsClosedWithoutRedis(t *testing.T) {
	t.Parallel()
	server := devenvtest.Redis(t)
	clock := newVirtual()
	l := newLimiter(t, dial(t, server.Addr), clock, perSecond20)
	take(t, l)
	clock.advance(time.Second)
	turns := taken(t, l)
	clock.advance(time.Second)
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{"a new turn": once(t, l, true), "one that was taken": turns.Await(t.Context(), 0)} {
		if wait := waitOf(t, err); !strings.Contains(wait.Reason, "away") {
			t.Errorf("%s: got %v", name, wait)
		}
	}
	if err := l.Penalise(t.Context(), "a", time.Second); err == nil {
		t.Error("a penalty that no worker will see was reported as set")
	}
}

func TestTakeEndsWithItsContext(t *testing.T) {
	t.Parallel()
	clock := newVirtual()
	l := newLimiter(t, newRedis(t), clock, rotation.Rate{Requests: 1, Per: 2 * time.Second})
	take(t, l)
	ctx, cancel := context.WithCancel(t.Context())
	clock.while = func(int) time.Duration { cancel(); return 0 }
	if _, err := l.Take(ctx, "a", 1, false); !errors.Is(err, context.Canceled) {
		t.Errorf("while it slept: %v", err)
	}
	if _, err := l.Take(ctx, "a", 1, false); !errors.Is(err, context.Canceled) {
		t.Errorf("before it began: %v", err)
	}
	ctx, again := context.WithCancel(t.Context())
	turns := taken(t, l)
	clock.while = func(int) time.Duration { again(); return 0 }
	if err := turns.Await(ctx, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("while it awaited its turn: %v", err)
	}
}

func TestAnAccountWithoutARateIsAnError(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, nil, newVirtual(), perSecond20)
	var wait *rotation.WaitError
	if _, err := l.Take(t.Context(), "b", 1, false); err == nil || errors.As(err, &wait) {
		t.Errorf("got %v; waiting would not help", err)
	}
}
