package queue_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

func TestAMalformedJobEndsReportedAndUnread(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const canary = "canary-3d41"
	good := `{"v":1,"credential":"a","reason":"scheduled"}`
	future := fmt.Sprintf(`{"v":1,"credential":"a","reason":"scheduled","slot":%q}`, time.Now().Add(time.Hour).Format(time.RFC3339))
	tasks := []*asynq.Task{
		asynq.NewTask("rotate", []byte(canary)),
		asynq.NewTask("rotate", nil),
		asynq.NewTask("rotate", []byte(strings.Replace(good, `"a"`, `"a","password":"`+canary+`"`, 1))),
		asynq.NewTask("rotate", []byte(future)),
		asynq.NewTask("rm -rf "+canary, []byte(good)),
		asynq.NewTask("abandon", []byte(good)), // no program of version 1 knew it
	}
	for _, task := range tasks {
		inject(t, r, task)
	}
	r.serve(t, rotate(func(context.Context, queue.Job) rotation.Result {
		t.Error("a handler was called")
		return rotation.Result{Status: rotation.Done}
	}))
	eventually(t, "all have ended", func() bool { return r.jobs.count("malformed")+r.jobs.count("done") == len(tasks) && r.empty(t) })
	if logs := r.logs.String(); strings.Contains(logs, canary) || strings.Count(logs, "was not written by keyturn") != len(tasks) {
		t.Errorf("logs: %s", logs)
	}
	if strings.Contains(r.dump(t), "archived") {
		t.Error("a task was archived")
	}
}

func TestAJobOfANewerProgramIsPutBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	inject(t, r, asynq.NewTask("rotate", []byte(`{"v":99,"credential":{"id":"a"}}`)), asynq.MaxRetry(0x7fffffff))
	r.serve(t, rotate(done))
	eventually(t, "it waits", func() bool {
		depths, err := r.client.Depths(t.Context(), account)
		must(t, err)
		return r.jobs.count("newer") == 1 && depths[1].Retry == 1
	})
}

func TestAnUnknownCredentialIsTriedForTenMinutesThenReported(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	stop := r.serve(t, rotate(func(context.Context, queue.Job) rotation.Result {
		return rotation.Result{Status: rotation.Failed, Err: fmt.Errorf("a: %w", queue.ErrUnknown)}
	}))
	_, err := r.client.Demand(t.Context(), account, queue.KindRotate, "a", rotation.Job{})
	must(t, err)
	eventually(t, "it waits", func() bool { return r.jobs.count("unknown") == 1 && urgent(t, r).Retry == 1 })
	since := "keyturn:{" + account + "}:unknown:a"
	if ttl := r.rdb.PTTL(t.Context(), since).Val(); ttl < 10*time.Minute {
		t.Errorf("forgotten after %v", ttl)
	}
	must(t, r.rdb.Set(t.Context(), since, time.Now().Add(-10*time.Minute).UnixMilli(), time.Minute).Err())
	_, err = r.client.Demand(t.Context(), account, queue.KindRotate, "a", rotation.Job{})
	must(t, err)
	eventually(t, "it has ended", func() bool { return r.empty(t) })
	must(t, stop())
	if !strings.Contains(r.logs.String(), "not in the configuration: dropped") {
		t.Error("not reported")
	}
	o, err := r.client.Outcome(t.Context(), account, queue.KindRotate, "a")
	must(t, err)
	if !o.Final || o.Status != "unknown" {
		t.Errorf("outcome %+v", o)
	}
}

