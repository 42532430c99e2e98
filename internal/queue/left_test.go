package queue_test

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/queue"
	"keyturn/internal/redisx"
	"keyturn/internal/rotation"
)

// taking counts how often Redis is asked for a task and nothing else.
type taking struct{ n atomic.Int64 }

func (*taking) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (c *taking) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if args := cmd.Args(); len(args) > 3 && strings.HasPrefix(cmd.Name(), "eval") {
			if key, _ := args[3].(string); strings.HasSuffix(key, ":pending") {
				c.n.Add(1)
			}
		}
		return next(ctx, cmd)
	}
}

func (*taking) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// inTurn is a handler whose runs each last until they are released.
func inTurn() (h rotate, started chan string, release chan struct{}) {
	started, release = make(chan string, 64), make(chan struct{})
	return func(_ context.Context, job queue.Job) rotation.Result {
		started <- job.Credential + " " + string(job.Reason)
		<-release
		return rotation.Result{Status: rotation.Done, Rotated: true}
	}, started, release
}

func TestTheEndOfATaskBringsTheNextAndWhatIsUrgentFirst(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, id := range strings.Fields("a b c d e f g h i j k l") {
		must(t, r.client.Enqueue(t.Context(), account, id, time.Now(), rotation.ReasonScheduled, false))
	}
	asked := &taking{}
	r.rdb.AddHook(asked)
	h, started, release := inTurn()
	r.serve(t, h)
	for range 4 { // as many as run at once
		next(t, "a run", started)
	}
	_, err := r.client.Demand(t.Context(), account, queue.KindRotate, "z", rotation.Job{})
	must(t, err)
	// A script that Redis did not know yet is told with the first of these.
	before := asked.n.Load()
	release <- struct{}{}
	if got := next(t, "the next run", started); got != "z "+string(rotation.ReasonDemand) {
		t.Errorf("%q runs before what is urgent", got)
	}
	for range 8 {
		release <- struct{}{}
		next(t, "the next run", started)
	}
	if n := asked.n.Load() - before; n > 1 {
		t.Errorf("Redis was asked %d times for 9 tasks, of which each came with the end of the one before", n)
	}
	close(release)
	eventually(t, "all have ended", func() bool { return r.empty(t) })
}

func TestWhatARunLeftIsWrittenBeforeItsTaskEnds(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	there := make(chan *redis.IntCmd, 1)
	r.serve(t, rotate(func(ctx context.Context, _ queue.Job) rotation.Result {
		redisx.TailOf(ctx).Leave("test", func(ctx context.Context, p redis.Pipeliner) {
			there <- p.Exists(ctx, "asynq:{"+account+"}:t:a")
		})
		return rotation.Result{Status: rotation.Done}
	}))
	must(t, r.client.Enqueue(t.Context(), account, "a", time.Now(), rotation.ReasonScheduled, false))
	cmd := next(t, "what was left", there)
	eventually(t, "the task has ended", func() bool { return r.empty(t) })
	if cmd.Val() != 1 {
		t.Error("the task had ended before")
	}
}

func TestWhatARunLeftIsWrittenThoughItsTaskComesBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.serve(t, rotate(func(ctx context.Context, _ queue.Job) rotation.Result {
		redisx.TailOf(ctx).Leave("test", func(ctx context.Context, p redis.Pipeliner) { p.Set(ctx, "keyturn:test", "1", 0) })
		return rotation.Result{Status: rotation.Waiting, After: time.Hour}
	}))
	must(t, r.client.Enqueue(t.Context(), account, "a", time.Now(), rotation.ReasonScheduled, false))
	eventually(t, "it is written", func() bool { return r.admin.Exists(t.Context(), "keyturn:test").Val() == 1 })
}

func TestARedisWithoutMemoryRefusesWhatARunLeftAndLetsItsTaskEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.serve(t, rotate(func(ctx context.Context, _ queue.Job) rotation.Result {
		redisx.TailOf(ctx).Leave("settle a", func(ctx context.Context, p redis.Pipeliner) { p.Set(ctx, "keyturn:test", "1", 0) })
		must(t, r.admin.ConfigSet(ctx, "maxmemory", "1").Err())
		return rotation.Result{Status: rotation.Done}
	}))
	must(t, r.client.Enqueue(t.Context(), account, "a", time.Now(), rotation.ReasonScheduled, false))
	eventually(t, "the task has ended", func() bool { return r.jobs.count("done") == 1 && r.empty(t) })
	must(t, r.admin.ConfigSet(t.Context(), "maxmemory", "0").Err())
	if log := r.logs.String(); !strings.Contains(log, "what follows a rotation is late") || !strings.Contains(log, "settle a: ") {
		t.Error("no log says that it is late")
	}
	if r.admin.Exists(t.Context(), "keyturn:test").Val() != 0 {
		t.Error("it was written")
	}
}
