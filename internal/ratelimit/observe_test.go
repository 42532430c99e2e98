package ratelimit

import (
	"testing"
	"time"

	"keyturn/internal/rotation"
)

// The account of these tests is configured for 60 a minute: a second between calls.
func TestObserveSlowsDownOnlyWhereTheProviderAllowsLess(t *testing.T) {
	t.Parallel()
	rdb := newRedis(t)
	for _, test := range []struct {
		name  string
		quota Quota
		want  time.Duration // between the next two calls
	}{
		{"more is left than we use", Quota{Limit: 600, Per: time.Minute, Remaining: 599, Reset: time.Minute}, time.Second},
		{"as configured", Quota{Limit: 60, Per: time.Minute, Remaining: 30, Reset: 30 * time.Second}, time.Second},
		{"little is left of a sliding window, as it is at full rate", Quota{Limit: 60, Per: time.Minute, Remaining: 3}, time.Second},
		{"the limit is half of what is configured", Quota{Limit: 30, Per: time.Minute, Remaining: 30}, 2 * time.Second},
		{"others use the account too", Quota{Limit: 60, Per: time.Minute, Remaining: 10, Reset: 40 * time.Second}, 4 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			flush(t, rdb)
			clock := newVirtual()
			l := newLimiter(t, rdb, clock, rotation.Rate{Requests: 60, Per: time.Minute})
			take(t, l)
			if err := l.Observe(t.Context(), "a", test.quota); err != nil {
				t.Fatal(err)
			}
			take(t, l)
			if waited := take(t, l); waited != test.want {
				t.Errorf("waited %s, want %s", waited, test.want)
			}
			clock.advance(2 * time.Minute)
			take(t, l)
			if waited := take(t, l); waited != time.Second {
				t.Errorf("waited %s once the observation had expired, want 1s", waited)
			}
		})
	}
}

func TestTheFirstReplyThatFindsNothingWrongGivesTheRateBack(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, newRedis(t), newVirtual(), rotation.Rate{Requests: 60, Per: time.Minute})
	for _, test := range []struct {
		quota Quota
		want  time.Duration // between the next two calls
	}{
		{Quota{Limit: 60, Per: time.Minute, Remaining: 15, Reset: time.Minute}, 4 * time.Second},
		{Quota{Limit: 60, Per: time.Minute, Remaining: 59}, time.Second},
	} {
		if err := l.Observe(t.Context(), "a", test.quota); err != nil {
			t.Fatal(err)
		}
		take(t, l)
		if waited := take(t, l); waited != test.want {
			t.Errorf("waited %s after %+v, want %s", waited, test.quota, test.want)
		}
	}
}

func TestObserveHoldsUntilASpentQuotaIsRenewed(t *testing.T) {
	t.Parallel()
	clock := newVirtual()
	l := newLimiter(t, newRedis(t), clock, rotation.Rate{Requests: 60, Per: time.Minute})
	take(t, l)
	if err := l.Observe(t.Context(), "a", Quota{Limit: 60, Per: time.Minute, Reset: 30 * time.Second}); err != nil {
		t.Fatal(err)
	}
	if wait := waitOf(t, once(t, l, true)); wait.After != 27500*time.Millisecond {
		t.Errorf("got %v, want the reset less half of the longest wait", wait)
	}
}
