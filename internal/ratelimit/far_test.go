package ratelimit

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// far are slots on a Redis whose answers take time.
type far struct {
	Slots
	clock       *virtual
	there, back func() time.Duration
	asked       int
	slot        int64 // that was granted last
}

func (f *far) Reserve(ctx context.Context, account string, windows []Window, want Want) (Reply, error) {
	f.asked++
	f.clock.advance(f.there())
	r, err := f.Slots.Reserve(ctx, account, windows, want)
	f.clock.advance(f.back())
	if len(r.Slots) > 0 {
		f.slot = r.Slots[0]
	}
	return r, err
}

func always(d time.Duration) func() time.Duration { return func() time.Duration { return d } }

// newFar is a limiter for 20 calls a second whose Redis is far. Went has when each call went, which must not be before its slot.
func newFar(t *testing.T, there, back func() time.Duration) (l *Limiter, redis *far, clock *virtual, went *[]int64) {
	t.Helper()
	clock = newVirtual()
	l = newLimiter(t, newRedis(t), clock, perSecond20)
	redis = &far{Slots: l.slots, clock: clock, there: there, back: back}
	l.slots, went = redis, &[]int64{}
	l.went = func(_ string, at time.Time) {
		if *went = append(*went, at.UnixMicro()); at.UnixMicro() < redis.slot {
			t.Errorf("call %d went %d µs before its slot", len(*went), redis.slot-at.UnixMicro())
		}
	}
	return l, redis, clock, went
}

// Redis in another region: its answers take longer than a call may be late, however the way is shared between question
// and answer. The calls go, none before its slot, evenly spaced, whether alone or in a crowd.
func TestCallsKeepTheirDistanceHoweverFarRedisIs(t *testing.T) {
	t.Parallel()
	for _, ms := range []int{5, 25, 60, 200, 800} {
		for _, percent := range []int{0, 50, 100} {
			for _, crowd := range []bool{false, true} {
				t.Run(fmt.Sprintf("%dms, %d%% there, crowd=%v", ms, percent, crowd), func(t *testing.T) {
					t.Parallel()
					trip := time.Duration(ms) * time.Millisecond
					there := time.Duration(ms*percent/100) * time.Millisecond
					l, redis, clock, calls := newFar(t, always(there), always(trip-there))
					for range 40 {
						if crowd { // another worker's calls are between
							if _, err := redis.Slots.Reserve(t.Context(), "a", (*l.accounts.Load())["a"].windows, Want{Longest: time.Minute, Calls: 5}); err != nil {
								t.Fatal(err)
							}
						}
						if err := once(t, l, true); err != nil {
							t.Fatalf("after %d calls: %v", len(*calls), err)
						}
						clock.advance(time.Duration(len(*calls)%7) * 10 * time.Millisecond)
						if len(*calls)%10 == 0 {
							clock.advance(time.Minute) // after which nothing is known of the distance
						}
					}
					went := *calls
					for i := 1; i < len(went); i++ {
						if apart := time.Duration(went[i]-went[i-1]) * time.Microsecond; apart < 49*time.Millisecond {
							t.Errorf("calls %d and %d are %v apart", i-1, i, apart)
						}
					}
				})
			}
		}
	}
}

// A machine that is too busy to read an answer when it comes: sometimes at once, mostly not. Its calls go, and no window
// holds more than it may.
func TestABusyMachineKeepsToSlotsThatItCanReach(t *testing.T) {
	t.Parallel()
	for seed := range uint64(10) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 1))
			slow := func() time.Duration { return time.Duration(random.IntN(70)) * time.Millisecond }
			l, redis, _, went := newFar(t, slow, slow)
			const n = 200
			sentAway := 0
			for range n {
				if err := once(t, l, true); err != nil {
					t.Log(waitOf(t, err))
					sentAway++
				}
			}
			rate := perSecond20
			rate.Per -= 20 * time.Millisecond
			checkWindow(t, *went, rate)
			if sentAway > n/100 {
				t.Errorf("%d of %d calls were put back", sentAway, n)
			}
			if redis.asked > 3*n {
				t.Errorf("%d questions for %d calls", redis.asked, n)
			}
		})
	}
}

