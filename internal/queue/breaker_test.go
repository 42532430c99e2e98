package queue_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

var refusal = &rotation.Error{
	Kind: rotation.Unauthorized, Provider: "tencent-ses", Op: "UpdateEmailSmtpPassWord", Code: "AuthFailure", RequestID: "req-1",
	Err: errors.New("canary-77e0"),
}

const (
	breakerKey = "keyturn:{" + account + "}:breaker"
	pausedKey  = "asynq:{" + account + "}:paused"
)

// provider is a handler whose management key works or does not.
type provider struct {
	r     *rig
	works atomic.Bool
	calls atomic.Int64
}

func (p *provider) handle(ctx context.Context, job queue.Job) rotation.Result {
	p.calls.Add(1)
	if p.works.Load() {
		return rotation.Result{Status: rotation.Done, Rotated: true}
	}
	if err := p.r.breaker.Block(ctx, job.Account, refusal); err != nil {
		return rotation.Result{Status: rotation.Failed, Err: err}
	}
	return rotation.Result{Status: rotation.Waiting, After: time.Second, Err: refusal}
}

func TestManyCredentialsOfARefusedAccountMakeFewCallsAndOneAlert(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const jobs = 300
	for i := range jobs {
		must(t, r.client.Enqueue(t.Context(), account, fmt.Sprintf("c-%d", i), time.Now(), rotation.ReasonScheduled, false))
	}
	p := &provider{r: r}
	r.serve(t, rotate(p.handle))
	eventually(t, "the breaker is open", func() bool { return state(t, r).Open })
	var scheduled queue.Depth
	eventually(t, "what ran when it opened has ended", func() bool {
		depths, err := r.client.Depths(t.Context(), account)
		must(t, err)
		scheduled = depths[1]
		return scheduled.Active == 0
	})
	if n := p.calls.Load(); n > 2+4 { // two to open it, and what ran at once
		t.Errorf("%d calls", n)
	}
	seen := r.seen()
	if len(seen) != 1 || !seen[0].Open || !strings.Contains(seen[0].Cause, "AuthFailure") || strings.Contains(seen[0].Cause, "canary") {
		t.Errorf("transitions: %+v", seen)
	}
	if scheduled.Pending < jobs-2*(2+4) {
		t.Errorf("the queue was not paused: %+v", scheduled)
	}
}

func TestOneRefusalDoesNotOpenTheBreaker(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	must(t, r.breaker.Block(t.Context(), account, refusal))
	p := &provider{r: r}
	p.works.Store(true)
	r.serve(t, rotate(p.handle))
	must(t, r.client.Enqueue(t.Context(), account, "a", time.Now(), rotation.ReasonScheduled, false))
	eventually(t, "the job is done", func() bool { return r.jobs.count("done") == 1 })
	// A success clears the suspicion: the next refusal is a first one again.
	must(t, r.breaker.Block(t.Context(), account, refusal))
	if state(t, r).Open || len(r.seen()) != 0 {
		t.Error("it opened")
	}
}

func TestAProbeThatSucceedsClosesTheBreakerAndOneThatFailsWaitsLonger(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	open(t, r)
	if pause := r.rdb.PTTL(t.Context(), pausedKey).Val(); pause <= 0 || pause > 30*time.Second {
		t.Errorf("the queue is paused for %v: it must lift itself", pause)
	}
	p := &provider{r: r}
	r.serve(t, rotate(p.handle))
	for i := range 3 {
		must(t, r.client.Enqueue(t.Context(), account, fmt.Sprintf("c-%d", i), time.Now(), rotation.ReasonScheduled, false))
	}
	probeNow(t, r)
	eventually(t, "one probe was made", func() bool { return p.calls.Load() == 1 && state(t, r).Next.After(time.Now()) })
	var times struct {
		Last int64 `redis:"last"`
		Next int64 `redis:"next"`
	}
	must(t, r.rdb.HMGet(t.Context(), breakerKey, "last", "next").Scan(&times))
	if wait := times.Next - times.Last; wait != time.Minute.Milliseconds() {
		t.Errorf("the next probe is %d ms after this one, want a minute", wait)
	}
	p.works.Store(true)
	probeNow(t, r)
	_, err := r.client.Demand(t.Context(), account, queue.KindRotate, "fresh", rotation.Job{})
	must(t, err)
	eventually(t, "it is closed and everything runs", func() bool { return r.jobs.count("done") == 4 && !state(t, r).Open })
	if seen := r.seen(); len(seen) != 2 || seen[1].Open || !strings.Contains(seen[1].Cause, "AuthFailure") {
		t.Errorf("transitions: %+v", seen)
	}
	if r.rdb.Exists(t.Context(), pausedKey).Val() != 0 {
		t.Error("the queue is still paused")
	}
}

