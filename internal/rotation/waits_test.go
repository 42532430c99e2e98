package rotation_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/rotation/rotationtest"
	"keyturn/internal/secret"
)

func TestAnAnswerThatChangedNothingIsWaitedOut(t *testing.T) {
	t.Parallel()
	const half = 30 * time.Second
	for _, tt := range []struct {
		kind       rotation.Kind
		said, want time.Duration
	}{
		{rotation.ClockSkew, 0, half},
		{rotation.ClockSkew, time.Minute, time.Minute},
		{rotation.ClockSkew, 24 * time.Hour, 5 * time.Minute},
		{rotation.Unauthorized, 0, half},
		{rotation.Unauthorized, time.Hour, half},
		{rotation.Unavailable, 24 * time.Hour, 5 * time.Minute},
	} {
		w, k := newWorker()
		w.Answer = func(rotationtest.Call) *rotation.Error { return &rotation.Error{Kind: tt.kind, RetryAfter: tt.said} }
		if result, _ := k.Run(t.Context(), k.Setter(false), scheduled(w)); result.After != tt.want {
			t.Errorf("%s, asked for %s: comes back after %s, want %s", tt.kind, tt.said, result.After, tt.want)
		}
	}
}

func TestACallInDoubtIsMadeAgainAfterTenSecondsAtTheEarliest(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	w.Answer = always(rotation.InDoubt)
	if result, _ := k.Run(t.Context(), k.Setter(false), scheduled(w)); result.Status != rotation.Failed || result.After < 10*time.Second || result.After > time.Minute {
		t.Errorf("got %+v", result)
	}
}

// What is refused right after a rotation may not have arrived at all servers.
// holds notes for how long duplicates were kept waiting.
type holds struct {
	rotation.Agenda
	quiet []time.Duration
}

func (h *holds) Hold(ctx context.Context, c *rotation.Credential, quiet time.Duration, force bool) error {
	h.quiet = append(h.quiet, quiet)
	return h.Agenda.Hold(ctx, c, quiet, force)
}

// A server that delays its refusals would else have a live run resumed.
func TestAHoldLastsLongerWhereAVerifierIsSlow(t *testing.T) {
	t.Parallel()
	const resume = 15 * time.Second // of rotationtest
	for took, want := range map[time.Duration][]time.Duration{
		0:                      {resume},
		resume / 3:             {resume, resume}, // it lasts for less than a question may take, and is renewed
		resume/3 + 1:           {resume, resume + resume/3 + 1},
		resume/3 + time.Second: {resume, resume + resume/3 + time.Second},
	} {
		w, k := newWorker()
		s := k.Setter(true)
		asked := 0
		s.Verifier = answers(func(string, secret.Value) (rotation.Verdict, error) {
			if asked++; asked > 1 {
				return rotation.Works, nil
			}
			w.Advance(took)
			return rotation.Unknown, nil
		})
		m := k.Machine()
		held := &holds{Agenda: m.Agenda}
		m.Agenda = held
		if result := m.Rotate(t.Context(), s, scheduled(w)); !result.Rotated || !slices.Equal(held.quiet, want) {
			t.Errorf("a question took %s: held for %s, want %s; %+v", took, held.quiet, want, result)
		}
	}
}

// lines notes who went before a backlog.
type lines struct {
	rotation.Limiter
	urgent []bool
}

func (l *lines) Take(ctx context.Context, account string, n int, urgent bool) (rotation.Turns, error) {
	l.urgent = append(l.urgent, urgent)
	return l.Limiter.Take(ctx, account, n, urgent)
}

func TestWhatIsWaitedForGoesBeforeABacklog(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		reason rotation.Reason
		want   bool
	}{
		"a scheduled rotation": {rotation.ReasonScheduled, false},
		"drift":                {rotation.ReasonDrift, false},
		"a demand":             {rotation.ReasonDemand, true},
		"a resume":             {rotation.ReasonResume, true},
	} {
		w, k := newWorker()
		if tt.reason == rotation.ReasonResume {
			dieInTheCall(w, k, k.Setter(false))
			w.Advance(time.Minute)
		}
		m := k.Machine()
		line := &lines{Limiter: m.Limiter}
		m.Limiter = line
		result := m.Rotate(t.Context(), k.Setter(false), rotation.Job{Slot: slot(w), Reason: tt.reason})
		if !result.Rotated || len(line.urgent) == 0 || line.urgent[0] != tt.want {
			t.Errorf("%s: urgent %v; %+v", name, line.urgent, result)
		}
	}
}

