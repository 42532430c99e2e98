package rotation_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/rotation/rotationtest"
	"keyturn/internal/secret"
)

func TestAnAnswerThatProvesThatNothingChangedClosesTheUnusedJournal(t *testing.T) {
	t.Parallel()
	for _, kind := range []rotation.Kind{rotation.RateLimited, rotation.Unavailable, rotation.NotSent, rotation.Unauthorized, rotation.ClockSkew} {
		for _, s := range []func(*rotationtest.Worker) rotation.Subject{unverified, func(k *rotationtest.Worker) rotation.Subject { return k.Issuer(false) }} {
			w, k := newWorker()
			w.Answer = always(kind)
			result, _ := k.Run(t.Context(), s(k), scheduled(w))
			if rec := w.Journal(); rec.State != rotation.Closed || len(rec.Candidates) > 0 || result.Status == rotation.Done {
				t.Errorf("%s: %v, and the journal is %v with %d candidates", kind, result.Status, rec.State, len(rec.Candidates))
			}
			w.Answer = nil
			w.Advance(time.Minute)
			again, _ := k.Run(t.Context(), s(k), scheduled(w))
			if rec := w.Journal(); !again.Rotated || !rec.RecheckAt.IsZero() || len(w.Asked) > 0 {
				t.Errorf("%s: %+v asks for a recheck: %q", kind, again, w.Asked)
			}
		}
	}
}

func TestAnAnswerAfterADoubtLeavesTheJournalOpen(t *testing.T) {
	t.Parallel()
	for _, kind := range []rotation.Kind{rotation.RateLimited, rotation.Unavailable, rotation.NotSent, rotation.Unauthorized} {
		w, k := newWorker()
		calls := 0
		w.Answer = func(rotationtest.Call) *rotation.Error {
			if calls++; calls == 1 {
				return &rotation.Error{Kind: rotation.InDoubt}
			}
			return &rotation.Error{Kind: kind}
		}
		k.Run(t.Context(), k.Setter(false), scheduled(w))
		if rec := w.Journal(); rec.State != rotation.Open || len(rec.Candidates) != 1 {
			t.Errorf("%s: the journal is %v with %d candidates", kind, rec.State, len(rec.Candidates))
		}
	}
}

func TestARetryAfterForACallInDoubtIsHonouredAtOnceAndCapped(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ said, least, most time.Duration }{
		{24 * time.Hour, 5 * time.Minute, 5 * time.Minute},
		{time.Minute, time.Minute, time.Minute},
	} {
		w, k := newWorker()
		sends := 0
		w.Answer = func(rotationtest.Call) *rotation.Error {
			sends++
			return &rotation.Error{Kind: rotation.InDoubt, RetryAfter: tt.said}
		}
		result, _ := k.Run(t.Context(), k.Setter(false), scheduled(w))
		if sends != 1 || result.After < tt.least || result.After > tt.most {
			t.Errorf("%s: sent %d times, comes back after %s", tt.said, sends, result.After)
		}
	}
}

func TestARotationThatGivesUpKeepsTheRecheckOfTheOneBefore(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	dieInTheCall(w, k, k.Setter(false))
	w.Advance(20 * time.Second)
	if result, _ := k.Run(t.Context(), k.Setter(false), rotation.Job{Reason: rotation.ReasonResume}); !result.Rotated {
		t.Fatalf("got %+v", result)
	}
	want := w.Journal().RecheckAt
	w.Advance(time.Minute)
	w.Answer = always(rotation.Unauthorized)
	k.Run(t.Context(), k.Setter(false), scheduled(w))
	if got := w.Journal().RecheckAt; want.IsZero() || !got.Equal(want) {
		t.Errorf("recheck at %s, want %s", got, want)
	}
}

func TestAReleasedRotationIsResumedSoon(t *testing.T) {
	t.Parallel()
	w, k := quarantine(t)
	m := k.Machine()
	parked := parks{Agenda: m.Agenda}
	m.Agenda = &parked
	if err := m.Release(t.Context(), k.Setter(true)); err != nil {
		t.Fatal(err)
	}
	if want := []time.Duration{m.Timing.Resume}; !slices.Equal(parked.after, want) {
		t.Errorf("resumed after %v, want %v", parked.after, want)
	}
	if w.Journal().State != rotation.Open {
		t.Errorf("the journal is %v", w.Journal().State)
	}
}

type parks struct {
	rotation.Agenda
	after []time.Duration
}

func (p *parks) Park(ctx context.Context, c *rotation.Credential, d time.Duration) error {
	p.after = append(p.after, d)
	return p.Agenda.Park(ctx, c, d)
}

func TestAnOpenRotationIsNotFinishedByAClientOfAnotherKindOrAccount(t *testing.T) {
	t.Parallel()
	for name, move := range map[string]func(*rotationtest.Worker) rotation.Subject{
		"to a setter's account": func(k *rotationtest.Worker) rotation.Subject { return k.Setter(false) },
		"to another account": func(k *rotationtest.Worker) rotation.Subject {
			s := k.Issuer(false)
			s.Credential.Account = "other"
			return s
		},
	} {
		w, k := newWorker()
		w.Decide = func(c rotationtest.Call) rotationtest.Fault {
			if c.Op == "issuer.issue" {
				return rotationtest.CrashAfter
			}
			return rotationtest.None
		}
		k.Run(t.Context(), k.Issuer(false), scheduled(w))
		sent := 0
		w.Decide = func(c rotationtest.Call) rotationtest.Fault {
			if c.Op == "setter.set" || c.Op == "issuer.issue" {
				sent++
			}
			return rotationtest.None
		}
		w.Advance(20 * time.Second)
		result, _ := k.Run(t.Context(), move(k), rotation.Job{Reason: rotation.ReasonResume})
		if sent > 0 || result.Status != rotation.Waiting || result.Err == nil || !strings.Contains(result.Err.Error(), "account acme (issuer)") {
			t.Errorf("%s: %d calls, %+v", name, sent, result)
		}
		if result, _ := k.Run(t.Context(), k.Issuer(false), rotation.Job{Reason: rotation.ReasonResume}); result.Status != rotation.Done {
			w.Advance(time.Minute)
			result, _ = k.Run(t.Context(), k.Issuer(false), rotation.Job{Reason: rotation.ReasonResume})
			if !result.Rotated {
				t.Errorf("%s: moved back: %+v", name, result)
			}
		}
	}
}

