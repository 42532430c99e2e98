package queue_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

// blind is an Observer that notes nothing.
type blind struct{}

func (blind) Called(*rotation.Credential, string, error, time.Duration)      {}
func (blind) Verified(*rotation.Credential, rotation.Verdict, time.Duration) {}
func (blind) Exposed(*rotation.Credential, time.Duration)                    {}
func (blind) LostGeneration(*rotation.Credential)                            {}

func TestWhateverShowsThatTheKeyWorksClosesTheBreaker(t *testing.T) {
	t.Parallel()
	refused := func(kind rotation.Kind) error { return &rotation.Error{Kind: kind} }
	mail := &rotation.Credential{ID: "a", Account: account, Verify: &rotation.Verification{Mode: rotation.VerifySMTP}}
	readBack := &rotation.Credential{ID: "a", Account: account, Verify: &rotation.Verification{Mode: rotation.VerifyProvider}}
	asked := func(see func(queue.Witness)) func(*rig) {
		return func(r *rig) { see(queue.Witness{Observer: blind{}, Breaker: r.breaker}) }
	}
	called := func(err error) func(*rig) {
		return asked(func(w queue.Witness) { w.Called(mail, "set", err, 0) })
	}
	for name, c := range map[string]struct {
		job    func(*rig) error
		during func(*rig)
		closes bool
	}{
		"an accepted call":                  {check, called(nil), true},
		"a rule":                            {check, called(refused(rotation.Rejected)), true},
		"a repeated password":               {check, called(refused(rotation.Repeat)), true},
		"an unknown target":                 {check, called(refused(rotation.Target)), true},
		"a lost reply":                      {check, called(errors.New("reset")), false},
		"a rate limit":                      {check, called(refused(rotation.RateLimited)), false},
		"a refused key":                     {check, called(refused(rotation.Unauthorized)), false},
		"a read-back that worked":           {check, asked(func(w queue.Witness) { w.Verified(readBack, rotation.Works, 0) }), true},
		"a read-back that refused":          {check, asked(func(w queue.Witness) { w.Verified(readBack, rotation.Refused, 0) }), true},
		"a read-back without an answer":     {check, asked(func(w queue.Witness) { w.Verified(readBack, rotation.Unknown, 0) }), false},
		"a login at a mail server":          {check, asked(func(w queue.Witness) { w.Verified(mail, rotation.Works, 0) }), false},
		"a newer slot that is served":       {func(r *rig) error { return slot(r, time.Minute) }, func(*rig) {}, true},
		"a slot from before that is served": {func(r *rig) error { return slot(r, -time.Minute) }, func(*rig) {}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			open(t, r)
			// As if it had been open for long, and as if the next probe were far.
			must(t, r.rdb.HSet(t.Context(), breakerKey, "refused", time.Now().Add(-2*time.Minute).UnixMilli(), "probes", 9).Err())
			if name == "a slot from before that is served" {
				must(t, r.rdb.HSet(t.Context(), breakerKey, "refused", time.Now().UnixMilli()).Err())
			}
			probeNow(t, r)
			must(t, c.job(r))
			r.serve(t, rotate(func(context.Context, queue.Job) rotation.Result {
				c.during(r)
				return rotation.Result{Status: rotation.Done}
			}))
			eventually(t, "the job ran", func() bool { return r.jobs.count("done") == 1 })
			if state(t, r).Open == c.closes {
				t.Errorf("open: %t", !c.closes)
			}
			if n := len(r.seen()); c.closes && n != 2 {
				t.Errorf("%d transitions", n)
			}
		})
	}
}

func check(r *rig) error {
	return r.client.EnqueueCheck(context.Background(), account, "a", time.Now())
}

// slot asks for a rotation of a slot that is so far from a minute ago.
func slot(r *rig, off time.Duration) error {
	return r.client.Enqueue(context.Background(), account, "a", time.Now().Add(off-time.Minute), rotation.ReasonScheduled, false)
}
