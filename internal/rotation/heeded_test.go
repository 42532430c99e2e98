package rotation_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"keyturn/internal/policy"
	"keyturn/internal/rotation"
	"keyturn/internal/rotation/rotationtest"
)

// penalties notes for how long each account was told to wait.
type penalties struct {
	rotation.Limiter
	said []time.Duration
}

func (p *penalties) Penalise(_ context.Context, _ string, d time.Duration) error {
	p.said = append(p.said, d)
	return nil
}

func TestAThrottledRotationAndItsAccountWaitForAsLongAsTheProviderAsks(t *testing.T) {
	t.Parallel()
	for said, want := range map[time.Duration]time.Duration{0: time.Second, 10 * time.Minute: 10 * time.Minute} {
		w, k := newWorker()
		w.Answer = func(rotationtest.Call) *rotation.Error {
			return &rotation.Error{Kind: rotation.RateLimited, RetryAfter: said}
		}
		m := k.Machine()
		told := &penalties{Limiter: m.Limiter}
		m.Limiter = told
		result := m.Rotate(t.Context(), k.Setter(false), scheduled(w))
		if result.Status != rotation.Waiting || result.After != want || !slices.Equal(told.said, []time.Duration{want}) {
			t.Errorf("asked for %s: %v after %s, and the account waits %v", said, result.Status, result.After, told.said)
		}
	}
}

func TestAPolicyThatChangedUnderARotationAsksForAnother(t *testing.T) {
	t.Parallel()
	before, after := resolved(t, 16), resolved(t, 24)
	for _, tt := range []struct {
		finishes *policy.Policy
		asks     bool
	}{{before, false}, {after, true}} {
		w, k := newWorker()
		s := k.Setter(false)
		s.Credential.Policy = before
		dieInTheCall(w, k, s)
		w.Advance(20 * time.Second)
		s.Credential.Policy = tt.finishes
		if result, _ := k.Run(t.Context(), s, rotation.Job{Reason: rotation.ReasonResume}); !result.Rotated {
			t.Fatalf("got %+v", result)
		}
		if asked := w.TakeAsked(); slices.Contains(asked, rotation.ReasonPolicy) != tt.asks {
			t.Errorf("finished under %d characters, it asks for %q", tt.finishes.Length(), asked)
		}
	}
}

// resolved is a policy of so many characters.
func resolved(t *testing.T, length int) *policy.Policy {
	t.Helper()
	p, err := policy.Resolve(policy.Rule{MinLength: length, MaxLength: length}, policy.Spec{Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAProviderThatHasNotSyncedItsPasswordIsLeftAloneForAWhile(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	s := k.Issuer(false)
	right := s.Client.Issuer
	var calls []time.Time
	s.Client.Issuer = issuer(func(ctx context.Context, target string) (rotation.Issued, error) {
		calls = append(calls, k.Machine().Clock.Now())
		issued, err := right.Issue(ctx, target)
		issued.Synced = len(calls) > 1
		return issued, err
	})
	result, _ := k.Run(t.Context(), s, scheduled(w))
	if result.Status != rotation.Waiting || result.After <= 0 || len(calls) != 1 {
		t.Fatalf("%d calls, then %+v", len(calls), result)
	}
	w.Advance(result.After)
	if result, _ = k.Run(t.Context(), s, rotation.Job{Reason: rotation.ReasonResume}); !result.Rotated || len(calls) != 2 {
		t.Fatalf("%d calls, then %+v", len(calls), result)
	}
	if apart := calls[1].Sub(calls[0]); apart < 10*time.Second {
		t.Errorf("asked again after %s", apart)
	}
}

func TestCurrentNamesTheJournalThatItWasPromotedFrom(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	promoting := 0
	w.Decide = func(c rotationtest.Call) rotationtest.Fault {
		if c.Op == "secrets.write" {
			promoting = w.Journal().Version
		}
		return rotationtest.None
	}
	k.Run(t.Context(), k.Setter(true), scheduled(w))
	if got := w.Current().JournalVersion; promoting == 0 || got != promoting {
		t.Errorf("current names version %d, the journal had %d", got, promoting)
	}
}

func TestAPromotionThatHasBegunOutlivesItsRun(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w.Decide = func(c rotationtest.Call) rotationtest.Fault {
		if c.Op == "secrets.write" {
			cancel()
		}
		return rotationtest.None
	}
	result, _ := k.Run(ctx, k.Setter(false), scheduled(w))
	if !result.Rotated || !w.Current().Password.Equal(w.Live()) {
		t.Errorf("%+v, and consumers hold a dead password", result)
	}
}
