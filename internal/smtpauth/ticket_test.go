package smtpauth

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

func TestAQuestionThatIsNotBookedIsBookedFirst(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.live["login of mine"] = "mine"
	if _, err := d.verify(t, "mine", rotation.Routine); err != nil || !slices.Equal(d.booked, []rotation.Urgency{rotation.Routine}) {
		t.Errorf("booked %v: %v", d.booked, err)
	}
	spent := &rotation.WaitError{After: time.Hour, Reason: "spent"}
	d.full = spent
	verdict, err := d.verify(t, "mine", rotation.Routine)
	if verdict != rotation.Unknown || !errors.Is(err, spent) || d.logins != 1 {
		t.Errorf("%s after %d logins: %v", verdict, d.logins, err)
	}
	if err := d.For("mine").Reserve(t.Context(), "login of mine", 1, rotation.Rotation); !errors.Is(err, spent) {
		t.Errorf("reserved from a budget that is spent: %v", err)
	}
}

func TestBookedQuestionsAreAskedOnceEachAndForAMinute(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	mine := d.For("mine")
	ask := func() { _, _ = mine.Verify(t.Context(), "login of mine", secret.New("wrong")) }
	reserve := func() {
		if err := mine.Reserve(t.Context(), "login of mine", 2, rotation.Rotation); err != nil {
			t.Fatal(err)
		}
	}
	for i, step := range []struct {
		do   func()
		want int // bookings so far
	}{
		{reserve, 1},
		{ask, 1},
		{ask, 1},
		{ask, 2},
		{reserve, 3},
		{func() { d.now = d.now.Add(time.Minute); ask() }, 3},
		{func() { d.now = d.now.Add(time.Second); ask() }, 4},
	} {
		if step.do(); len(d.booked) != step.want {
			t.Fatalf("after step %d the ledger was asked %d times, want %d", i, len(d.booked), step.want)
		}
	}
	// A rotation that has sent a password goes before everybody, also when it has to book again.
	if want := rotation.Resumed; d.booked[1] != want || d.booked[3] != want {
		t.Errorf("booked as %v", d.booked)
	}
}

func TestAfterItsPasswordWorkedALoginIsAskedAboutRoutinely(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.live["login of mine"] = "mine"
	if _, err := d.verify(t, "mine", rotation.Rotation); err != nil {
		t.Fatal(err)
	}
	_, _ = d.verify(t, "mine", rotation.Routine)
	if want := []rotation.Urgency{rotation.Rotation, rotation.Routine}; !slices.Equal(d.booked, want) || !d.answers[1].Routine || d.answers[0].Routine {
		t.Errorf("booked as %v, answers %+v", d.booked, d.answers)
	}
}

func TestTheUrgencyOfALoginIsForgottenAfterAQuarterOfAnHour(t *testing.T) {
	t.Parallel()
	for after, want := range map[time.Duration]rotation.Urgency{remembered: rotation.Resumed, remembered + 1: rotation.Routine} {
		d := newDesk(t)
		_, _ = d.verify(t, "wrong", rotation.Rotation)
		d.now = d.now.Add(after)
		if got := d.tickets.urgency("mine"); got != want {
			t.Errorf("after %s: %d", after, got)
		}
		d.now = d.now.Add(remembered)
		d.tickets.put("another", 1, rotation.Rotation)
		if _, kept := d.tickets.credentials["mine"]; kept {
			t.Error("what is forgotten is kept")
		}
	}
}

// A sweep comes with a booking, once a quarter of an hour has passed since the last one.
func TestASweepForgetsNoUrgencyThatStillCounts(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_000_000, 0)
	booked := &tickets{now: func() time.Time { return now }, credentials: make(map[string]ticket)}
	booked.put("first", 1, rotation.Rotation) // sweeps
	now = now.Add(1)
	booked.put("mine", 1, rotation.Rotation)
	now = now.Add(remembered)
	booked.put("another", 1, rotation.Rotation) // sweeps
	if _, kept := booked.credentials["first"]; kept {
		t.Error("nothing was swept")
	}
	if got := booked.urgency("mine"); got != rotation.Resumed {
		t.Errorf("urgency %d", got)
	}
}

func TestABookingForARoutineCheckLendsNoUrgency(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	if err := d.For("mine").Reserve(t.Context(), "login of mine", 1, rotation.Routine); err != nil {
		t.Fatal(err)
	}
	_, _ = d.verify(t, "wrong", rotation.Routine)
	if len(d.answers) != 1 || !d.answers[0].Routine {
		t.Errorf("answers %+v", d.answers)
	}
}

func TestAServerThatAskedForAPauseIsLeftAloneUntilItEnds(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.live["login of mine"], d.works = "mine", Judgement{Pause: time.Minute}
	if _, err := d.verify(t, "mine", rotation.Routine); err != nil {
		t.Fatal(err)
	}
	for _, rest := range []time.Duration{time.Minute, time.Nanosecond} {
		d.now = time.Unix(1_000_000, 0).Add(time.Minute - rest)
		var held *rotation.WaitError
		verdict, err := d.verify(t, "mine", rotation.Routine)
		if !errors.As(err, &held) || held.After != rest || verdict != rotation.Unknown || d.logins != 1 {
			t.Errorf("%s to go: %s after %d logins: %v", rest, verdict, d.logins, err)
		}
		if err := d.For("mine").Reserve(t.Context(), "login of mine", 1, rotation.Rotation); !errors.As(err, &held) || held.After != rest {
			t.Errorf("%s to go: reserved: %v", rest, err)
		}
	}
	d.now = time.Unix(1_000_000, 0).Add(time.Minute)
	if verdict, err := d.verify(t, "mine", rotation.Routine); verdict != rotation.Works || err != nil {
		t.Errorf("after the pause: %s, %v", verdict, err)
	}
}

// A question that was asked has been spent, whatever becomes of the run that asked it.
func TestAnAnswerIsNotedAlthoughTheRunIsOver(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ctx, cancel := context.WithCancel(t.Context())
	d.during = cancel
	_, _ = d.For("mine").Verify(ctx, "login of mine", secret.New("wrong"))
	if len(d.answers) != 1 || d.late {
		t.Errorf("answers %+v, late %v", d.answers, d.late)
	}
}
