package queue_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

// Servers that come and go with the work. Where a test has no sweep, what it shows is not the sweep's doing.

const noSweep = time.Hour

// hurry has servers stop soon, and all accounts looked at so often after the start.
func hurry(idle, sweep time.Duration) func(*queue.Server) {
	return func(s *queue.Server) { s.Hurry(idle, sweep) }
}

// servers are the queues of asynq's servers, as they say themselves.
func servers(t *testing.T, r *rig) []string {
	t.Helper()
	infos, err := asynq.NewInspectorFromRedisClient(r.rdb).Servers()
	must(t, err)
	var queues []string
	for _, info := range infos {
		for name := range info.Queues {
			if !strings.HasSuffix(name, ".now") {
				queues = append(queues, name)
			}
		}
	}
	return queues
}

func idle(t *testing.T, r *rig) {
	t.Helper()
	eventually(t, "nothing is served", func() bool { return len(servers(t, r)) == 0 })
}

func TestAnAccountHasAServerOnlyWhileThereIsWork(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	started, release := make(chan struct{}, 4), make(chan struct{})
	var server *queue.Server
	r.serveAccounts(t, rotate(func(context.Context, queue.Job) rotation.Result {
		started <- struct{}{}
		<-release
		return rotation.Result{Status: rotation.Done}
	}), []string{"mail-0", account, "mail-2"}, hurry(100*time.Millisecond, noSweep), func(s *queue.Server) { server = s })
	for range 2 { // a server that has stopped is never started again: another one is made
		must(t, r.client.Enqueue(t.Context(), account, "a", time.Now(), rotation.ReasonScheduled, false))
		next(t, "the run", started)
		eventually(t, "one account has a server", func() bool { return fmt.Sprint(servers(t, r)) == "["+account+"]" })
		if n := server.Serving(); n != 1 {
			t.Errorf("it says that it serves %d accounts", n)
		}
		release <- struct{}{}
		idle(t, r)
		eventually(t, "it says so", func() bool { return server.Serving() == 0 })
	}
}

func TestWhatWaitsWhenAWorkerStartsIsServed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	must(t, r.client.Enqueue(t.Context(), account, "a", time.Now(), rotation.ReasonScheduled, false))
	_, err := r.client.Demand(t.Context(), "mail-2", queue.KindRotate, "b", rotation.Job{})
	must(t, err)
	r.serveAccounts(t, rotate(done), []string{account, "mail-2"}, hurry(time.Second, noSweep))
	eventually(t, "both ran", func() bool { return r.jobs.count("done") == 2 })
}

// The dangerous moment is between a server's last look at its queues and its end.
func TestAJobThatComesWhileItsServerStopsIsNotLost(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ran := make(chan string, 1)
	r.serve(t, rotate(func(_ context.Context, job queue.Job) rotation.Result {
		ran <- job.Credential
		return rotation.Result{Status: rotation.Done}
	}), hurry(time.Millisecond, noSweep))
	// Servers stop at their tick of a second, so that some of these pauses end while one does.
	const jobs = 60
	for i := range jobs {
		id := fmt.Sprintf("c-%d", i)
		must(t, r.client.Enqueue(t.Context(), account, id, time.Now(), rotation.ReasonScheduled, i%2 == 0))
		if got := next(t, "the run of "+id, ran); got != id {
			t.Fatalf("%s ran in place of %s", got, id)
		}
		pause := time.NewTimer(950*time.Millisecond + time.Duration(i)*3*time.Millisecond)
		if i%4 == 0 { // the other jobs come while the server lives
			<-pause.C
		}
	}
	eventually(t, "all have ended", func() bool { return r.empty(t) && r.jobs.count("done") == jobs })
}

func TestAServerThatStopsTakesNoTask(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ran, looked := make(chan string, 2), make(chan struct{})
	var server *queue.Server
	look := &afterLook{do: func() bool {
		if server.Serving() == 0 {
			return false
		}
		defer close(looked)
		must(t, r.client.Enqueue(t.Context(), account, "late", time.Now(), rotation.ReasonScheduled, false))
		select {
		case <-ran: // the test waits for it only later
			t.Error("it took a task after its last look")
			ran <- "late"
		case <-time.After(10 * 50 * time.Millisecond): // ten times as long as it lets its queues alone
		}
		return true
	}}
	r.serve(t, rotate(func(_ context.Context, job queue.Job) rotation.Result {
		ran <- job.Credential
		return rotation.Result{Status: rotation.Done}
	}), hurry(50*time.Millisecond, noSweep), func(s *queue.Server) { server = s })
	must(t, r.client.Enqueue(t.Context(), account, "first", time.Now(), rotation.ReasonScheduled, false))
	next(t, "the first run", ran)
	r.rdb.AddHook(look)
	<-looked
	if id := next(t, "the run of what came late", ran); id != "late" {
		t.Errorf("%s ran", id)
	}
}

// afterLook does something once after a worker has looked at an account: do says whether that was it.
type afterLook struct {
	do   func() bool
	done atomic.Bool
}

func (*afterLook) DialHook(next redis.DialHook) redis.DialHook { return next }

func (*afterLook) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (a *afterLook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := next(ctx, cmds)
		if cmds[0].Name() == "llen" && !a.done.Load() {
			a.done.Store(a.do())
		}
		return err
	}
}

