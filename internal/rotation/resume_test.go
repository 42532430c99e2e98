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

// answers answers with what the function says of the name and the password.
type answers func(login string, password secret.Value) (rotation.Verdict, error)

func (a answers) Verify(_ context.Context, login string, password secret.Value) (rotation.Verdict, error) {
	return a(login, password)
}

func TestAResumeFinishesUnderTheNameThatTheRotationWasOpenedWith(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	s := k.Setter(true)
	s.Credential.Username = "old-name"
	dieInTheCall(w, k, s)

	var asked []string
	s.Verifier = answers(func(login string, _ secret.Value) (rotation.Verdict, error) {
		asked = append(asked, login)
		return rotation.Works, nil
	})
	s.Credential.Target, s.Credential.Username = "other@example.com", "new-name"
	w.Advance(20 * time.Second)
	result, _ := k.Run(context.Background(), s, rotation.Job{Reason: rotation.ReasonResume})
	if !result.Rotated || len(asked) != 1 || asked[0] != "old-name" || w.Current().Username != "old-name" {
		t.Errorf("got %+v, asked as %q, wrote %q", result, asked, w.Current().Username)
	}
}

// Such a rotation would have no slot of its own, and no questions booked at the verifier.
func TestAResumeThatFindsNothingOpenRotatesNothing(t *testing.T) {
	t.Parallel()
	for name, slot := range map[string]func(*rotationtest.World) time.Time{
		"no slot":    func(*rotationtest.World) time.Time { return time.Time{} },
		"a due slot": func(w *rotationtest.World) time.Time { return scheduled(w).Slot },
	} {
		w, k := newWorker()
		e := w.Current()
		e.Slot = e.RotatedAt.Add(60 * 24 * time.Hour) // by a clock that was ahead: it grants nothing
		if err := k.Machine().Secrets.Write(t.Context(), rotation.Place{}, e); err != nil {
			t.Fatal(err)
		}
		w.Advance(time.Hour)
		job := rotation.Job{Reason: rotation.ReasonResume, Slot: slot(w)}
		result, _ := k.Run(t.Context(), k.Setter(true), job)
		if result.Status != rotation.Done || result.Rotated || w.Current().Version != e.Version+1 {
			t.Errorf("%s: %+v, current is version %d", name, result, w.Current().Version)
		}
	}
}

func TestTheVerifierLogsInAsAProgramWouldAndAReadBackAsksAboutTheTarget(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		mode                 rotation.VerifyMode
		smtp, username, want string
	}{
		{rotation.VerifySMTP, "smtp-user", "user", "smtp-user"},
		{rotation.VerifySMTP, "", "user", "user"},
		{rotation.VerifySMTP, "", "", "alerts@example.com"},
		{rotation.VerifyProvider, "", "user", "alerts@example.com"},
	} {
		w, k := newWorker()
		s := k.Setter(true)
		s.Credential.Username = tt.username
		s.Credential.Verify.Mode, s.Credential.Verify.SMTP.Username = tt.mode, tt.smtp
		var asked string
		s.Verifier = answers(func(login string, _ secret.Value) (rotation.Verdict, error) {
			asked = login
			return rotation.Works, nil
		})
		if result, _ := k.Run(context.Background(), s, scheduled(w)); !result.Rotated || asked != tt.want {
			t.Errorf("%+v: got %+v, asked as %q", tt, result, asked)
		}
	}
}

// What a run learned must survive it, or a provider that is slow to spread a change is sent the password again by every
// run that the task's time cuts off.
func TestARunThatIsCutOffWhileItAsksRemembersTheAcceptance(t *testing.T) {
	t.Parallel()
	for name, cutOff := range map[string]func(w *rotationtest.World, cancel func()){
		"out of time": func(_ *rotationtest.World, cancel func()) { cancel() },
		"out of tokens": func(w *rotationtest.World, _ func()) {
			faultOnce(w, "limiter.take")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, k := newWorker()
			s := k.Setter(true)
			s.Credential.Verify.Mode = rotation.VerifyProvider
			ctx, cancel := context.WithCancel(context.Background())
			sent, live := 0, false
			w.Answer = func(c rotationtest.Call) *rotation.Error {
				if c.Op == "setter.set" {
					sent++
				}
				return nil
			}
			s.Verifier = answers(func(string, secret.Value) (rotation.Verdict, error) {
				if live {
					return rotation.Works, nil
				}
				cutOff(w, cancel)
				return rotation.Refused, nil
			})
			first, _ := k.Run(ctx, s, scheduled(w))
			rec := w.Journal()
			if last := rec.Last(); first.Rotated || last == nil || last.State != rotation.Accepted {
				t.Fatalf("got %+v, last candidate %+v", first, last)
			}
			live = true
			w.Advance(20 * time.Second)
			second, _ := k.Run(context.Background(), s, rotation.Job{Reason: rotation.ReasonResume})
			if !second.Rotated || sent != 1 {
				t.Errorf("got %+v after %d sends", second, sent)
			}
		})
	}
}