func TestACorrectedTargetOpensAFreshRotationWhereNothingWasAccepted(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	dieInTheCall(w, k, k.Setter(false)) // so that the candidate may have been sent by another run
	w.Advance(20 * time.Second)
	w.Answer = always(rotation.Target)
	for range 2 { // once, and once more after a retry
		k.Run(t.Context(), k.Setter(false), scheduled(w))
		if w.Journal().State != rotation.Quarantined {
			t.Fatalf("the journal is %v", w.Journal().State)
		}
		w.Advance(time.Minute)
		if err := k.Machine().Release(t.Context(), k.Setter(false)); err != nil {
			t.Fatal(err)
		}
	}
	k.Run(t.Context(), k.Setter(false), scheduled(w))
	w.Answer = nil
	w.Advance(time.Minute)
	s := k.Setter(false)
	s.Credential.Target = "right@example.com"
	if err := k.Machine().Release(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	target := ""
	right := s.Client.Setter
	s.Client.Setter = setter(func(ctx context.Context, to string, password secret.Value) error {
		target = to
		return right.Set(ctx, to, password)
	})
	if result, _ := k.Run(t.Context(), s, scheduled(w)); !result.Rotated || target != "right@example.com" {
		t.Errorf("%+v, sent to %q", result, target)
	}
}

func TestAPasswordThatComesWithAnErrorIsKeptBeforeTheErrorIsJudged(t *testing.T) {
	t.Parallel()
	for _, kind := range []rotation.Kind{rotation.InDoubt, rotation.Target, rotation.Unavailable, rotation.RateLimited} {
		w, k := newWorker()
		s := k.Issuer(true)
		right := s.Client.Issuer
		s.Client.Issuer = issuer(func(ctx context.Context, target string) (rotation.Issued, error) {
			issued, err := right.Issue(ctx, target)
			if err == nil {
				err = &rotation.Error{Kind: kind}
			}
			return issued, err
		})
		result, _ := k.Run(t.Context(), s, scheduled(w))
		if !result.Rotated || !w.Current().Password.Equal(w.Live()) || w.Current().Verified != rotation.VerifiedYes {
			t.Errorf("%s: %+v; the journal is %v: %s", kind, result, w.Journal().State, w.Journal().Why)
		}
	}
}

type issuer func(context.Context, string) (rotation.Issued, error)

func (i issuer) Issue(ctx context.Context, target string) (rotation.Issued, error) {
	return i(ctx, target)
}

func TestAReadBackThatIsThrottledOrRefusedIsHeardByTheWholeAccount(t *testing.T) {
	t.Parallel()
	for kind, op := range map[rotation.Kind]string{rotation.RateLimited: "limiter.penalise", rotation.Unauthorized: "agenda.block"} {
		w, k := newWorker()
		s := k.Setter(true)
		s.Credential.Verify.Mode = rotation.VerifyProvider
		s.Verifier = answers(func(string, secret.Value) (rotation.Verdict, error) {
			return rotation.Unknown, &rotation.Error{Kind: kind, RetryAfter: time.Minute}
		})
		heard := false
		w.Decide = func(c rotationtest.Call) rotationtest.Fault {
			heard = heard || c.Op == op
			return rotationtest.None
		}
		k.Run(t.Context(), s, scheduled(w))
		if !heard {
			t.Errorf("%s: no %s", kind, op)
		}
	}
}

func TestADeletedSecretFailsItsCheckAndIsTold(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	if result, _ := k.Run(t.Context(), k.Setter(true), scheduled(w)); !result.Rotated {
		t.Fatalf("got %+v", result)
	}
	w.Advance(time.Hour)
	w.WriteCurrentByHand(secret.Value{})
	result := k.Machine().Check(t.Context(), k.Setter(true), rotation.Job{Reason: rotation.ReasonScheduled})
	if result.Status != rotation.Unresolved || result.Err == nil || !slices.Contains(w.Noticed, rotation.NoticeDeleted) {
		t.Errorf("%+v, notices %q", result, w.Noticed)
	}
}

func TestAPeriodicCheckThatCannotAskEnds(t *testing.T) {
	t.Parallel()
	for reason, want := range map[rotation.Reason]rotation.Status{
		rotation.ReasonScheduled: rotation.Unresolved, rotation.ReasonDemand: rotation.Unresolved,
		rotation.ReasonRecheck: rotation.Waiting, rotation.ReasonReplaced: rotation.Waiting,
	} {
		w, k := newWorker()
		s := k.Setter(true)
		if result, _ := k.Run(t.Context(), s, scheduled(w)); !result.Rotated {
			t.Fatalf("got %+v", result)
		}
		s.Verifier = answers(func(string, secret.Value) (rotation.Verdict, error) { return rotation.Unknown, errors.New("away") })
		if result := k.Machine().Check(t.Context(), s, rotation.Job{Reason: reason}); result.Status != want || result.Err == nil {
			t.Errorf("%s: %+v", reason, result)
		}
	}
}