func TestADemandProbesAnOpenBreakerSoon(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	open(t, r)
	// However long this test takes, the last probe was just now.
	must(t, r.rdb.HSet(t.Context(), breakerKey, "last", time.Now().Add(time.Hour).UnixMilli()).Err())
	p := &provider{r: r}
	p.works.Store(true)
	r.serve(t, rotate(p.handle))
	slot, err := r.client.Demand(t.Context(), account, queue.KindRotate, "a", rotation.Job{RequestedBy: "ops"})
	must(t, err)
	eventually(t, "a caller that waits is told", func() bool {
		o, err := r.client.Outcome(t.Context(), account, queue.KindRotate, "a")
		must(t, err)
		return o.Status == "blocked" && !o.Final && o.Slot.Equal(slot)
	})
	must(t, r.rdb.HSet(t.Context(), breakerKey, "last", time.Now().Add(-6*time.Second).UnixMilli()).Err())
	_, err = r.client.Demand(t.Context(), account, queue.KindRotate, "a", rotation.Job{RequestedBy: "ops"})
	must(t, err)
	eventually(t, "the demand closed it", func() bool { return !state(t, r).Open })
}

// Workers take several jobs at once, and only one of them is the probe.
func TestAJobTakenBesideAProbeGoesOnWhenTheProbeHasEnded(t *testing.T) {
	t.Parallel()
	for name, probe := range map[string]rotation.Result{
		"the key works":  {Status: rotation.Done, Rotated: true},
		"it did not ask": {Status: rotation.Done}, // its slot was served
	} {
		for _, urgent := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, urgent %t", name, urgent), func(t *testing.T) {
				t.Parallel()
				r := newRig(t)
				open(t, r)
				// The next probe would be in 10 minutes, which no test waits for.
				must(t, r.rdb.HSet(t.Context(), breakerKey, "probes", 9).Err())
				probeNow(t, r)
				ran, end := make(chan string, 8), make(chan struct{})
				r.serve(t, rotate(func(_ context.Context, job queue.Job) rotation.Result {
					ran <- job.Credential
					<-end
					return probe
				}))
				for _, id := range []string{"a", "b"} {
					must(t, r.client.Enqueue(t.Context(), account, id, time.Now(), rotation.ReasonResume, urgent))
				}
				next(t, "the probe", ran)
				must(t, r.rdb.Del(t.Context(), pausedKey).Err()) // as if the other job had been taken before the probe paused the queue
				eventually(t, "the other job is held back", func() bool { return r.jobs.count("blocked") > 0 })
				close(end)
				next(t, "the job beside the probe", ran)
				if state(t, r).Open == probe.Rotated {
					t.Errorf("open: %t", !probe.Rotated)
				}
			})
		}
	}
}

