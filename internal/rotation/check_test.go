package rotation_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/rotation/rotationtest"
	"keyturn/internal/schedule"
	"keyturn/internal/secret"
)

func TestACheckBesideARotationRepairsNothing(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	w.Advance(time.Hour)
	s := k.Setter(true)
	two := &rotationtest.Worker{World: w, Name: "two"}
	m := k.Machine()
	m.Secrets = beside{m.Secrets, func() {
		if result, _ := two.Run(t.Context(), two.Setter(true), now(two, rotation.ReasonDemand)); !result.Rotated {
			t.Fatalf("got %+v", result)
		}
	}}
	result := m.Check(t.Context(), s, rotation.Job{Reason: rotation.ReasonScheduled})
	if result.Status != rotation.Waiting || slices.Contains(w.Asked, rotation.ReasonDrift) {
		t.Errorf("%+v, asked for %q", result, w.Asked)
	}
}

// beside lets another run rotate right after the first read.
type beside struct {
	rotation.Secrets
	rotate func()
}

func (b beside) Read(ctx context.Context, p rotation.Place) (rotation.Entry, error) {
	e, err := b.Secrets.Read(ctx, p)
	if b.rotate != nil && e.Version == 1 {
		b.rotate()
	}
	return e, err
}

// A provider may take a while to tell all of its servers.
func TestARefusalWithinThePropagationTimeIsNoDrift(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	s := k.Setter(true)
	if result, _ := k.Run(t.Context(), s, scheduled(w)); !result.Rotated {
		t.Fatalf("got %+v", result)
	}
	w.ChangeByHand(secret.New("by-hand"))
	early := k.Machine().Check(t.Context(), s, rotation.Job{Reason: rotation.ReasonScheduled})
	if early.Status != rotation.Waiting || early.After > s.Credential.Verify.Propagation || len(w.TakeAsked()) > 0 {
		t.Errorf("got %+v", early)
	}
	w.Advance(s.Credential.Verify.Propagation)
	late := k.Machine().Check(t.Context(), s, rotation.Job{Reason: rotation.ReasonScheduled})
	if asked := w.TakeAsked(); late.Status != rotation.Done || !slices.Equal(asked, []rotation.Reason{rotation.ReasonDrift}) {
		t.Errorf("%+v, asked for %q", late, asked)
	}
}

// A scheduled job may sit in its queue behind a backlog, or come back from a failure, when its window is over.
func TestAScheduledJobThatMissedItsWindowRotatesNothing(t *testing.T) {
	t.Parallel()
	window, err := schedule.Parse(schedule.Spec{Every: "30d", Window: "01:00-03:00"})
	if err != nil {
		t.Fatal(err)
	}
	for reason, rotated := range map[rotation.Reason]bool{
		rotation.ReasonScheduled: false, rotation.ReasonDemand: true, rotation.ReasonDrift: true,
	} {
		w, k := newWorker()
		s := k.Setter(true)
		s.Credential.Schedule = window
		w.Advance(2 * time.Hour)
		job := now(k, reason) // at two o'clock
		w.Advance(20 * time.Hour)
		result, _ := k.Run(t.Context(), s, job)
		if result.Status != rotation.Done || result.Rotated != rotated || w.Journal().State != rotation.Closed {
			t.Errorf("%s: %+v", reason, result)
		}
	}
}

// A rotation may wait long for a mail server, and checks that come back every few seconds meanwhile would read Vault each time.
func TestACheckThatMeetsARotationUnderWayLeavesItAlone(t *testing.T) {
	t.Parallel()
	for reason, want := range map[rotation.Reason]rotation.Result{
		rotation.ReasonScheduled: {Status: rotation.Unresolved},
		rotation.ReasonRecheck:   {Status: rotation.Waiting, After: time.Minute},
		rotation.ReasonReplaced:  {Status: rotation.Waiting, After: time.Minute},
		rotation.ReasonDemand:    {Status: rotation.Waiting, After: 5 * time.Second},
	} {
		w, k := newWorker()
		dieInTheCall(w, k, k.Setter(true))
		m := k.Machine()
		m.Timing.Recheck = time.Minute
		m.Agenda = held{m.Agenda}
		result := m.Check(t.Context(), k.Setter(true), rotation.Job{Reason: reason})
		if result.Status != want.Status || result.After != want.After || result.Err == nil {
			t.Errorf("%s: %+v, want %v after %v", reason, result, want.Status, want.After)
		}
	}
}

// held has another run work on everything.
type held struct{ rotation.Agenda }