func TestTwoRotationsAreAWholeMinimumIntervalApart(t *testing.T) {
	t.Parallel()
	for since, rests := range map[time.Duration]bool{time.Minute - 1: true, time.Minute: false} {
		w, k := newWorker()
		k.Run(t.Context(), k.Setter(false), scheduled(w))
		w.Advance(w.Current().RotatedAt.Add(since).Sub(k.Machine().Clock.Now()))
		result, _ := k.Run(t.Context(), k.Setter(false), rotation.Job{Slot: k.Machine().Clock.Now(), Reason: rotation.ReasonDemand})
		if result.Rotated == rests || rests && result.After != time.Minute-since {
			t.Errorf("%s after the last one: %+v", since, result)
		}
	}
}

// A run that did nothing gives its hold back; one that left a journal open is resumed after its job should have come back.
func TestWhatARunLeavesOpenIsResumedAfterItsJobShouldHaveComeBack(t *testing.T) {
	t.Parallel()
	for _, open := range []bool{false, true} {
		w, k := newWorker()
		w.Answer = always(rotation.InDoubt)
		m := k.Machine()
		parked := parks{Agenda: m.Agenda}
		m.Agenda = &parked
		if !open {
			m.Limiter = paused{m.Limiter}
		}
		result, want := m.Rotate(t.Context(), k.Setter(false), scheduled(w)), time.Duration(0)
		if open {
			want = result.After + m.Timing.Resume
		}
		if !slices.Equal(parked.after, []time.Duration{want}) {
			t.Errorf("open: %v: %+v, and it is resumed after %s, want %s", open, result, parked.after, want)
		}
	}
}

func TestARotationBooksItsQuestionsAndAResumedOneSaysSo(t *testing.T) {
	t.Parallel()
	const patience = 10 * time.Second
	for name, tt := range map[string]struct {
		resumed bool
		held    time.Duration
		waits   bool
	}{
		"a rotation":                      {false, 0, false},
		"a rotation whose server is busy": {false, patience + 1, true},
		"a resume":                        {true, 0, false},
		"a resume that waits a little":    {true, patience, true},
		"a resume that would wait long":   {true, patience + 1, false},
	} {
		w, k := newWorker()
		s, job, want := k.Setter(true), scheduled(w), rotation.Rotation
		if tt.resumed {
			dieInTheCall(w, k, k.Setter(true))
			w.Advance(time.Minute)
			job, want = rotation.Job{Reason: rotation.ReasonResume}, rotation.Resumed
		}
		s.Verifier = reserved{s.Verifier, func(n int, u rotation.Urgency) error {
			if u != want || n != 3 {
				t.Errorf("%s books %d questions as %v, want 3 as %v", name, n, u, want)
			}
			if tt.held > 0 {
				return &rotation.WaitError{After: tt.held, Reason: "the server is busy"}
			}
			return nil
		}}
		if result, _ := k.Run(t.Context(), s, job); (result.Status == rotation.Waiting) != tt.waits || result.Rotated == tt.waits {
			t.Errorf("%s: %+v", name, result)
		}
	}
}

func TestARecheckThatCouldNotBeAskedForIsAskedForSoon(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	s := k.Setter(false)
	dieInTheCall(w, k, s)
	w.Advance(20 * time.Second)
	w.Decide = func(c rotationtest.Call) rotationtest.Fault {
		if c.Op == "agenda.ask" {
			return rotationtest.ErrorBefore
		}
		return rotationtest.None
	}
	result, _ := k.Run(t.Context(), s, rotation.Job{Reason: rotation.ReasonResume})
	if result.Status != rotation.Waiting || result.After != 5*time.Second || w.Journal().State != rotation.Open {
		t.Errorf("%+v, and the journal is %v", result, w.Journal().State)
	}
}