// The very first answer may be late because the process stood still, and not because Redis is far: a call does not go
// by it alone.
func TestAProcessThatStoodStillWhileItAskedFirstMakesNoLateCall(t *testing.T) {
	t.Parallel()
	first := true
	stall := func() time.Duration {
		defer func() { first = false }()
		if first {
			return 3 * time.Second
		}
		return 0
	}
	l, redis, _, _ := newFar(t, always(0), stall)
	if err := once(t, l, true); err != nil {
		t.Fatal(err)
	}
	if redis.asked < 2 {
		t.Error("it went by the one answer it had")
	}
}

// A process that stands still does so with all its questions: that their answers agree says nothing. One that was asked
// for later does. What has not been heard for a while is no better than nothing.
func TestAnswersThatCameLateTogetherProveNoDistance(t *testing.T) {
	t.Parallel()
	origin := time.UnixMicro(1_700_000_000_000_000)
	at := func(d time.Duration) time.Time { return origin.Add(d) }
	const stall = 3 * time.Second
	c := newSharedClock(origin)
	c.heard(at(0), at(stall), at(time.Millisecond).UnixMicro())
	for begin := time.Duration(0); begin < 2*time.Hour; begin += time.Hour {
		for i := range 64 {
			asked := begin + time.Duration(i)*time.Millisecond
			c.heard(at(asked), at(begin+stall), at(asked).UnixMicro())
		}
		slot := at(begin + 50*time.Millisecond).UnixMicro()
		if late := c.late(slot, at(begin+stall)); late < stall-100*time.Millisecond {
			t.Errorf("after %v: late by %v, want about %v", begin, late, stall)
		}
		c.heard(at(begin+stall), at(begin+stall+time.Millisecond), at(begin+stall).UnixMicro())
		slot = at(begin + stall + 20*time.Millisecond).UnixMicro()
		if late := c.late(slot, at(begin+stall+20*time.Millisecond)); late.Abs() > 2*time.Millisecond {
			t.Errorf("after %v: late by %v after a quick answer", begin, late)
		}
	}
}

// Bounds that several answers agree on hold until one does not agree: then a clock was set.
func TestTheSharedClockIsKnownAsWellAsTheQuickestAnswerSays(t *testing.T) {
	t.Parallel()
	origin := time.UnixMicro(1_700_000_000_000_000)
	c := newSharedClock(origin)
	at := func(d time.Duration) time.Time { return origin.Add(d) }
	const ahead = time.Hour // of Redis's clock
	hear := func(asked, shown, answered time.Duration) {
		c.heard(at(asked), at(answered), at(shown+ahead).UnixMicro())
	}
	hear(0, time.Millisecond, 2*time.Millisecond)
	hear(10*time.Millisecond, 90*time.Millisecond, 100*time.Millisecond)
	slot := at(200*time.Millisecond + ahead).UnixMicro()
	if due := c.due(slot); due.Before(at(200*time.Millisecond)) || due.After(at(202*time.Millisecond)) {
		t.Errorf("due at %v", due.Sub(origin))
	}
	if late := c.late(slot, at(250*time.Millisecond)); late < 48*time.Millisecond || late > 50*time.Millisecond {
		t.Errorf("late by %v", late)
	}
	// Clocks part: what was known an hour ago is forgotten.
	c.heard(at(time.Hour), at(time.Hour+20*time.Millisecond), at(time.Hour+ahead+40*time.Millisecond).UnixMicro())
	if due := c.due(at(2*time.Hour + ahead + 40*time.Millisecond).UnixMicro()); due.Sub(at(2*time.Hour)).Abs() > 20*time.Millisecond {
		t.Errorf("due at %v", due.Sub(origin))
	}
	// It is set back by a minute.
	c.heard(at(time.Hour+time.Second), at(time.Hour+time.Second+time.Millisecond), at(time.Hour+ahead-59*time.Second).UnixMicro())
	if due := c.due(at(2*time.Hour + ahead).UnixMicro()); due.Sub(at(2*time.Hour+time.Minute)).Abs() > 20*time.Millisecond {
		t.Errorf("due at %v", due.Sub(origin))
	}
}
