package operate_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"keyturn/internal/operate"
	"keyturn/internal/queue"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// leaking is a stage whose current has leaked, and whose rotation ends after two seconds.
func leaking(t *testing.T, tries ...rotation.Verdict) *stage {
	t.Helper()
	s := newStage(t)
	s.current = rotation.Entry{Version: 7, Password: secret.New("leaked")}
	s.tries = tries
	s.cred.Verify.Propagation = time.Minute
	s.at(2*time.Second, func(s *stage) { promote(s.began)(s) })
	return s
}

func TestALeakedPasswordIsDeadWhenTheProviderWasSeenToRefuseIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		tries   []rotation.Verdict
		empty   bool
		outcome operate.Outcome
		good    bool
		why     string
		asked   int
	}{
		"refused":         {[]rotation.Verdict{rotation.Refused}, false, operate.Dead, true, "", 1},
		"refused at last": {[]rotation.Verdict{rotation.Works, rotation.Works, rotation.Refused}, false, operate.Dead, true, "", 3},
		"alive":           {[]rotation.Verdict{rotation.Works}, false, operate.Alive, false, "still logs in", 7},
		"not asked":       {[]rotation.Verdict{rotation.Unknown}, false, operate.Unchecked, false, "could not check", 1},
		"none to ask":     {nil, false, operate.Rotated, true, "no verifier", 1},
		"nothing to leak": {[]rotation.Verdict{rotation.Refused}, true, operate.Unchecked, false, "held none", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := leaking(t, c.tries...)
				if c.empty {
					s.current.Password = secret.Value{}
				}
				r, _ := followed()
				all, err := s.desk().Leaked(t.Context(), []string{"alerts"}, 0, r)
				if err != nil {
					t.Fatal(err)
				}
				if v := all[0]; v.Outcome != c.outcome || v.Good() != c.good || !strings.Contains(v.Why, c.why) || v.Seconds < 2 {
					t.Errorf("%+v", v)
				}
				if want := slices.Repeat([]int{7}, c.asked); !slices.Equal(s.tried, want) {
					t.Errorf("asked about versions %d, want %d: the leaked one is that of before", s.tried, want)
				}
			})
		})
	}
}

func TestALeakedPairIsRotatedTwiceWhateverBecomesOfTheCommand(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := leaking(t, rotation.Refused)
		s.cred.Pair = &rotation.Pair{Grace: 24 * time.Hour}
		s.at(10*time.Minute, func(s *stage) { promote(s.began.Add(time.Second))(s) })
		r, told := followed()
		all, err := s.desk().Leaked(t.Context(), []string{"alerts"}, 5*time.Minute, r)
		if err != nil || all[0].Outcome != operate.Open {
			t.Errorf("%+v (%v): the second rotation takes longer than the command waits", all, err)
		}
		if want := []string{"job rotate by ann@host insists", "job rotate by ann@host insists after 5m0s"}; !slices.Equal(s.acts, want) {
			t.Errorf("%q, want %q", s.acts, want)
		}
		alive := slices.IndexFunc(*told, func(v operate.Verdict) bool { return v.Outcome == operate.Alive })
		if alive < 0 || !(*told)[alive].Until.Equal(s.began.Add(5*time.Minute)) {
			t.Errorf("%+v: it has to say until when the leaked password logs in", *told)
		}
		if len(s.tried) > 0 {
			t.Error("a password that is alive by design was asked about")
		}
	})
}

func TestALeakedPairIsDeadAfterItsSecondRotation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := leaking(t, rotation.Refused)
		s.cred.Pair = &rotation.Pair{Grace: 24 * time.Hour}
		s.at(150*time.Second, func(s *stage) { promote(s.began.Add(2 * time.Minute))(s) })
		r, told := followed()
		all, err := s.desk().Leaked(t.Context(), []string{"alerts"}, 0, r)
		if v := all[0]; err != nil || v.Outcome != operate.Dead || !v.Asked.Equal(s.began) || v.Took() < 150*time.Second {
			t.Errorf("%+v (%v): it is counted from the first request", all, err)
		}
		alive := slices.IndexFunc(*told, func(v operate.Verdict) bool { return v.Outcome == operate.Alive })
		if alive < 0 || (*told)[alive].Until.Sub(s.began) < 2*time.Minute+2*time.Second {
			t.Errorf("%+v: the second rotation comes no sooner than the least interval after the first", *told)
		}
		if want := "job rotate by ann@host insists after 2m0s"; s.acts[1] != want {
			t.Errorf("%q, want %q: the least interval is the least grace", s.acts[1], want)
		}
	})
}

