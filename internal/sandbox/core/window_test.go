package core

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestWindowNeverPassesMoreThanItsRateInAnyWindow checks every window of a random run, and that a request is refused
// only if one more would break the rate.
func TestWindowNeverPassesMoreThanItsRateInAnyWindow(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		rate := Rate{Requests: 1 + r.IntN(30), Per: time.Duration(1+r.IntN(2000)) * time.Millisecond}
		now := time.Unix(0, 0)
		w := newWindow(rate, func() time.Time { return now })
		var passed []time.Time
		for range 2000 {
			now = now.Add(time.Duration(r.Int64N(int64(rate.Per) / int64(rate.Requests) * 2)))
			within := 0
			for i := len(passed) - 1; i >= 0 && now.Sub(passed[i]) < rate.Per; i-- {
				within++
			}
			p := w.take()
			if want := within < rate.Requests; p.ok != want {
				t.Fatalf("%+v: pass %v with %d in the window", rate, p.ok, within)
			}
			if p.ok {
				passed = append(passed, now)
				if p.Remaining != rate.Requests-within-1 {
					t.Fatalf("%+v: remaining %d with %d in the window", rate, p.Remaining, within+1)
				}
				continue
			}
			if now = now.Add(p.wait); !w.take().ok {
				t.Fatalf("%+v: refused after waiting %v as told", rate, p.wait)
			}
			passed = append(passed, now)
		}
	}
}

func TestMeterFindsTheBusiestSecondWhereverItBegins(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	m := meter{now: func() time.Time { return now }}
	for _, at := range []int{0, 400, 900, 1300, 1399, 1400, 3000, 3999, 4000} { // ms
		now = time.Unix(0, 0).Add(time.Duration(at) * time.Millisecond)
		m.mark()
	}
	if got := m.max(); got != 4 { // 900, 1300, 1399, 1400: at 1400 the one at 400 is a whole second ago
		t.Errorf("max %d, want 4", got)
	}
	if m.reset(); m.max() != 0 {
		t.Error("reset kept the peak")
	}
}

func TestParseRateReadsAndRefuses(t *testing.T) {
	t.Parallel()
	good := map[string]Rate{"20/s": {20, time.Second}, "300/m": {300, time.Minute}, "5/2s": {5, 2 * time.Second}, "1/1.5h": {1, 90 * time.Minute}, "0": {}}
	for text, want := range good {
		if got, err := ParseRate(text); err != nil || got != want {
			t.Errorf("%s: %v %v", text, got, err)
		}
	}
	for _, text := range []string{"", "20", "-1/s", "x/s", "20/", "20/0s", "20/-1s", "9999999/s"} {
		if got, err := ParseRate(text); err == nil {
			t.Errorf("%s: read as %v", text, got)
		}
	}
}