func TestAServerWithARunInHandDoesNotStop(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	runs, release := make(chan context.Context, 1), make(chan struct{})
	r.serveAccounts(t, rotate(func(ctx context.Context, job queue.Job) rotation.Result {
		if job.Account == account {
			runs <- ctx
			<-release
		}
		return rotation.Result{Status: rotation.Done}
	}), []string{account, "mail-2"}, hurry(10*time.Millisecond, noSweep))
	must(t, r.client.Enqueue(t.Context(), account, "a", time.Now(), rotation.ReasonScheduled, false))
	ctx := next(t, "the run", runs)
	for range 2 { // the server of another account begins and stops meanwhile
		must(t, r.client.Enqueue(t.Context(), "mail-2", "a", time.Now(), rotation.ReasonScheduled, false))
		eventually(t, "both are served", func() bool { return len(servers(t, r)) == 2 })
		eventually(t, "the idle one is not", func() bool { return fmt.Sprint(servers(t, r)) == "["+account+"]" })
	}
	if ctx.Err() != nil {
		t.Error("its context ended")
	}
	close(release)
	eventually(t, "it is done", func() bool { return r.jobs.count("done") == 3 && r.empty(t) })
	idle(t, r)
}

func TestWhatFallsDueWithoutAServerStartsOne(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var runs atomic.Int64
	r.serve(t, rotate(func(_ context.Context, job queue.Job) rotation.Result {
		if job.Credential == "a" && runs.Add(1) == 1 {
			return rotation.Result{Status: rotation.Waiting, After: 4 * time.Second}
		}
		return rotation.Result{Status: rotation.Done}
	}), hurry(50*time.Millisecond, noSweep))
	// The one sweep, at the start, must not be what sees it.
	must(t, r.client.Enqueue(t.Context(), account, "before", time.Now(), rotation.ReasonScheduled, false))
	eventually(t, "the start is over", func() bool { return r.jobs.count("done") == 1 && len(servers(t, r)) == 0 })
	must(t, r.client.Ask(t.Context(), account, "a", rotation.ReasonRecheck, 3*time.Second))
	if d := urgent(t, r); d.Scheduled != 1 || len(servers(t, r)) != 0 {
		t.Errorf("%+v, served: %v", d, servers(t, r))
	}
	eventually(t, "it ran and comes back", func() bool { return urgent(t, r).Retry == 1 })
	eventually(t, "nothing is served meanwhile", func() bool { return len(servers(t, r)) == 0 && urgent(t, r).Retry == 1 })
	eventually(t, "it ran again", func() bool { return runs.Load() == 2 && r.empty(t) })
}

// asynq's recoverer lives in its servers.
func TestALeaseThatLapsesWithoutAServerStartsOne(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	must(t, r.client.Enqueue(t.Context(), account, "a", time.Now(), rotation.ReasonScheduled, false))
	activate(t, r, "a", time.Now().Add(-27*time.Second)) // it is recovered half a minute after its end
	r.serve(t, rotate(done), hurry(50*time.Millisecond, noSweep))
	eventually(t, "it ran", func() bool { return r.jobs.count("done") == 1 })
	idle(t, r)
}

func TestAProbeThatIsDueWithoutAServerStartsOne(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	blockMany(t, r, 3)
	p := &provider{r: r}
	p.works.Store(true)
	stop := r.serve(t, rotate(p.handle), hurry(50*time.Millisecond, noSweep))
	eventually(t, "all sleep and nothing is served", func() bool { return urgent(t, r).Retry == 3 && len(servers(t, r)) == 0 })
	must(t, stop())
	must(t, r.rdb.HSet(t.Context(), breakerKey, "last", 1, "next", time.Now().Add(3*time.Second).UnixMilli()).Err())
	r.serve(t, rotate(p.handle), hurry(50*time.Millisecond, noSweep))
	eventually(t, "a probe closes the breaker and all run", func() bool { return r.jobs.count("done") == 3 && !state(t, r).Open })
}

// A breaker's pause ends by itself, and what waits behind it is the next probe.
func TestAPauseOfTheBreakerThatEndsStartsAServer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	open(t, r)
	must(t, r.client.Enqueue(t.Context(), account, "a", time.Now(), rotation.ReasonScheduled, false))
	must(t, r.rdb.HSet(t.Context(), breakerKey, "next", time.Now().Add(3*time.Second).UnixMilli()).Err())
	must(t, r.rdb.PExpire(t.Context(), pausedKey, 3*time.Second).Err())
	r.serve(t, rotate(done), hurry(50*time.Millisecond, noSweep))
	eventually(t, "the probe closes it", func() bool { return r.jobs.count("done") == 1 && !state(t, r).Open })
}

func TestAQueueThatAPersonPausedNeedsNoServerAndIsServedWhenThatIsLifted(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	must(t, r.rdb.Set(t.Context(), pausedKey, "1760000000", 0).Err())
	must(t, r.client.Enqueue(t.Context(), account, "a", time.Now(), rotation.ReasonScheduled, false))
	var server *queue.Server
	r.serve(t, rotate(done), hurry(50*time.Millisecond, noSweep), func(s *queue.Server) { server = s })
	eventually(t, "it is told", func() bool {
		err := server.Paused(t.Context())
		return err != nil && strings.Contains(err.Error(), "queue "+account+":")
	})
	if n := server.Serving(); n != 0 {
		t.Errorf("%d accounts are served", n)
	}
	_, err := r.client.Unpause(t.Context(), account)
	must(t, err)
	eventually(t, "it ran", func() bool { return r.jobs.count("done") == 1 })
	must(t, server.Paused(t.Context()))
}