func TestALeakedIdentityIsRetiredOnlyWhenConsumersHaveAnother(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		state   rotation.State
		acts    []string
		outcome operate.Outcome
	}{
		"rotated":     {rotation.Closed, []string{"job rotate by ann@host insists", "job retire by ann@host insists"}, operate.Dead},
		"quarantined": {rotation.Quarantined, []string{"job rotate by ann@host insists"}, operate.Stopped},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := leaking(t, rotation.Refused)
				s.cred.Overlap = &rotation.Overlap{}
				s.at(2*time.Second, func(s *stage) { s.rec.State = c.state })
				s.at(5*time.Second, func(s *stage) {
					s.outcome[queue.KindRetire] = queue.Outcome{Slot: time.Now(), Status: "done", Final: true}
				})
				r, _ := followed()
				all, err := s.desk().Leaked(t.Context(), []string{"alerts"}, 0, r)
				if err != nil || all[0].Outcome != c.outcome || !slices.Equal(s.acts, c.acts) {
					t.Errorf("%+v (%v), %q, want %s and %q", all, err, s.acts, c.outcome, c.acts)
				}
			})
		})
	}
}

func TestALeakIsForACommandWithRightsInVault(t *testing.T) {
	t.Parallel()
	s := leaking(t)
	d := s.desk()
	d.Prover = nil
	if _, err := d.Leaked(t.Context(), []string{"alerts"}, 0, operate.Request{}); operate.KindOf(err) != operate.Unable {
		t.Errorf("%v", err)
	}
	if _, err := s.desk().Leaked(t.Context(), []string{"alerts", "none"}, 0, operate.Request{}); operate.KindOf(err) != operate.Absent || len(s.acts) > 0 {
		t.Errorf("%v, %q", err, s.acts)
	}
}

func TestTheProofOfALeakWaitsForItsTurnAtTheServer(t *testing.T) {
	t.Parallel()
	for turns, want := range map[int]operate.Outcome{1: operate.Dead, 9: operate.Unchecked} {
		synctest.Test(t, func(t *testing.T) {
			s := leaking(t, rotation.Refused)
			s.turns = turns
			r, _ := followed()
			all, err := s.desk().Leaked(t.Context(), []string{"alerts"}, 0, r)
			if err != nil || all[0].Outcome != want {
				t.Errorf("after %d waits of half a minute, with a minute of patience: %+v (%v), want %s", turns, all, err, want)
			}
		})
	}
}

func TestALeakThatVaultCannotTellIsReplacedAllTheSame(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := leaking(t, rotation.Refused)
		s.vault = errors.New("vault is sealed")
		s.at(2*time.Second, func(s *stage) {
			s.vault = nil
			s.outcome[queue.KindRotate] = queue.Outcome{Slot: s.began, Status: "done", Final: true, Rotated: true}
		})
		r, _ := followed()
		all, err := s.desk().Leaked(t.Context(), []string{"alerts"}, 0, r)
		if v := all[0]; err != nil || v.Outcome != operate.Unchecked || !strings.Contains(v.Why, "vault is sealed") || len(s.acts) != 1 {
			t.Errorf("%+v (%v), %q", all, err, s.acts)
		}
	})
}

func TestWhatGoesWrongWithOneLeakIsItsOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := leaking(t, rotation.Refused)
		s.busy = 1
		r, _ := followed()
		all, err := s.desk().Leaked(t.Context(), []string{"alerts", "alerts"}, 0, r)
		if err != nil || all[0].Outcome != operate.Failed || !strings.Contains(all[0].Why, "too many jobs") || all[1].Outcome != operate.Dead {
			t.Errorf("%+v (%v)", all, err)
		}
	})
}

func TestAPairWhoseTwoRotationsBecameOneIsRotatedOnceMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := leaking(t, rotation.Refused)
		s.cred.Pair = &rotation.Pair{Targets: [2]rotation.Access{{Target: "a"}, {Target: "b"}}}
		s.current.Target, s.later = "a", nil
		rotate := func(target string, slot time.Duration) func(*stage) {
			return func(s *stage) {
				promote(s.began.Add(slot))(s)
				s.current.Target = target
			}
		}
		s.at(130*time.Second, rotate("b", 2*time.Minute)) // the first one had to wait
		s.at(260*time.Second, rotate("a", 4*time.Minute))
		r, _ := followed()
		r.Wait = 5 * time.Minute
		all, err := s.desk().Leaked(t.Context(), []string{"alerts"}, 0, r)
		want := []string{"job rotate by ann@host insists", "job rotate by ann@host insists after 2m0s", "job rotate by ann@host insists"}
		if err != nil || all[0].Outcome != operate.Dead || !slices.Equal(s.acts, want) {
			t.Errorf("%+v (%v), %q, want %q", all, err, s.acts, want)
		}
	})
}
