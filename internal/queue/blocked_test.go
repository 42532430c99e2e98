package queue_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

const urgentRetry = "asynq:{" + account + ".now}:retry"

// blockMany has demands run into an open breaker that no demand may probe.
func blockMany(t *testing.T, r *rig, jobs int) {
	t.Helper()
	open(t, r)
	must(t, r.rdb.HSet(t.Context(), breakerKey, "last", time.Now().Add(time.Hour).UnixMilli(), "next", time.Now().Add(time.Hour).UnixMilli()).Err())
	for i := range jobs {
		_, err := r.client.Demand(t.Context(), account, queue.KindRotate, fmt.Sprintf("c-%d", i), rotation.Job{RequestedBy: "ops"})
		must(t, err)
	}
}

func TestDemandsBehindAnOpenBreakerRunOnceAndAreWokenWhenItCloses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const jobs = 300
	blockMany(t, r, jobs)
	p := &provider{r: r}
	p.works.Store(true)
	r.serve(t, rotate(p.handle))
	eventually(t, "all sleep", func() bool { d := urgent(t, r); return d.Retry == jobs && d.Pending+d.Active == 0 })
	if runs := r.jobs.count("blocked"); runs != jobs {
		t.Errorf("%d runs of %d demands", runs, jobs)
	}
	scores, err := r.rdb.ZRangeWithScores(t.Context(), urgentRetry, 0, -1).Result()
	must(t, err)
	first, last := time.Unix(int64(scores[0].Score), 0), time.Unix(int64(scores[jobs-1].Score), 0)
	if soon := time.Until(first); soon < 5*time.Minute {
		t.Errorf("the first comes back in %v though it was not woken", soon)
	}
	if spread := last.Sub(first); spread < 5*time.Minute {
		t.Errorf("all come back within %v", spread)
	}
	if n := p.calls.Load(); n != 0 {
		t.Errorf("%d calls", n)
	}

	must(t, r.rdb.HSet(t.Context(), breakerKey, "last", time.Now().Add(-time.Minute).UnixMilli()).Err())
	_, err = r.client.Demand(t.Context(), account, queue.KindRotate, "mended", rotation.Job{RequestedBy: "ops"})
	must(t, err)
	eventually(t, "all ran", func() bool { return r.jobs.count("done") == jobs+1 })
	if runs := r.jobs.count("blocked"); runs > jobs+1 {
		t.Errorf("%d runs were sent away", runs)
	}
	eventually(t, "nothing is left of it", func() bool { return r.rdb.Exists(t.Context(), "keyturn:{"+account+".now}:blocked").Val() == 0 })
}

// Who asks after the last refusal may have mended the key; who asked before it knows the answer.
func TestADemandProbesOnceAndThenWaitsForTheBreakersProbes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	open(t, r)
	must(t, r.rdb.HSet(t.Context(), breakerKey, "last", time.Now().Add(-time.Minute).UnixMilli(), "next", time.Now().Add(time.Hour).UnixMilli()).Err())
	p := &provider{r: r}
	r.serve(t, rotate(p.handle))
	_, err := r.client.Demand(t.Context(), account, queue.KindRotate, "a", rotation.Job{RequestedBy: "ops"})
	must(t, err)
	eventually(t, "it probes, and comes back", func() bool { return p.calls.Load() == 1 && r.jobs.count("blocked") == 1 })
	eventually(t, "it sleeps", func() bool { return urgent(t, r).Retry == 1 })
	scores := r.rdb.ZRangeWithScores(t.Context(), urgentRetry, 0, -1).Val()
	if soon := time.Until(time.Unix(int64(scores[0].Score), 0)); soon < 5*time.Minute {
		t.Errorf("it asks again in %v", soon)
	}
	must(t, r.rdb.HSet(t.Context(), breakerKey, "last", time.Now().Add(-6*time.Second).UnixMilli()).Err())
	_, err = r.client.Demand(t.Context(), account, queue.KindRotate, "b", rotation.Job{RequestedBy: "ops"})
	must(t, err)
	eventually(t, "another demand probes too", func() bool { return p.calls.Load() == 2 })
}

