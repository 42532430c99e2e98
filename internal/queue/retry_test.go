package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"keyturn/internal/rotation"
)

func TestDelayGrowsToTenMinutesAndIsSpread(t *testing.T) {
	t.Parallel()
	for n := range 40 {
		if n > 0 && Delay(n, 0.5) < Delay(n-1, 0.5) {
			t.Errorf("attempt %d waits less than the one before", n)
		}
		mid := Delay(n, 0.5)
		if low, high := Delay(n, 0), Delay(n, 1); low < mid*89/100 || low > mid*91/100 || high < mid*109/100 || high > mid*111/100 {
			t.Errorf("attempt %d: %v to %v around %v", n, low, high, mid)
		}
	}
	if d := Delay(1000, 1); d > 11*time.Minute {
		t.Errorf("the longest delay is %v", d)
	}
	if Delay(-1, 0.5) != Delay(0, 0.5) {
		t.Error("a negative attempt is not the first")
	}
}

// asynq stores the second in which a task comes back, and cuts off the rest.
func TestATaskNeverComesBackEarly(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 999_999_999, time.UTC)
	for _, after := range []time.Duration{1, time.Millisecond, time.Second, 1500 * time.Millisecond, time.Minute} {
		d := retryDelay(0, &again{after: after}, nil)
		if at := now.Add(d).Truncate(time.Second); at.Before(now.Add(after)) {
			t.Errorf("after %v: comes back %v early", after, now.Add(after).Sub(at))
		}
	}
}

func TestOnlyAFailedRunConsumesAnAttempt(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		err  error
		want bool
	}{
		"waiting":       {sendBack(rotation.Result{Status: rotation.Waiting}, 0), false},
		"replaced":      {sendBack(rotation.Result{Status: rotation.Replaced}, 0), false},
		"failed":        {sendBack(rotation.Result{Status: rotation.Failed}, 0), true},
		"no result":     {sendBack(rotation.Result{}, 0), true},
		"lease expired": {asynq.ErrLeaseExpired, false},
		"cancelled":     {context.Canceled, false},
		"time-out":      {context.DeadlineExceeded, true},
	}
	for name, c := range cases {
		if got := isFailure(c.err); got != c.want {
			t.Errorf("%s: failure %v, want %v", name, got, c.want)
		}
	}
	for _, s := range []rotation.Status{rotation.Done, rotation.Ended} {
		if err := sendBack(rotation.Result{Status: s, Err: errors.New("x")}, 0); err != nil {
			t.Errorf("%v does not end the task: %v", s, err)
		}
	}
}

func TestAFailureHonoursTheProvidersDelayWhereItIsLonger(t *testing.T) {
	t.Parallel()
	for want, after := range map[time.Duration]time.Duration{time.Hour: time.Hour, 0: 0} {
		var back *again
		if !errors.As(sendBack(rotation.Result{Status: rotation.Failed, After: after}, 0), &back) {
			t.Fatal("not sent back")
		}
		if want != 0 && back.after != want || back.after < Delay(0, 0) {
			t.Errorf("after %v: comes back after %v", after, back.after)
		}
	}
}

func TestWhoAsksForIdentitiesIsToldWhyNothingCameOfIt(t *testing.T) {
	t.Parallel()
	for _, cause := range []error{rotation.ErrNoneWaits, rotation.ErrNotRetired, rotation.ErrOpen, rotation.ErrQuarantined} {
		text := describe(rotation.Result{Status: rotation.Unresolved, Err: fmt.Errorf("canary: %w", cause)})
		if text != cause.Error() {
			t.Errorf("%q, want %q", text, cause)
		}
	}
}

func TestATextForRedisHoldsNoCause(t *testing.T) {
	t.Parallel()
	const canary = "canary-c1d9"
	e := &rotation.Error{
		Kind: rotation.Unavailable, Provider: "tencent-ses", Op: "UpdateEmailSmtpPassWord", Code: "InternalError",
		RequestID: "req-1", Err: errors.New(canary),
	}
	for _, err := range []error{e, fmt.Errorf("%s: %w", canary, e), errors.New(canary), nil} {
		text := describe(rotation.Result{Status: rotation.Failed, Err: err})
		if strings.Contains(text, canary) {
			t.Errorf("the cause is in %q", text)
		}
		if errors.As(err, &e) && !strings.Contains(text, "InternalError") {
			t.Errorf("the code is not in %q", text)
		}
	}
}