func (held) Hold(context.Context, *rotation.Credential, time.Duration, bool) error {
	return &rotation.WaitError{After: 5 * time.Second, Reason: "another run works on it"}
}

func TestACheckWaitsForAPasswordThatHasYetToSpread(t *testing.T) {
	t.Parallel()
	for since, want := range map[time.Duration]time.Duration{
		3 * time.Second: 10 * time.Second, 12 * time.Second: 12 * time.Second, 25 * time.Second: 5 * time.Second, 30 * time.Second: 0,
	} {
		w, k := newWorker()
		s := k.Setter(true)
		if result, _ := k.Run(t.Context(), s, scheduled(w)); !result.Rotated {
			t.Fatalf("got %+v", result)
		}
		w.Advance(w.Current().RotatedAt.Add(since).Sub(k.Machine().Clock.Now()))
		s.Verifier = answers(func(string, secret.Value) (rotation.Verdict, error) { return rotation.Refused, nil })
		result := k.Machine().Check(t.Context(), s, rotation.Job{Reason: rotation.ReasonScheduled})
		if result.After != want || (result.Status == rotation.Waiting) != (want > 0) {
			t.Errorf("%s after it was promoted: %v after %s, want %s", since, result.Status, result.After, want)
		}
	}
}

func TestACheckThatARotationOvertookComesBack(t *testing.T) {
	t.Parallel()
	for name, meanwhile := range map[string]func(*rotationtest.World, *rotationtest.Worker){
		"a person wrote the secret": func(w *rotationtest.World, _ *rotationtest.Worker) { w.WriteCurrentByHand(secret.New("by-hand")) },
		"another run rotated": func(_ *rotationtest.World, k *rotationtest.Worker) {
			k.Run(context.Background(), k.Setter(false), rotation.Job{Slot: k.Machine().Clock.Now(), Reason: rotation.ReasonDemand})
		},
	} {
		w, k := newWorker()
		w.Advance(time.Hour)
		s := k.Setter(true)
		s.Verifier = answers(func(string, secret.Value) (rotation.Verdict, error) {
			meanwhile(w, &rotationtest.Worker{World: w, Name: "two"})
			return rotation.Refused, nil
		})
		result := k.Machine().Check(t.Context(), s, rotation.Job{Reason: rotation.ReasonScheduled})
		if result.Status != rotation.Waiting || result.After != 10*time.Second || slices.Contains(w.TakeAsked(), rotation.ReasonDrift) {
			t.Errorf("%s: %+v", name, result)
		}
	}
}

func TestWithoutAVerifierOnlyALateCallIsReasonToRepair(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		reason  rotation.Reason
		adopted bool // the rotation before asked for a recheck
		repairs bool
	}{
		"a periodic check":                     {rotation.ReasonScheduled, true, false},
		"a recheck of a rotation in doubt":     {rotation.ReasonRecheck, true, true},
		"a recheck of one that had no doubt":   {rotation.ReasonRecheck, false, false},
		"a run that was replaced had sent its": {rotation.ReasonReplaced, false, true},
	} {
		w, k := newWorker()
		s := k.Setter(false)
		if tt.adopted {
			dieInTheCall(w, k, s)
			w.Advance(20 * time.Second)
			k.Run(t.Context(), s, rotation.Job{Reason: rotation.ReasonResume})
		} else {
			k.Run(t.Context(), s, scheduled(w))
		}
		w.Advance(10 * time.Minute)
		w.TakeAsked()
		result := k.Machine().Check(t.Context(), s, rotation.Job{Reason: tt.reason})
		if repairs := slices.Contains(w.TakeAsked(), rotation.ReasonDrift); result.Status != rotation.Done || repairs != tt.repairs {
			t.Errorf("%s: %+v, repairs: %v", name, result, repairs)
		}
	}
}

func TestAPersonWhoAsksForARetirementHearsOfAQuarantine(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		job  rotation.Job
		told bool
	}{
		{rotation.Job{Reason: rotation.ReasonRetire, RequestedBy: "ann"}, true},
		{rotation.Job{Reason: rotation.ReasonRetire}, false},
		{rotation.Job{Reason: rotation.ReasonScheduled, RequestedBy: "ann"}, false},
	} {
		_, k := quarantine(t)
		result := k.Machine().Check(t.Context(), k.Setter(true), tt.job)
		if errors.Is(result.Err, rotation.ErrQuarantined) != tt.told {
			t.Errorf("%+v: %+v", tt.job, result)
		}
	}
}
