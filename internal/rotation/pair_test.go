package rotation_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/rotation/rotationtest"
	"keyturn/internal/secret"
)

const grace = 24 * time.Hour

// paired makes a subject's credential a pair of a and b.
func paired(s rotation.Subject) rotation.Subject {
	s.Credential.Pair = &rotation.Pair{Grace: grace, Targets: [2]rotation.Access{
		{Target: "a", Username: "ua", Fields: map[string]string{"from": "a"}}, {Target: "b", Username: "ub", Fields: map[string]string{"from": "b"}},
	}}
	s.Credential.Target, s.Credential.Username = "a", "ua"
	return s
}

// stands writes what programs use: a target, and a user name.
func stands(t *testing.T, k *rotationtest.Worker, target, user string) {
	t.Helper()
	e := k.Current()
	e.Target, e.Username = target, user
	if err := k.Machine().Secrets.Write(t.Context(), rotation.Place{}, e); err != nil {
		t.Fatal(err)
	}
}

// sentTo has a subject note which targets its provider is asked to change.
func sentTo(s *rotation.Subject) *[]string {
	var all []string
	right := s.Client.Setter
	s.Client.Setter = setter(func(ctx context.Context, target string, v secret.Value) error {
		all = append(all, target)
		return right.Set(ctx, target, v)
	})
	return &all
}

func TestTheTargetsOfAPairTakeTurns(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	stands(t, k, "", "ua") // by hand: its user name tells
	s := paired(k.Setter(true))
	sent := sentTo(&s)
	for _, want := range []string{"b", "a", "b"} {
		w.Advance(grace)
		result, _ := k.Run(t.Context(), s, scheduled(w))
		if now := w.Current(); !result.Rotated || now.Target != want || now.Username != "u"+want || now.Fields["from"] != want {
			t.Fatalf("want %s: got %+v, %+v", want, result, now)
		}
	}
	if got := strings.Join(*sent, " "); got != "b a b" {
		t.Errorf("sent to %s", got)
	}
}

func TestADemandWithinTheGraceIsRefusedAtOnceUnlessAPersonInsists(t *testing.T) {
	t.Parallel()
	for _, since := range []time.Duration{10 * time.Second, time.Hour} {
		w, k := newWorker()
		stands(t, k, "a", "ua")
		s := paired(k.Setter(true))
		w.Advance(grace)
		if result, _ := k.Run(t.Context(), s, scheduled(w)); !result.Rotated {
			t.Fatalf("got %+v", result)
		}
		w.Advance(since)
		result, _ := k.Run(t.Context(), s, now(k, rotation.ReasonDemand))
		if result.Status != rotation.Unresolved || !errors.Is(result.Err, rotation.ErrGrace) {
			t.Errorf("after %s: got %+v", since, result)
		}
		w.Advance(time.Minute)
		insists := now(k, rotation.ReasonDemand)
		insists.Force = true
		if result, _ := k.Run(t.Context(), s, insists); !result.Rotated || w.Current().Target != "a" {
			t.Errorf("after %s: got %+v", since, result)
		}
	}
}

func TestAPairThatBecomesASingleTargetTellsProgramsItsUserName(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	stands(t, k, "b", "ub")
	if result, _ := k.Run(t.Context(), k.Setter(true), scheduled(w)); !result.Rotated {
		t.Fatalf("got %+v", result)
	}
	if now := w.Current(); now.Username != "alerts@example.com" || now.Target != "" {
		t.Errorf("programs read user %q of target %q", now.Username, now.Target)
	}
}

// TestARotationThatChangedNothingDoesNotForgetWhatProgramsUse: it was a single target, without a user name in the secret.
func TestARotationThatChangedNothingDoesNotForgetWhatProgramsUse(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	single := k.Setter(true)
	single.Credential.Target = "a"
	if result, _ := k.Run(t.Context(), single, scheduled(w)); !result.Rotated || w.Current().Username != "" {
		t.Fatalf("got %+v", result)
	}
	s := paired(k.Setter(true))
	sent := sentTo(&s)
	w.Answer = func(rotationtest.Call) *rotation.Error { return &rotation.Error{Kind: rotation.RateLimited} }
	for range 2 {
		w.Advance(grace)
		if result, _ := k.Run(t.Context(), s, scheduled(w)); result.Status != rotation.Waiting {
			t.Fatalf("got %+v", result)
		}
	}
	w.Answer = nil
	w.Advance(grace)
	if result, _ := k.Run(t.Context(), s, scheduled(w)); !result.Rotated || strings.Join(*sent, " ") != "b b b" {
		t.Errorf("got %+v, sent to %v", result, *sent)
	}
}

