package operate_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"keyturn/internal/due"
	"keyturn/internal/operate"
	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

func TestARotationIsFollowedThoughItsJobIsLost(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct {
		end     func(*stage)
		outcome operate.Outcome
		why     string
	}{
		"promoted by another run":    {promote(time.Time{}), operate.Rotated, ""},
		"quarantined by another run": {func(s *stage) { s.rec = rotation.Record{Version: 9, State: rotation.Quarantined, Why: "target: x"} }, operate.Stopped, "target: x"},
		"open all the time":          {func(s *stage) { s.rec = rotation.Record{Version: 9, State: rotation.Open, Owner: "w1/7"} }, operate.Open, "w1/7 has it since"},
		"promoted for an older slot": {promote(time.Unix(1, 0)), operate.Open, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				end := want.end
				if name == "promoted by another run" {
					end = promote(s.began)
				}
				s.at(6*time.Second, end)
				r, _ := followed()
				verdicts, err := s.desk().Rotate(t.Context(), []string{"alerts"}, r)
				if err != nil || len(verdicts) != 1 {
					t.Fatal(verdicts, err)
				}
				v := verdicts[0]
				if v.Outcome != want.outcome || !strings.HasPrefix(v.Why, want.why) || v.Ended() && v.Took() > 8*time.Second {
					t.Errorf("%+v", v)
				}
			})
		})
	}
}

// TestNothingWaitsWithoutAReason: each kind of wait says why, and until when where that is known.
func TestNothingWaitsWithoutAReason(t *testing.T) {
	t.Parallel()
	bare := func(status string) queue.Outcome {
		now := time.Now()
		return queue.Outcome{Slot: now, Status: status, Text: status, At: now, Until: now.Add(time.Hour)}
	}
	for name, want := range map[string]struct {
		set   func(*stage)
		why   string
		until time.Duration // 0: not known
	}{
		"not taken": {func(*stage) {}, "no worker has taken it yet: 7 urgent jobs of account mail wait and 2 run", 0},
		"rotated a moment ago": {func(s *stage) {
			s.current.RotatedAt = s.began
			s.outcome[queue.KindRotate] = bare("waiting")
		}, "rotated less than 2m0s ago: a late call", time.Hour},
		"the provider said why": {func(s *stage) {
			o := bare("failed")
			o.Text = "failed: tencent-ses UpdateEmailSmtpPassWord: in doubt: InternalError"
			s.outcome[queue.KindRotate] = o
		}, "failed: tencent-ses UpdateEmailSmtpPassWord: in doubt: InternalError", time.Hour},
		"breaker": {func(s *stage) {
			s.breaker = queue.BreakerState{Open: true, Cause: "failed: unauthorized", Next: s.began.Add(30 * time.Second)}
			s.outcome[queue.KindRotate] = bare(queue.StatusBlocked)
		}, "the account's breaker is open: failed: unauthorized", 30 * time.Second},
		"the provider asked to wait": {func(s *stage) {
			s.paused = s.began.Add(2 * time.Hour)
			s.outcome[queue.KindRotate] = bare("waiting")
		}, "the provider asked the account to wait", 2 * time.Hour},
		"the verifier is silent": {func(s *stage) {
			s.rec = rotation.Record{State: rotation.Open, Candidates: []rotation.Candidate{{State: rotation.Accepted}}}
			s.outcome[queue.KindRotate] = bare("waiting")
		}, "the provider accepted the password, and the verifier has not said that it works", time.Hour},
		"nothing says why": {func(s *stage) { s.outcome[queue.KindRotate] = bare("failed") }, "failed: the worker's log says why", time.Hour},
		"Vault is away": {func(s *stage) {
			s.vault = errors.New("sealed")
			s.outcome[queue.KindRotate] = bare("waiting")
		}, "waiting: the worker's log says why", time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				want.set(s)
				r, told := followed()
				verdicts, err := s.desk().Rotate(t.Context(), []string{"alerts"}, r)
				if err != nil {
					t.Fatal(err)
				}
				if n := len(*told); n != 2 { // asked, and why it waits: once
					t.Fatalf("told %d times: %+v", n, *told)
				}
				for _, v := range []operate.Verdict{(*told)[1], verdicts[0]} {
					if v.Outcome != operate.Open || !strings.HasPrefix(v.Why, want.why) {
						t.Errorf("%+v, want %q", v, want.why)
					}
					if known := v.Until != nil; known != (want.until > 0) || known && !v.Until.Equal(s.began.Add(want.until)) {
						t.Errorf("until %v, want %v after the request", v.Until, want.until)
					}
				}
			})
		})
	}
}

