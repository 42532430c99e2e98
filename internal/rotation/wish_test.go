package rotation_test

import (
	"errors"
	"testing"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/rotation/rotationtest"
	"keyturn/internal/secret"
)

// delays is how long a failed job waits, as in internal/queue.
var delays = [...]time.Duration{
	2 * time.Second, 5 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute,
}

// TestAWishCausesABoundedAmountOfWork holds the bounds of docs/protocol.md (P-bounded), whatever is answered for three
// days.
func TestAWishCausesABoundedAmountOfWork(t *testing.T) {
	t.Parallel()
	setter := func(k *rotationtest.Worker) rotation.Subject { return k.Setter(false) }
	verified := func(k *rotationtest.Worker) rotation.Subject { return k.Setter(true) }
	issuer := func(k *rotationtest.Worker) rotation.Subject { return k.Issuer(false) }
	issuerVerified := func(k *rotationtest.Worker) rotation.Subject { return k.Issuer(true) }
	always := func(v rotation.Verdict) rotation.Verifier {
		return answers(func(string, secret.Value) (rotation.Verdict, error) {
			if v == rotation.Unknown || v == rotation.Unbelieved {
				return v, errors.New("the server is sick")
			}
			return v, nil
		})
	}
	every := func(nth int, kind rotation.Kind) func(rotationtest.Call) *rotation.Error {
		calls := 0
		return func(c rotationtest.Call) *rotation.Error {
			if c.Op != "setter.set" && c.Op != "issuer.issue" {
				return nil
			}
			if calls++; calls%nth == 0 {
				return &rotation.Error{Kind: kind, RetryAfter: time.Hour}
			}
			return nil
		}
	}
	const away = 10 + 24*6 + 6 // and one each ten minutes for a day
	for _, tt := range []struct {
		name    string
		subject func(*rotationtest.Worker) rotation.Subject
		answer  func(rotationtest.Call) *rotation.Error
		verify  rotation.Verifier
		sends   int
		vault   int
		logins  int
	}{
		{"the verifier refuses everything", verified, nil, always(rotation.Refused), 10, 60, 40},
		{"the verifier refuses everybody", verified, nil, always(rotation.Unbelieved), 10, 60 + 30*6, 40 + 30},
		{"the verifier is away", verified, nil, always(rotation.Unknown), 10, 60 + 30*6, 40 + 30},
		{"the verifier refuses everything an issuer makes", issuerVerified, nil, always(rotation.Refused), 10, 140, 80},
		{"the verifier refuses, then is away", verified, nil, turning(1), 10, 60 + 30*6, 40 + 2*30},
		{"the verifier is away again and again", verified, nil, alternating(), 10, 60 + 30*6, 40 + 2*30},
		{"every call is in doubt", setter, every(1, rotation.InDoubt), nil, away, 60 + 6*away, 0},
		{"every second call is in doubt", setter, every(2, rotation.InDoubt), nil, 10, 60, 0},
		{"every call of an issuer is in doubt", issuer, every(1, rotation.InDoubt), nil, away, 60 + 6*away, 0},
		{"every second call of an issuer is in doubt", issuer, every(2, rotation.InDoubt), nil, 10, 60, 0},
		{"every call is rejected", setter, every(1, rotation.Rejected), nil, 10, 60, 0},
		{"every call is a repeat", setter, every(1, rotation.Repeat), nil, 10, 60, 0},
		{"every second call is a repeat", verified, every(2, rotation.Repeat), nil, 10, 60, 40},
		{"the target is unknown", setter, every(1, rotation.Target), nil, 10, 60, 0},
		{"the first calls are throttled", setter, first(5, rotation.RateLimited), nil, 10, 60, 0},
		{"the first calls are unavailable", setter, first(5, rotation.Unavailable), nil, 10, 60, 0},
		{"every second call is throttled", setter, every(2, rotation.RateLimited), nil, 10, 60, 0},
		{"every second call is unavailable", setter, every(2, rotation.Unavailable), nil, 10, 60, 0},
		{"every second call is not sent", setter, every(2, rotation.NotSent), nil, 10, 60, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, w := grant(t, tt.subject, tt.answer, tt.verify)
			rec := w.Journal()
			t.Logf("%d rotations, %d sends, %d logins, %d calls of Vault; the journal is %d (%s); notices %q",
				got.rotations, got.sends, got.logins, got.vault, rec.State, rec.Why, w.Noticed)
			if got.rotations > 3 || got.sends > tt.sends || got.logins > tt.logins || got.vault > tt.vault {
				t.Errorf("more than 3 rotations, %d sends, %d logins or %d calls of Vault", tt.sends, tt.logins, tt.vault)
			}
			if rec.State == rotation.Open {
				t.Error("after three days the rotation is still open, and no notice says so")
			}
			if len(w.Violations) > 0 {
				t.Error(w.Violations)
			}
		})
	}
}

// TestARepairThatDidNotHelpIsRaisedOnceAndNotRepeated: the verifier refuses whatever it is asked, as with a mistyped user
// name, and the drift check comes every day.
func TestARepairThatDidNotHelpIsRaisedOnceAndNotRepeated(t *testing.T) {
	t.Parallel()
	refuses := answers(func(string, secret.Value) (rotation.Verdict, error) { return rotation.Refused, nil })
	_, w := grant(t, func(k *rotationtest.Worker) rotation.Subject { return k.Setter(true) }, nil, refuses)
	k := &rotationtest.Worker{World: w, Name: "one"}
	s := k.Setter(true)
	s.Verifier = refuses
	rotated, repairs := 1, 0
	for range 30 {
		w.Advance(24 * time.Hour)
		w.TakeAsked()
		result := k.Machine().Check(t.Context(), s, rotation.Job{Slot: k.Machine().Clock.Now(), Reason: rotation.ReasonScheduled})
		if result.Status != rotation.Unresolved && len(w.Asked) == 0 {
			t.Fatalf("got %+v", result)
		}
		for range w.TakeAsked() {
			repairs++
			rotated++
			for range 10 {
				if r := k.Machine().Rotate(t.Context(), s, rotation.Job{Slot: k.Machine().Clock.Now(), Reason: rotation.ReasonDrift}); r.Status == rotation.Done {
					break
				}
				w.Advance(time.Minute)
			}
		}
	}
	raised := 0
	for _, kind := range w.Noticed {
		if kind == rotation.NoticeRefusedRepair {
			raised++
		}
	}
	if raised != 1 || repairs != 0 {
		t.Errorf("raised %d times, and repaired %d times more", raised, repairs)
	}
}

// first gives the first n calls of the provider an answer.
func first(n int, kind rotation.Kind) func(rotationtest.Call) *rotation.Error {
	return func(c rotationtest.Call) *rotation.Error {
		if c.Op != "setter.set" {
			return nil
		}
		if n--; n >= 0 {
			return &rotation.Error{Kind: kind, RetryAfter: time.Second}
		}
		return nil
	}
}

// turning refuses the first n questions, and then cannot be asked.
func turning(n int) rotation.Verifier {
	return answers(func(string, secret.Value) (rotation.Verdict, error) {
		if n--; n >= 0 {
			return rotation.Refused, nil
		}
		return rotation.Unknown, errors.New("away")
	})
}

// alternating refuses every second question, and does not answer the others.
func alternating() rotation.Verifier {
	n := 0
	return answers(func(string, secret.Value) (rotation.Verdict, error) {
		if n++; n%2 == 0 {
			return rotation.Refused, nil
		}
		return rotation.Unknown, errors.New("away")
	})
}
