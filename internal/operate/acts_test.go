package operate_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"keyturn/internal/operate"
	"keyturn/internal/queue"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// withoutVault is a desk of a process that has no rights in Vault: a worker does what needs them.
func (s *stage) withoutVault() *operate.Desk {
	d := s.desk()
	d.Truth, d.Adopter, d.Acts = nil, nil, operate.Jobs{Queue: s}
	return d
}

type act struct {
	kind queue.Kind
	do   func(*operate.Desk, context.Context, string, operate.Request) (operate.Verdict, error)
	good operate.Outcome // where it was done and nothing was rotated
}

var acts = []act{
	{queue.KindRelease, (*operate.Desk).Release, operate.Released},
	{queue.KindRetry, (*operate.Desk).Retry, operate.Served},
	{queue.KindRecover, (*operate.Desk).Recover, operate.Works},
	{queue.KindAbandon, (*operate.Desk).Abandon, operate.Abandoned},
}

func TestAnActOfAWorkerEndsAsItsOutcomeSays(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		outcome queue.Outcome // at 2 s; its slot is the request's
		want    func(act) operate.Outcome
		why     string
	}{
		"done":        {queue.Outcome{Status: "done", Final: true}, func(a act) operate.Outcome { return a.good }, ""},
		"rotated":     {queue.Outcome{Status: "done", Final: true, Rotated: true}, func(act) operate.Outcome { return operate.Rotated }, ""},
		"quarantined": {queue.Outcome{Status: "quarantined", Final: true}, func(act) operate.Outcome { return operate.Stopped }, ""},
		"given up":    {queue.Outcome{Status: "unknown", Text: "failed: not in the configuration", Final: true}, func(act) operate.Outcome { return operate.Failed }, "unknown: failed: not in"},
		"not yet":     {queue.Outcome{Status: "waiting", Text: "waiting: not live yet"}, func(act) operate.Outcome { return operate.Open }, "waiting: not live yet"},
		"not taken":   {queue.Outcome{}, func(act) operate.Outcome { return operate.Open }, "no worker has taken it yet"},
	} {
		for _, a := range acts {
			t.Run(name+" "+string(a.kind), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					s := newStage(t)
					s.at(2*time.Second, func(s *stage) {
						o := test.outcome
						if o.Slot, o.At = s.began, time.Now(); o.Status != "" {
							s.outcome[a.kind] = o
						}
					})
					r, told := followed()
					v, err := a.do(s.withoutVault(), t.Context(), "alerts", r)
					if err != nil || v.Outcome != test.want(a) || !strings.HasPrefix(v.Why, test.why) {
						t.Errorf("%+v, %v", v, err)
					}
					if v.Ended() && v.Took() > 3*time.Second {
						t.Errorf("took %s", v.Took())
					}
					if first := (*told)[0]; first.Outcome != operate.Asked || strings.Join(s.acts, ", ") != "job "+string(a.kind)+" by ann@host" {
						t.Errorf("%+v: %v", first, s.acts)
					}
				})
			})
		}
	}
}

func TestAnActThatACredentialDoesNotAllowIsAConflictWhereverItIsDone(t *testing.T) {
	t.Parallel()
	for _, cause := range []error{rotation.ErrNotQuarantined, rotation.ErrNothingOpen, queue.ErrOvertaken} {
		for _, a := range acts {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				s.outcome[a.kind] = queue.Outcome{Slot: s.began, Status: queue.StatusRefused, Text: cause.Error(), Final: true, At: s.began}
				r, _ := followed()
				_, err := a.do(s.withoutVault(), t.Context(), "alerts", r)
				if operate.KindOf(err) != operate.Conflict || err.Error() != "alerts: "+cause.Error() {
					t.Errorf("%s: %v", a.kind, err)
				}
			})
		}
	}
	s := newStage(t)
	_, err := s.desk().Release(t.Context(), "alerts", operate.Request{})
	if operate.KindOf(err) != operate.Conflict || !errors.Is(err, rotation.ErrNotQuarantined) {
		t.Errorf("in this process: %v", err)
	}
	s.result = rotation.Result{Status: rotation.Failed, Err: rotation.ErrNotLive}
	if _, err := s.desk().Adopt(t.Context(), "alerts", rotation.Live{Password: secret.New("p")}, operate.Request{}); operate.KindOf(err) != operate.Conflict {
		t.Errorf("adopt: %v", err)
	}
	s.result.Err = errors.New("sealed")
	if _, err := s.desk().Abandon(t.Context(), "alerts", operate.Request{}); err == nil || operate.KindOf(err) != operate.Beneath {
		t.Errorf("Vault is away: %v", err)
	}
}

func TestAnActThatIsNotWaitedForIsAskedFor(t *testing.T) {
	t.Parallel()
	for _, a := range acts {
		s := newStage(t)
		if v, err := a.do(s.withoutVault(), t.Context(), "alerts", operate.Request{By: "ann@host"}); err != nil || v.Outcome != operate.Asked {
			t.Errorf("%s: %+v, %v", a.kind, v, err)
		}
		if _, err := a.do(s.withoutVault(), t.Context(), "unlisted", operate.Request{}); operate.KindOf(err) != operate.Absent {
			t.Errorf("%s: %v", a.kind, err)
		}
	}
}

func TestWhatTakesRightsInVaultSaysSo(t *testing.T) {
	t.Parallel()
	d := newStage(t).withoutVault()
	_, explained := d.Explain(t.Context(), "alerts")
	_, shown := d.Status(t.Context(), operate.Query{}, nil, nil)
	_, counted := d.AbandonCosts(t.Context(), "alerts")
	_, adopted := d.Adopt(t.Context(), "alerts", rotation.Live{Password: secret.New("p")}, operate.Request{})
	for name, err := range map[string]error{"explain": explained, "status": shown, "the costs of abandon": counted, "adopt": adopted} {
		if operate.KindOf(err) != operate.Unable {
			t.Errorf("%s: %v", name, err)
		}
	}
}
