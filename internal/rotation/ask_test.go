package rotation_test

import (
	"context"
	"testing"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

func TestAQuestionThatIsHeldBackIsNoVerdict(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	s := k.Setter(true)
	held := true
	s.Verifier = answers(func(string, secret.Value) (rotation.Verdict, error) {
		if held {
			return rotation.Unknown, &rotation.WaitError{After: 35 * time.Second, Reason: "the server's budget is spent"}
		}
		return rotation.Works, nil
	})
	first, _ := k.Run(t.Context(), s, scheduled(w))
	if first.Status != rotation.Waiting || first.After != 35*time.Second || w.Journal().State != rotation.Open {
		t.Fatalf("%+v, and the journal is %v", first, w.Journal().State)
	}
	held = false
	w.Advance(first.After)
	second, _ := k.Run(t.Context(), s, rotation.Job{Reason: rotation.ReasonResume})
	if !second.Rotated || w.Current().Verified != rotation.VerifiedYes {
		t.Errorf("%+v, and current is %q", second, w.Current().Verified)
	}
}

// Consumers have a dead password meanwhile. The server may be away for days.
func TestConsumersDoNotWaitForAServerThatCannotBeAskedInTime(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	s := k.Setter(true)
	s.Verifier = reserved{answers(func(string, secret.Value) (rotation.Verdict, error) {
		return rotation.Unknown, &rotation.WaitError{After: 5 * time.Minute, Reason: "the server is paused"}
	}), func(_ int, u rotation.Urgency) error {
		if u == rotation.Resumed {
			return &rotation.WaitError{After: 5 * time.Minute, Reason: "the server is paused"}
		}
		return nil
	}}
	clock := k.Machine().Clock
	result, _ := k.Run(t.Context(), s, scheduled(w))
	for began, job := clock.Now(), (rotation.Job{Reason: rotation.ReasonResume}); !result.Rotated; result, _ = k.Run(t.Context(), s, job) {
		w.Advance(result.After)
		if waited := clock.Now().Sub(began); waited > s.Credential.Verify.Propagation+30*time.Second {
			t.Fatalf("they have waited for %v: %+v", waited, result)
		}
	}
	if got := w.Current(); got.Verified != rotation.VerifiedNo || !got.Password.Equal(w.Live()) {
		t.Errorf("current is %q", got.Verified)
	}
}

// TestAnEarlierCandidateThatLogsInSaysNothingWhileTheLastOneSpreads: a clock jumps ahead while the first candidate spreads,
// and so the second one is sent. What the servers show first is the first one, and that is no late call.
func TestAnEarlierCandidateThatLogsInSaysNothingWhileTheLastOneSpreads(t *testing.T) {
	t.Parallel()
	const spread, ahead = 16500 * time.Millisecond, 60 * 24 * time.Hour
	w, k := newWorker()
	s := k.Setter(true)
	clock := k.Machine().Clock
	type change struct {
		to secret.Value
		at time.Time
	}
	changes := []change{{to: w.Live()}}
	var jump time.Duration
	s.Verifier = answers(func(_ string, password secret.Value) (rotation.Verdict, error) {
		now := clock.Now().Add(-jump)
		if live := w.Live(); !live.Equal(changes[len(changes)-1].to) {
			changes = append(changes, change{live, now})
		}
		if jump == 0 && len(changes) == 2 && now.Sub(changes[1].at) >= spread-time.Second {
			jump = ahead
			w.Advance(ahead)
		}
		for i := len(changes) - 1; i > 0; i-- {
			if now.Sub(changes[i].at) >= spread {
				return is(password, changes[i].to), nil
			}
		}
		return is(password, changes[0].to), nil
	})
	result, _ := k.Run(t.Context(), s, scheduled(w))
	for runs := 0; result.Status == rotation.Waiting && runs < 50; runs++ {
		w.Advance(result.After)
		result, _ = k.Run(t.Context(), s, rotation.Job{Reason: rotation.ReasonResume})
	}
	if jump == 0 || !result.Rotated || w.Current().Verified != rotation.VerifiedYes || len(changes) > 3 {
		t.Errorf("%+v after %d passwords, and the journal is %v", result, len(changes)-1, w.Journal().State)
	}
}

func is(password, live secret.Value) rotation.Verdict {
	if password.Equal(live) {
		return rotation.Works
	}
	return rotation.Refused
}

// reserved is a verifier whose questions have to be booked.
type reserved struct {
	rotation.Verifier
	reserve func(n int, urgency rotation.Urgency) error
}

// Reserve implements rotation.Reserver.
func (r reserved) Reserve(_ context.Context, _ string, n int, urgency rotation.Urgency) error {
	return r.reserve(n, urgency)
}