func TestOnlyOfAnOverlapARunSaysWhatIsToBeRetired(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	if result, _ := k.Run(t.Context(), k.Setter(true), scheduled(w)); result.Retiring != nil {
		t.Errorf("of a rotation that replaces: %+v", result)
	}
	w, k, s, _ := overlapping(true)
	if result, _ := k.Run(t.Context(), s, scheduled(w)); result.Retiring == nil {
		t.Errorf("of an overlap: %+v", result)
	}
	w.Decide = func(c rotationtest.Call) rotationtest.Fault {
		if c.Op == "journals.load" {
			return rotationtest.ErrorBefore
		}
		return rotationtest.None
	}
	if result, _ := k.Run(t.Context(), s, scheduled(w)); result.Retiring != nil {
		t.Errorf("where the journal could not be read: %+v", result)
	}
}

// sleeps notes how long each pause within a run was.
type sleeps struct {
	rotation.Clock
	took []time.Duration
}

func (s *sleeps) Sleep(ctx context.Context, d time.Duration) error {
	s.took = append(s.took, d)
	return s.Clock.Sleep(ctx, d)
}

// What only this process holds is not given up, and what others wait for is tried for as long as a run's last steps may take.
func TestWhatMustNotBeGivenUpIsTriedAtGrowingPauses(t *testing.T) {
	t.Parallel()
	const ms, s = time.Millisecond, time.Second
	growing := []time.Duration{50 * ms, 100 * ms, 200 * ms, 400 * ms, 800 * ms}
	for name, tt := range map[string]struct {
		subject   func(*rotationtest.Worker) rotation.Subject
		after, op string // what fails, once the other one was called
		fails     int
		want      []time.Duration
	}{
		"an issued password":           {func(k *rotationtest.Worker) rotation.Subject { return k.Issuer(false) }, "issuer.issue", "journals.save", 8, slices.Concat(growing, []time.Duration{1600 * ms, 2 * s, 2 * s})},
		"an identity":                  {func(k *rotationtest.Worker) rotation.Subject { return k.Overlap(false) }, "minter.mint", "journals.save", 8, slices.Concat(growing, []time.Duration{1600 * ms, 2 * s, 2 * s})},
		"what consumers are to have":   {unverified, "setter.set", "secrets.write", 7, slices.Concat(growing, []time.Duration{s, s})},
		"what they never came to have": {unverified, "setter.set", "secrets.write", 100, slices.Concat(growing, slices.Repeat([]time.Duration{s}, 6))},
	} {
		w, k := newWorker()
		subject, called, failed := tt.subject(k), false, 0
		w.Decide = func(c rotationtest.Call) rotationtest.Fault {
			called = called || c.Op == tt.after
			if called && c.Op == tt.op && failed < tt.fails {
				failed++
				return rotationtest.ErrorBefore
			}
			return rotationtest.None
		}
		m := k.Machine()
		clock := &sleeps{Clock: m.Clock}
		m.Clock = clock
		result := m.Rotate(t.Context(), subject, scheduled(w))
		if !slices.Equal(clock.took, tt.want) || result.Rotated == (tt.fails == 100) || !result.Rotated && result.After != 5*time.Second {
			t.Errorf("%s: %d times in vain, pauses of %s, want %s; %+v", name, failed, clock.took, tt.want, result)
		}
	}
}

// A verifier that refuses does so for a reason of its own; one that is silent needs a person.
func TestAPersonHearsOfAVerifierThatIsSilentAndNotOfOneThatRefuses(t *testing.T) {
	t.Parallel()
	for verdict, told := range map[rotation.Verdict]bool{rotation.Unknown: true, rotation.Unbelieved: true, rotation.Refused: false} {
		w, k := newWorker()
		s := k.Setter(true)
		s.Credential.Verify.Propagation = time.Hour
		s.Verifier = answers(func(string, secret.Value) (rotation.Verdict, error) { return verdict, nil })
		result, _ := k.Run(t.Context(), s, scheduled(w))
		if result.Status != rotation.Waiting || slices.Contains(w.Noticed, rotation.NoticeVerifierAway) != told {
			t.Errorf("%v: %+v, notices %q", verdict, result, w.Noticed)
		}
	}
}