func TestASecretThatNamesNeitherTargetWaitsForAPersonWhoSays(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	stands(t, k, "", "other@example.com")
	w.Advance(grace)
	s := paired(k.Setter(true))
	sent := sentTo(&s)
	if result, _ := k.Run(t.Context(), s, scheduled(w)); result.Status != rotation.Ended || !strings.Contains(result.Err.Error(), "adopt --target") {
		t.Fatalf("got %+v", result)
	}
	if result := k.Machine().Recover(t.Context(), s, now(k, rotation.ReasonDemand), nil); result.Rotated || len(*sent) > 0 {
		t.Errorf("recover: %+v, sent to %v", result, *sent)
	}
	if err := k.Machine().Adopt(t.Context(), s, now(k, ""), rotation.Live{Password: w.Live()}); !errors.Is(err, rotation.ErrWhichTarget) {
		t.Errorf("without a target: %v", err)
	}
	if err := k.Machine().Adopt(t.Context(), s, now(k, ""), rotation.Live{Password: w.Live(), Target: "b"}); err != nil {
		t.Fatal(err)
	}
	if now := w.Current(); now.Target != "b" || now.Username != "ub" || w.Journal().State != rotation.Closed {
		t.Errorf("got %+v, journal %v", now, w.Journal().State)
	}
}

// TestAPairWithoutAnAnswerForADayIsQuarantined: every call is in doubt, and a late one could arrive after each.
func TestAPairWithoutAnAnswerForADayIsQuarantined(t *testing.T) {
	t.Parallel()
	for name, subject := range map[string]func(*rotationtest.Worker) rotation.Subject{
		"setter": func(k *rotationtest.Worker) rotation.Subject { return k.Setter(true) },
		"issuer": func(k *rotationtest.Worker) rotation.Subject { return k.Issuer(true) },
	} {
		w, k := newWorker()
		stands(t, k, "a", "ua")
		s, sends := paired(subject(k)), 0
		w.Answer = func(rotationtest.Call) *rotation.Error {
			sends++
			return &rotation.Error{Kind: rotation.InDoubt}
		}
		runs := 0
		for began := now(k, "").Slot; w.Journal().State != rotation.Quarantined; runs++ {
			result, _ := k.Run(t.Context(), s, scheduled(w))
			w.Advance(max(result.After, time.Second))
			if now(k, "").Slot.Sub(began) > 2*grace {
				t.Fatalf("%s: still open after %d sends", name, sends)
			}
		}
		if most := 10 + 24*6 + 4; sends > most {
			t.Errorf("%s: %d sends in %d runs, at most %d are allowed", name, sends, runs, most)
		}
	}
}

// TestAnAdoptionThatNoVerifierConfirmsIsGivenUpAfterADay: its process died when it had opened the journal.
func TestAnAdoptionThatNoVerifierConfirmsIsGivenUpAfterADay(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	stands(t, k, "a", "ua")
	s := paired(k.Setter(true))
	w.Advance(grace)
	w.Decide = func(c rotationtest.Call) rotationtest.Fault {
		if c.Op == "secrets.write" {
			return rotationtest.CrashBefore
		}
		return rotationtest.None
	}
	func() {
		defer func() { _ = recover() }()
		_ = k.Machine().Adopt(t.Context(), s, now(k, ""), rotation.Live{Password: w.Live(), Target: "b"})
	}()
	w.Decide = nil
	s.Verifier = answers(func(string, secret.Value) (rotation.Verdict, error) { return rotation.Unknown, nil })
	if w.Journal().State != rotation.Open {
		t.Fatal("no adoption is open")
	}
	for began := now(k, "").Slot; w.Journal().State == rotation.Open; {
		result, _ := k.Run(t.Context(), s, rotation.Job{Reason: rotation.ReasonResume})
		w.Advance(max(result.After, time.Second))
		if now(k, "").Slot.Sub(began) > 2*grace {
			t.Fatalf("it is still open: %+v", result)
		}
	}
	if w.Current().Target != "a" || len(w.Noticed) == 0 {
		t.Errorf("current names %s, notices %v", w.Current().Target, w.Noticed)
	}
}

func TestATargetThatAPersonPutBackIsNotChanged(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	stands(t, k, "a", "ua")
	s := paired(k.Setter(true))
	w.Advance(grace)
	dieInTheCall(w, k, s)
	stands(t, k, "b", "ub")
	sent := sentTo(&s)
	w.Advance(time.Minute)
	result, _ := k.Run(t.Context(), s, rotation.Job{Reason: rotation.ReasonResume})
	if len(*sent) > 0 || w.Journal().State != rotation.Closed || w.Journal().RecheckAt.IsZero() {
		t.Errorf("got %+v, sent to %v, journal %+v", result, *sent, w.Journal().State)
	}
}
