package queue_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

// A doorbell that is lost with Redis's data, or never written, costs seconds.
func TestAJobWithoutARingIsFoundByTheSweep(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.serve(t, rotate(done), hurry(50*time.Millisecond, 200*time.Millisecond))
	good := []byte(`{"v":1,"credential":"a","reason":"scheduled"}`)
	for n := range 3 {
		inject(t, r, asynq.NewTask("rotate", good))
		eventually(t, "it ran", func() bool { return r.jobs.count("done") == n+1 })
		must(t, r.admin.FlushAll(t.Context()).Err())
	}
}

func TestADoorbellThatCannotBeReadIsToldAndCostsNoJob(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	must(t, r.admin.Set(t.Context(), "keyturn:doorbell", "not a stream", 0).Err())
	var server *queue.Server
	r.serve(t, rotate(done), hurry(50*time.Millisecond, noSweep), func(s *queue.Server) { server = s })
	eventually(t, "it is told", func() bool {
		err := server.Ready()
		return err != nil && strings.Contains(err.Error(), "doorbell: WRONGTYPE")
	})
	_, err := r.client.Demand(t.Context(), account, queue.KindRotate, "a", rotation.Job{})
	must(t, err)
	eventually(t, "the job ran", func() bool { return r.jobs.count("done") == 1 })
	must(t, r.admin.Del(t.Context(), "keyturn:doorbell").Err())
	eventually(t, "it is ready", func() bool { return server.Ready() == nil })
}

func TestAnAccountThatCannotBeLookedAtIsToldAndHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const broken = "asynq:{" + account + "}:retry"
	must(t, r.admin.Set(t.Context(), broken, "not a sorted set", 0).Err())
	var server *queue.Server
	r.serveAccounts(t, rotate(done), []string{account, "mail-2"}, hurry(50*time.Millisecond, noSweep), func(s *queue.Server) { server = s })
	eventually(t, "it is told", func() bool {
		err := server.Ready()
		return err != nil && strings.Contains(err.Error(), "queues of "+account+": WRONGTYPE")
	})
	for _, name := range []string{account, "mail-2"} {
		must(t, r.client.Enqueue(t.Context(), name, "a", time.Now(), rotation.ReasonScheduled, false))
	}
	eventually(t, "the other account's job ran", func() bool { return r.jobs.count("done") == 1 })
	must(t, r.admin.Del(t.Context(), broken).Err())
	eventually(t, "so did its own, and it is ready", func() bool { return r.jobs.count("done") == 2 && server.Ready() == nil })
}

func TestEveryWayToAskForAJobIsHeard(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ran := make(chan queue.Kind, 1)
	r.serve(t, rotate(func(_ context.Context, job queue.Job) rotation.Result {
		ran <- job.Kind
		if job.Credential == "sleeps" {
			return rotation.Result{Status: rotation.Waiting, After: time.Hour}
		}
		return rotation.Result{Status: rotation.Done}
	}), hurry(50*time.Millisecond, noSweep))
	now, err := r.client.Now(t.Context())
	must(t, err)
	ctx, later := t.Context(), func(_ time.Time, err error) error { return err }
	for name, ask := range map[string]func() error{
		"scheduled": func() error { return r.client.Enqueue(ctx, account, "a", now, rotation.ReasonScheduled, false) },
		"check":     func() error { return r.client.EnqueueCheck(ctx, account, "a", now) },
		"contacts":  func() error { return r.client.EnqueueContacts(ctx, account, "a", now) },
		"follow-up": func() error { return r.client.Ask(ctx, account, "a", rotation.ReasonDrift, 0) },
		"demand":    func() error { return later(r.client.Demand(ctx, account, queue.KindRotate, "a", rotation.Job{})) },
		"later": func() error {
			return later(r.client.DemandLater(ctx, account, queue.KindCheck, "a", rotation.Job{}, 1))
		},
	} {
		must(t, ask())
		next(t, "the run of "+name, ran)
		idle(t, r)
	}
	resume := func() error {
		return r.client.Enqueue(ctx, account, "sleeps", time.Time{}, rotation.ReasonResume, true)
	}
	for range 2 { // the second one wakes the task of the first
		must(t, resume())
		next(t, "the run of a resume", ran)
		idle(t, r)
	}
	_, err = r.client.Unpause(ctx, account)
	must(t, err)
	next(t, "the run of what a pause held back", ran)
}

