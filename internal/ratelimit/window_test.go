package ratelimit

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/rotation"
)

// checkWindow fails if any sliding window, wherever it begins, holds more calls than the rate allows.
func checkWindow(t *testing.T, went []int64, rate rotation.Rate) {
	t.Helper()
	for i := rate.Requests; i < len(went); i++ {
		if span := went[i] - went[i-rate.Requests]; span < rate.Per.Microseconds() {
			t.Errorf("calls %d to %d lie within %d µs: more than %d in %s", i-rate.Requests, i, span, rate.Requests, rate.Per)
			return
		}
	}
}

// calls reads the count of a line of INFO commandstats.
func calls(t *testing.T, line string) int {
	t.Helper()
	number, _, _ := strings.Cut(strings.TrimPrefix(line, "calls="), ",")
	n, err := strconv.Atoi(number)
	if err != nil {
		t.Fatalf("commandstats %q: %v", line, err)
	}
	return n
}

// A backlog of callers on a clock under control, each as late, as slow in its preparation and as unlucky as the seed
// says. Whatever happens, no sliding window holds more calls than it may; where nothing happens, they use the rate.
func TestAnySlidingWindowHoldsAndABacklogUsesTheRate(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		for _, calm := range []bool{true, false} {
			t.Run(fmt.Sprintf("%d calm=%v", seed, calm), func(t *testing.T) {
				t.Parallel()
				random := rand.New(rand.NewPCG(seed, 1))
				rates := []rotation.Rate{{Requests: 1 + random.IntN(40), Per: time.Duration(1+random.IntN(3)) * time.Second}}
				if seed%2 == 1 {
					rates = append(rates, rotation.Rate{Requests: 100 + random.IntN(1000), Per: time.Minute})
				}
				s := newStage(t, random, rates...)
				s.disturbed = !calm
				span := s.run(2+random.IntN(120), 1500)
				longest := time.Duration(0)
				for _, rate := range rates {
					longest = max(longest, rate.Per/time.Duration(rate.Requests))
					if !calm {
						rate.Per -= s.lateness
					}
					checkWindow(t, s.went, rate)
				}
				share := float64(len(s.went)-1) * float64(longest) / float64(span)
				t.Logf("%v: %d calls, share of the rate %.3f", rates, len(s.went), share)
				if calm && share < 0.97 {
					t.Errorf("a backlog uses only %.3f of the rate", share)
				}
			})
		}
	}
}

// A backlog that asks again and again would cost more than its rotations.
func TestABacklogIsNoHerd(t *testing.T) {
	t.Parallel()
	const backlog, served = 2000, 1000
	s := newStage(t, rand.New(rand.NewPCG(1, 1)), perSecond20)
	s.run(backlog, served)
	// A place in the line, a slot, and twice whether it still counts.
	if asked := scripts(t, s.rdb); asked > backlog+4*served {
		t.Errorf("%d callers asked Redis %d times for %d calls", backlog, asked, served)
	}
}

// Four workers on one Redis with real clocks.
func TestFourWorkersShareOneRate(t *testing.T) {
	t.Parallel()
	server := devenvtest.Redis(t)
	const workers, each, perSecond, goal = 4, 16, 200, 600
	var (
		mu    sync.Mutex
		went  []int64
		share [workers]int
		wg    sync.WaitGroup
	)
	enough := make(chan struct{})
	for worker := range workers {
		l, err := New(dial(t, server.Addr), rotation.WallClock{}, map[string][]rotation.Rate{"a": {{Requests: perSecond, Per: time.Second}}}, 0)
		if err != nil {
			t.Fatal(err)
		}
		l.went = func(_ string, at time.Time) {
			mu.Lock()
			defer mu.Unlock()
			share[worker]++
			if went = append(went, at.UnixMicro()); len(went) == goal {
				close(enough)
			}
		}
		for range each {
			wg.Go(func() {
				for {
					select {
					case <-enough:
						return
					default:
					}
					var wait *rotation.WaitError
					if err := once(t, l, true); err != nil && !errors.As(err, &wait) {
						t.Error(err)
						return
					}
				}
			})
		}
	}
	wg.Wait()
	went = went[:goal]
	slices.Sort(went)
	checkWindow(t, went, rotation.Rate{Requests: perSecond, Per: time.Second * 95 / 100})
	took := time.Duration(went[goal-1]-went[0]) * time.Microsecond
	t.Logf("%d calls in %s: %.3f of the rate; per worker %v", goal, took, float64(goal-1)/perSecond/took.Seconds(), share)
	for worker, n := range share {
		if n < goal/workers/2 {
			t.Errorf("worker %d had %d of %d slots", worker, n, goal)
		}
	}
}

func TestSpacingIsThatOfTheSlowestWindow(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		windows []rotation.Rate
		want    time.Duration
	}{
		{[]rotation.Rate{{Requests: 20, Per: time.Second}}, 50 * time.Millisecond},
		{[]rotation.Rate{{Requests: 20, Per: time.Second}, {Requests: 72000, Per: time.Hour}}, 51020 * time.Microsecond}, // less a fiftieth
		{[]rotation.Rate{{Requests: 1000, Per: time.Hour}, {Requests: 20, Per: time.Second}}, 3673470 * time.Microsecond},
		{nil, 0},
	} {
		got, err := Spacing(test.windows)
		if got.Round(100*time.Microsecond) != test.want.Round(100*time.Microsecond) || (err != nil) != (test.want == 0) {
			t.Errorf("%v: %v, %v; want %v", test.windows, got, err, test.want)
		}
	}
}