func TestNoCauseReachesRedisAndNoPanicsValueTheLog(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const canary, panicked = "canary-b806", "canary-in-panic"
	r.serve(t, rotate(func(_ context.Context, job queue.Job) rotation.Result {
		cause := fmt.Errorf("the cause: %s", canary)
		switch job.Credential {
		case "panics":
			panic(panicked)
		case "fails":
			return rotation.Result{Status: rotation.Failed, Err: &rotation.Error{Provider: "enom", Code: "500", Err: cause}}
		case "waits":
			return rotation.Result{Status: rotation.Waiting, After: time.Hour, Err: cause}
		default:
			return rotation.Result{Status: rotation.Ended, Err: cause}
		}
	}))
	for _, id := range []string{"panics", "fails", "waits", "ends"} {
		_, err := r.client.Demand(t.Context(), account, queue.KindRotate, id, rotation.Job{})
		must(t, err)
	}
	eventually(t, "all have run", func() bool {
		return r.jobs.count("panic") > 0 && r.jobs.count("failed") > 0 && r.jobs.count("waiting") > 0 && r.jobs.count("quarantined") > 0
	})
	if dump := r.dump(t); strings.Contains(dump, canary) || strings.Contains(dump, panicked) {
		t.Error("a canary is in Redis")
	}
	logs := r.logs.String()
	if strings.Contains(logs, panicked) {
		t.Error("the panic's value is in the log")
	}
	if !strings.Contains(logs, "the cause: "+canary) {
		t.Error("the log does not say why the job failed")
	}
	if !strings.Contains(logs, "a job panicked") || !strings.Contains(logs, "hostile_test.go") {
		t.Error("the panic is not reported with its place")
	}
}

func TestOutcomesOfManyComeInTheirOrder(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.serve(t, rotate(done))
	slot, err := r.client.Demand(t.Context(), account, queue.KindRotate, "b", rotation.Job{})
	must(t, err)
	creds := []*rotation.Credential{{ID: "a", Account: account}, {ID: "b", Account: account}, {ID: "b", Account: "other"}}
	eventually(t, "the outcome is noted", func() bool {
		all, err := r.client.Outcomes(t.Context(), queue.KindRotate, creds)
		must(t, err)
		return len(all) == 3 && all[0] == (queue.Outcome{}) && all[1].Slot.Equal(slot) && all[1].Final && all[2] == (queue.Outcome{})
	})
}

func TestAnOutcomeIsKeptForTheSlotThatWasAskedFor(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	release := make(chan struct{})
	started := make(chan time.Time, 2)
	var first time.Time
	r.serve(t, rotate(func(_ context.Context, job queue.Job) rotation.Result {
		started <- job.Slot
		if job.Slot.Equal(first) {
			<-release
			return rotation.Result{Status: rotation.Waiting, After: time.Hour}
		}
		return rotation.Result{Status: rotation.Done, Rotated: true}
	}))
	if o, err := r.client.Outcome(t.Context(), account, queue.KindRotate, "a"); err != nil || o != (queue.Outcome{}) {
		t.Errorf("before any run: %+v, %v", o, err)
	}
	now, err := r.client.Now(t.Context())
	must(t, err)
	first = now
	inject(t, r, asynq.NewTask("rotate", fmt.Appendf(nil, `{"v":1,"credential":"a","reason":"on demand","slot":%q}`, now.Format(time.RFC3339Nano))))
	next(t, "the first run", started)
	slot, err := r.client.Demand(t.Context(), account, queue.KindRotate, "a", rotation.Job{})
	must(t, err)
	next(t, "the second run", started)
	served := func() bool {
		o, err := r.client.Outcome(t.Context(), account, queue.KindRotate, "a")
		must(t, err)
		return o.Final && o.Rotated && o.Status == "done" && o.Slot.Equal(slot)
	}
	eventually(t, "the second outcome", served)
	close(release)
	eventually(t, "the older run has ended", func() bool { return r.jobs.count("waiting") == 1 })
	if !served() {
		t.Error("an older job's outcome replaced a newer one's")
	}
}

// inject enqueues what keyturn would not.
func inject(t *testing.T, r *rig, task *asynq.Task, opts ...asynq.Option) {
	t.Helper()
	_, err := asynq.NewClientFromRedisClient(r.rdb).Enqueue(task, append(opts, asynq.Queue(account))...)
	must(t, err)
}

func TestARefusedContactVerificationIsNotCountedAsAQuarantine(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.serve(t, rotate(func(context.Context, queue.Job) rotation.Result {
		return rotation.Result{Status: rotation.Ended, Err: errors.New("the request itself is wrong")}
	}))
	slot, err := r.client.Now(t.Context())
	must(t, err)
	must(t, r.client.EnqueueContacts(t.Context(), account, "owners", slot))
	eventually(t, "the job has ended", func() bool { return r.jobs.count("refused") == 1 })
	if n := r.jobs.count("quarantined"); n > 0 {
		t.Errorf("%d quarantines of a job that rotates nothing", n)
	}
}