func TestACheckEndsWithAVerdict(t *testing.T) {
	t.Parallel()
	done := func(s *stage, verdict rotation.Verdict) {
		now := time.Now()
		s.check = due.Check{At: now, Verdict: verdict}
		s.outcome[queue.KindCheck] = queue.Outcome{Slot: s.began, Status: "done", Final: true, At: now}
	}
	for name, want := range map[string]struct {
		set     func(*stage)
		outcome operate.Outcome
		why     string
	}{
		"works":   {func(s *stage) { done(s, rotation.Works) }, operate.Works, ""},
		"refused": {func(s *stage) { done(s, rotation.Refused) }, operate.Open, "refused: the rotation that the check asked for has not ended"},
		"refused and rotated": {func(s *stage) {
			done(s, rotation.Refused)
			s.at(5*time.Second, promote(s.began.Add(2*time.Second)))
		}, operate.Rotated, ""},
		"verification is off": {func(s *stage) {
			s.cred.Verify.Mode = rotation.VerifyOff
			done(s, rotation.Works)
			s.check.At = s.began.Add(-time.Hour) // of an earlier one
		}, operate.Unchecked, "verification is off"},
		"in quarantine": {func(s *stage) {
			done(s, rotation.Works)
			s.check, s.rec = due.Check{}, rotation.Record{State: rotation.Quarantined, Why: "target: x"}
		}, operate.Unchecked, "it is in quarantine: target: x"},
		"nothing there": {func(s *stage) {
			done(s, rotation.Works)
			s.check = due.Check{}
		}, operate.Unchecked, "nothing is in Vault yet"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				s.at(2*time.Second, want.set)
				r, _ := followed()
				v, err := s.desk().Check(t.Context(), "alerts", r)
				if err != nil || v.Outcome != want.outcome || !strings.HasPrefix(v.Why, want.why) {
					t.Errorf("%+v, %v", v, err)
				}
			})
		})
	}
}

func TestARetryEndsWhenTheReleasedRotationDoes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.rec = rotation.Record{Version: 4, State: rotation.Quarantined, RotationID: "r1", Why: "target: x", Candidates: []rotation.Candidate{{Number: 1}}}
		s.at(3*time.Second, promote(time.Unix(1, 0))) // its slot is that of the journal
		r, _ := followed()
		v, err := s.desk().Retry(t.Context(), "alerts", r)
		if err != nil || v.Outcome != operate.Rotated || v.Took() > 5*time.Second {
			t.Errorf("%+v, %v", v, err)
		}
		if got := strings.Join(s.acts, ", "); got != "retry by ann@host, job rotate by ann@host" {
			t.Error(got)
		}
	})
}

func TestARetryThatEndsInQuarantineAgainSaysSo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.rec = rotation.Record{Version: 4, State: rotation.Quarantined, RotationID: "r1", Why: "target: x"}
		s.at(3*time.Second, func(s *stage) { s.rec = rotation.Record{Version: 7, State: rotation.Quarantined, Why: "target: y"} })
		r, _ := followed()
		v, err := s.desk().Retry(t.Context(), "alerts", r)
		if err != nil || v.Outcome != operate.Stopped || v.Why != "target: y" {
			t.Errorf("%+v, %v", v, err)
		}
	})
}

func TestARecoveryThatAWorkerGoesOnWithIsFollowed(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct {
		result  rotation.Result
		outcome operate.Outcome
	}{
		"rotated at once": {rotation.Result{Status: rotation.Done, Rotated: true}, operate.Rotated},
		"works already":   {rotation.Result{Status: rotation.Done}, operate.Works},
		"quarantined":     {rotation.Result{Status: rotation.Ended, Err: errors.New("quarantined: target: x")}, operate.Stopped},
		"a worker's turn": {rotation.Result{Status: rotation.Waiting, After: time.Second, Err: errors.New("not live yet")}, operate.Rotated},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				s.rec, s.result = rotation.Record{Version: 4, State: rotation.Quarantined, RotationID: "r0"}, want.result
				s.at(5*time.Second, promote(time.Unix(1, 0)))
				r, _ := followed()
				v, err := s.desk().Recover(t.Context(), "alerts", r)
				if err != nil || v.Outcome != want.outcome || v.Outcome == operate.Stopped && v.Why != "target: x" {
					t.Errorf("%+v, %v", v, err)
				}
			})
		})
	}
}