// After a failover, or an emptied Redis whose clock is behind, new rings come before those that were heard last.
func TestRingsAreHeardAgainThoughTheyBeganAnew(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const bell = "keyturn:doorbell"
	future := strconv.FormatInt(time.Now().Add(time.Hour).UnixMilli(), 10) + "-0"
	must(t, r.admin.XAdd(t.Context(), &redis.XAddArgs{Stream: bell, ID: future, Values: []any{"account", account}}).Err())
	heard := &readings{}
	r.rdb.AddHook(heard)
	r.serve(t, rotate(done), hurry(50*time.Millisecond, 200*time.Millisecond))
	eventually(t, "it listens for what comes after the last ring", func() bool { return heard.from.Load() == future })
	must(t, r.admin.Del(t.Context(), bell).Err())
	_, err := r.client.Demand(t.Context(), account, queue.KindRotate, "a", rotation.Job{})
	must(t, err)
	eventually(t, "it listens from the beginning", func() bool { return heard.from.Load() != future })
	eventually(t, "the job ran", func() bool { return r.jobs.count("done") == 1 })
}

func TestIdleAccountsAreNotAskedAbout(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var names []string
	for i := range 50 {
		names = append(names, fmt.Sprintf("mail-%d", i))
	}
	heard := &readings{}
	r.rdb.AddHook(heard)
	r.serveAccounts(t, rotate(done), names, hurry(50*time.Millisecond, noSweep))
	eventually(t, "it listens, and has looked at all", func() bool { return heard.n.Load() > 1 && heard.swept.Load() })
	others := heard.others.Load()
	if most := int64(2*len(names) + 10); others > most {
		t.Errorf("%d commands to look at %d idle accounts, want %d at most", others, len(names), most)
	}
	eventually(t, "it listens on", func() bool { return heard.n.Load() > 5 })
	if n := heard.others.Load() - others; n != 0 {
		t.Errorf("%d commands beside it", n)
	}
}

// readings counts how often a worker read the doorbell and looked at an account, what it sent beside the readings, and in
// how many round trips.
type readings struct {
	n, looks, others, trips atomic.Int64
	swept                   atomic.Bool
	from                    atomic.Value // the entry after which was read last
}

func (*readings) DialHook(next redis.DialHook) redis.DialHook { return next }

func (r *readings) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		switch args := cmd.Args(); cmd.Name() {
		case "xread":
			r.from.Store(args[len(args)-1])
			r.n.Add(1)
		case "hello":
		default:
			r.others.Add(1)
			r.trips.Add(1)
		}
		return next(ctx, cmd)
	}
}

func (r *readings) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		r.others.Add(int64(len(cmds)))
		r.trips.Add(1)
		err := next(ctx, cmds)
		switch cmds[0].Name() {
		case "llen":
			r.looks.Add(1)
		case "exists":
			r.swept.Store(true)
		}
		return err
	}
}

func TestEveryWorkerHearsTheDoorbell(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var at atomic.Int64
	release := make(chan struct{})
	handle := rotate(func(context.Context, queue.Job) rotation.Result {
		at.Add(1)
		select {
		case <-release:
		case <-t.Context().Done(): // it has failed
		}
		return rotation.Result{Status: rotation.Done}
	})
	const workers = 3
	for range workers {
		var server *queue.Server
		r.serve(t, handle, hurry(50*time.Millisecond, noSweep), func(s *queue.Server) { server = s })
		eventually(t, "its first sweep is over, and only the doorbell tells it of work", func() bool { return server.Swept() })
	}
	for i := range workers * 4 { // each takes four at once
		must(t, r.client.Enqueue(t.Context(), account, fmt.Sprintf("c-%d", i), time.Now(), rotation.ReasonScheduled, false))
	}
	eventually(t, "all take part", func() bool { return at.Load() == workers*4 })
	close(release)
	eventually(t, "all have ended", func() bool { return r.empty(t) })
}