func TestWhatKeptTheVerifierFromAnsweringIsSaid(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	s := k.Setter(true)
	s.Verifier = answers(func(string, secret.Value) (rotation.Verdict, error) {
		return rotation.Unknown, errors.New("dial: connection refused")
	})
	err := k.Machine().Adopt(context.Background(), s, scheduled(w), rotation.Live{Password: rotationtest.Old})
	if !errors.Is(err, rotation.ErrNotAsked) || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("adopt: %v", err)
	}
	result := k.Machine().Check(context.Background(), s, rotation.Job{Reason: rotation.ReasonRecheck})
	if result.Err == nil || !strings.Contains(result.Err.Error(), "connection refused") {
		t.Errorf("check: %+v", result)
	}
}

// faultOnce makes the next call of op fail.
func faultOnce(w *rotationtest.World, op string) {
	failed := false
	w.Decide = func(c rotationtest.Call) rotationtest.Fault {
		if c.Op == op && !failed {
			failed = true
			return rotationtest.ErrorBefore
		}
		return rotationtest.None
	}
}

func TestAPromotionThatWasNotVerifiedIsTold(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	s := k.Setter(true)
	s.Credential.Verify.Propagation = 50 * time.Millisecond
	s.Verifier = answers(func(string, secret.Value) (rotation.Verdict, error) { return rotation.Refused, nil })
	result, _ := k.Run(t.Context(), s, scheduled(w))
	if current := w.Current(); !result.Rotated || current.Verified != rotation.VerifiedNo {
		t.Errorf("%+v, and current is %q", result, current.Verified)
	}
	if !slices.Equal(w.Noticed, []rotation.NoticeKind{rotation.NoticeUnverified}) {
		t.Errorf("a promotion that was not verified gives the notices %q", w.Noticed)
	}
}

// busy is a limiter whose line is long for what is not urgent.
type busy struct{ rotation.Limiter }

func (b busy) Take(ctx context.Context, account string, n int, urgent bool) (rotation.Turns, error) {
	if !urgent {
		return nil, &rotation.WaitError{After: 5 * time.Minute, Reason: "the provider asked for a pause"}
	}
	return b.Limiter.Take(ctx, account, n, urgent)
}

// A job that came back from a worker that died does not say that it resumes, and neither does a check.
func TestWhatIsOpenWaitsInNoLineWhicheverJobMeetsIt(t *testing.T) {
	t.Parallel()
	paused := func(_ int, u rotation.Urgency) error {
		if u == rotation.Resumed {
			return nil
		}
		return &rotation.WaitError{After: 5 * time.Minute, Reason: "the server is paused"}
	}
	for name, meet := range map[string]func(*rotation.Machine, rotation.Subject, rotation.Job) rotation.Result{
		"a job of its own": func(m *rotation.Machine, s rotation.Subject, job rotation.Job) rotation.Result {
			return m.Rotate(t.Context(), s, job)
		},
		"a check": func(m *rotation.Machine, s rotation.Subject, job rotation.Job) rotation.Result {
			return m.Check(t.Context(), s, job)
		},
	} {
		w, k := newWorker()
		s := k.Setter(true)
		job := scheduled(w)
		dieInTheCall(w, k, s)
		w.Advance(time.Minute)
		server, m := s.Verifier, k.Machine()
		s.Verifier = reserved{server, paused}
		if result := meet(m, s, job); !result.Rotated {
			t.Errorf("%s, and a mail server that is paused: %+v", name, result)
		}

		w, k = newWorker()
		s, job = k.Setter(true), scheduled(w)
		dieInTheCall(w, k, s)
		w.Advance(time.Minute)
		m = k.Machine()
		m.Limiter = busy{m.Limiter}
		if result := meet(m, s, job); !result.Rotated {
			t.Errorf("%s, and a provider with a backlog: %+v", name, result)
		}
	}
}

func TestWhatIsNotOpenWaitsInLine(t *testing.T) {
	t.Parallel()
	w, k := newWorker()
	m := k.Machine()
	m.Limiter = busy{m.Limiter}
	if result := m.Rotate(t.Context(), k.Setter(true), scheduled(w)); result.Status != rotation.Waiting || result.After != 5*time.Minute || w.Journal().Version != 0 {
		t.Errorf("%+v, and the journal is at version %d", result, w.Journal().Version)
	}
}
