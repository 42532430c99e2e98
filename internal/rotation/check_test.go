package rotation_test

import (
	"context"
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