func TestAPauseLiftedByHandIsSetAgainWhileTheBreakerIsOpen(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	open(t, r)
	must(t, r.rdb.Del(t.Context(), pausedKey).Err())
	must(t, r.client.Enqueue(t.Context(), account, "a", time.Now(), rotation.ReasonScheduled, false))
	p := &provider{r: r}
	r.serve(t, rotate(p.handle))
	eventually(t, "a job was held back", func() bool { return r.jobs.count("blocked") > 0 })
	if ttl := r.rdb.PTTL(t.Context(), pausedKey).Val(); ttl <= 0 {
		t.Errorf("the queue is paused for %v", ttl)
	}
	if n := p.calls.Load(); n != 0 {
		t.Errorf("%d calls", n)
	}
}

func TestAPauseThatAPersonSetIsLeftAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	must(t, r.rdb.Set(t.Context(), pausedKey, "1", 0).Err())
	open(t, r)
	if ttl := r.rdb.TTL(t.Context(), pausedKey).Val(); ttl > 0 {
		t.Errorf("it would lapse in %v", ttl)
	}
	must(t, r.rdb.HSet(t.Context(), breakerKey, "next", 1).Err())
	must(t, r.client.Enqueue(t.Context(), account, "a", time.Now(), rotation.ReasonResume, true))
	r.serve(t, rotate(done))
	eventually(t, "a probe closes the breaker", func() bool { return !state(t, r).Open })
	if value := r.rdb.Get(t.Context(), pausedKey).Val(); value != "1" {
		t.Errorf("the pause is %q now", value)
	}
}

// A busy worker does not ask for every job, and yet soon stops for what another worker was told.
func TestAClosedBreakerIsTakenForClosedForAMomentOnly(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	other := queue.NewBreaker(r.rdb, func(context.Context, queue.Transition) {})
	var passed atomic.Int64 // since the test began, for the worker
	start := time.Now()
	asked := &admissions{}
	r.rdb.AddHook(asked)
	r.serve(t, rotate(done), func(s *queue.Server) {
		s.Now = func() time.Time { return start.Add(time.Duration(passed.Load())) }
	})
	const jobs = 20
	for i := range jobs {
		_, err := r.client.Demand(t.Context(), account, queue.KindRotate, fmt.Sprintf("c-%d", i), rotation.Job{RequestedBy: "ops"})
		must(t, err)
	}
	eventually(t, "all ran", func() bool { return r.jobs.count("done") == jobs })
	if n := asked.n.Load(); n > 2*4 { // as many as run at once, and again where Redis does not know the script yet
		t.Errorf("%d jobs within a moment asked %d times", jobs, n)
	}
	for range 2 {
		must(t, other.Block(t.Context(), account, refusal))
	}
	passed.Store(int64(100 * time.Millisecond))
	_, err := r.client.Demand(t.Context(), account, queue.KindRotate, "late", rotation.Job{RequestedBy: "ops"})
	must(t, err)
	eventually(t, "a later job is held back", func() bool { return r.jobs.count("blocked") > 0 })
}

// admissions counts how often a worker asked whether a job may run.
type admissions struct{ n atomic.Int64 }

func (a *admissions) DialHook(next redis.DialHook) redis.DialHook { return next }

func (a *admissions) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if slices.Contains(cmd.Args(), any("admit")) {
			a.n.Add(1)
		}
		return next(ctx, cmd)
	}
}

func (a *admissions) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// open opens the account's breaker.
func open(t *testing.T, r *rig) {
	t.Helper()
	for range 2 {
		must(t, r.breaker.Block(t.Context(), account, refusal))
	}
	if !state(t, r).Open {
		t.Fatal("two refusals did not open it")
	}
}

// probeNow ends the wait for the next probe, as time does.
func probeNow(t *testing.T, r *rig) {
	t.Helper()
	_, err := r.rdb.TxPipelined(t.Context(), func(p redis.Pipeliner) error {
		p.HSet(t.Context(), breakerKey, "next", 1)
		p.Del(t.Context(), pausedKey)
		return nil
	})
	must(t, err)
}

func state(t *testing.T, r *rig) queue.BreakerState {
	t.Helper()
	s, err := r.breaker.State(t.Context(), account)
	must(t, err)
	return s
}