// A probe that a demand is due for comes though its task sleeps for longer.
func TestABreakerThatWasOpenedWhileTheClockWasAheadProbesAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	open(t, r)
	const ahead = 60 * 24 * time.Hour
	then := time.Now().Add(ahead).UnixMilli()
	must(t, r.rdb.HSet(t.Context(), breakerKey, "since", then, "refused", then, "last", then, "next", then).Err())
	must(t, r.rdb.PExpire(t.Context(), "asynq:{"+account+"}:paused", ahead).Err())
	must(t, slot(r, 0))
	p := &provider{r: r}
	p.works.Store(true)
	r.serve(t, rotate(p.handle))
	eventually(t, "the scheduled job ran", func() bool { return r.jobs.count("done") == 1 })
}

func TestASleepingDemandIsWokenForTheProbeThatIsDue(t *testing.T) {
	t.Parallel()
	for name, due := range map[string]string{"the breaker's own": "next", "one on demand": "early"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			const jobs = 20
			blockMany(t, r, jobs)
			p := &provider{r: r}
			r.serve(t, rotate(p.handle))
			eventually(t, "all sleep", func() bool { return urgent(t, r).Retry == jobs })
			must(t, r.rdb.HSet(t.Context(), breakerKey, due, 1, "last", 1).Err())
			eventually(t, "one probes", func() bool { return p.calls.Load() == 1 })
			eventually(t, "the others sleep on", func() bool { d := urgent(t, r); return d.Retry >= jobs-1 && d.Pending+d.Active == 0 })
			if n := p.calls.Load(); n != 1 {
				t.Errorf("%d calls", n)
			}
		})
	}
}

// The newest demand may know of a mended key.
func TestTheNewestDemandIsWokenForAProbe(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	blockMany(t, r, 10)
	asked := make(chan string, 10)
	r.serve(t, rotate(func(_ context.Context, job queue.Job) rotation.Result {
		asked <- job.Credential
		return rotation.Result{Status: rotation.Waiting, After: time.Hour, Err: refusal}
	}))
	eventually(t, "all sleep", func() bool { return urgent(t, r).Retry == 10 })
	must(t, r.rdb.HSet(t.Context(), breakerKey, "next", 1, "last", 1).Err())
	if id := next(t, "a probe", asked); id != "c-9" {
		t.Errorf("%s was woken", id)
	}
}

// asynq tells the second at which a task comes back by its machine's clock, which may be any.
func TestATaskComesBackByTheClockThatAllShare(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{time.Minute, -time.Hour} { // a lease that is far ahead of Redis's clock, housekeeping ends
		r := newRig(t)
		r.serve(t, rotate(func(context.Context, queue.Job) rotation.Result {
			return rotation.Result{Status: rotation.Waiting, After: 10 * time.Minute}
		}), func(s *queue.Server) { s.Now = func() time.Time { return time.Now().Add(ahead) } })
		must(t, r.client.Enqueue(t.Context(), account, "a", time.Time{}, rotation.ReasonResume, true))
		var scores []redis.Z
		eventually(t, "it sleeps or ran again", func() bool {
			scores = r.rdb.ZRangeWithScores(t.Context(), urgentRetry, 0, -1).Val()
			return len(scores) == 1 || r.jobs.count("waiting") > 1
		})
		if len(scores) == 0 {
			continue // by the clock that is shared it was due
		}
		if off := time.Until(time.Unix(int64(scores[0].Score), 0)) - ahead - 10*time.Minute; off.Abs() > 30*time.Second {
			t.Errorf("a machine whose clock is %v behind is %v off", ahead, off)
		}
	}
}

func TestTheBreakersOfManyAccountsAreOneRoundTrip(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	open(t, r)
	asked := &readings{}
	r.rdb.AddHook(asked)
	states, err := r.breaker.States(t.Context(), []string{"mail-0", account, "mail-2"})
	must(t, err)
	if len(states) != 3 || states[0].Open || !states[1].Open || states[2].Open {
		t.Errorf("%+v", states)
	}
	if n := asked.trips.Load(); n != 1 {
		t.Errorf("%d round trips", n)
	}
}