// What one worker wakes may be too much for it alone.
func TestOthersHelpWithWhatOneWorkerWakes(t *testing.T) {
	t.Parallel()
	redisServer := devenvtest.Redis(t)
	r, other := rigOn(t, asKeyturn(redisServer)), rigOn(t, asKeyturn(redisServer))
	const jobs = 8
	for i := range jobs {
		must(t, r.client.Ask(t.Context(), account, fmt.Sprintf("c-%d", i), rotation.ReasonRecheck, time.Hour))
	}
	var at atomic.Int64
	release := make(chan struct{})
	handle := rotate(func(context.Context, queue.Job) rotation.Result {
		at.Add(1)
		select {
		case <-release:
		case <-t.Context().Done(): // it has failed
		}
		return rotation.Result{Status: rotation.Done}
	})
	r.serve(t, handle, hurry(time.Minute, noSweep))
	_, err := r.client.Demand(t.Context(), account, queue.KindRotate, "first", rotation.Job{})
	must(t, err)
	eventually(t, "one worker serves", func() bool { return at.Load() == 1 && len(servers(t, r)) == 1 })
	heard := &readings{}
	other.rdb.AddHook(heard)
	other.serve(t, handle, hurry(time.Minute, noSweep))
	t.Cleanup(func() { close(release) }) // before they are stopped
	eventually(t, "another one finds nothing to do", func() bool { return heard.looks.Load() > 0 && heard.n.Load() > 1 })
	const scheduled = "asynq:{" + account + ".now}:scheduled"
	ids, err := r.rdb.ZRange(t.Context(), scheduled, 0, -1).Result()
	must(t, err)
	for _, id := range ids {
		must(t, r.rdb.ZAddXX(t.Context(), scheduled, redis.Z{Score: 1, Member: id}).Err())
	}
	eventually(t, "both have in hand all that they can", func() bool { return at.Load() == 8 })
}

// What waits behind a breaker is much, and each worker has stopped serving the account.
func TestEveryWorkerHearsOfABreakerThatCloses(t *testing.T) {
	t.Parallel()
	redisServer := devenvtest.Redis(t)
	r, other := rigOn(t, asKeyturn(redisServer)), rigOn(t, asKeyturn(redisServer))
	open(t, r)
	later := time.Now().Add(time.Hour)
	must(t, r.rdb.HSet(t.Context(), breakerKey, "last", time.Now().Add(-time.Minute).UnixMilli(), "next", later.UnixMilli()).Err())
	must(t, r.rdb.PExpireAt(t.Context(), pausedKey, later).Err())
	for i := range 8 {
		must(t, r.client.Enqueue(t.Context(), account, fmt.Sprintf("c-%d", i), time.Now(), rotation.ReasonScheduled, false))
	}
	var at atomic.Int64
	started, mended, release := make(chan struct{}), make(chan struct{}), make(chan struct{})
	handle := rotate(func(_ context.Context, job queue.Job) rotation.Result {
		if job.Reason == rotation.ReasonDemand {
			close(started)
			<-mended
		} else {
			at.Add(1)
			<-release
		}
		return rotation.Result{Status: rotation.Done, Rotated: true}
	})
	r.serve(t, handle, hurry(time.Minute, noSweep))
	_, err := r.client.Demand(t.Context(), account, queue.KindRotate, "a", rotation.Job{RequestedBy: "ops"})
	must(t, err)
	next(t, "the probe", started)
	heard := &readings{}
	other.rdb.AddHook(heard)
	other.serve(t, handle, hurry(time.Minute, noSweep))
	t.Cleanup(func() { close(release) }) // before they are stopped
	eventually(t, "another worker finds nothing to do", func() bool { return heard.looks.Load() > 0 && heard.n.Load() > 1 })
	close(mended)
	eventually(t, "both have in hand all that they can", func() bool { return at.Load() == 8 })
}
