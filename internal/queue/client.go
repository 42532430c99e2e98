package queue

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"keyturn/internal/rotation"
	"keyturn/internal/tracing"
)

// Client enqueues jobs. Safe for concurrent use.
type Client struct {
	rdb     redis.UniversalClient
	tasks   *asynq.Client
	inspect *asynq.Inspector
}

// NewClient makes a client on a connection that Dial made; the caller closes that.
func NewClient(rdb redis.UniversalClient) *Client {
	return &Client{
		rdb:     rdb,
		tasks:   asynq.NewClientFromRedisClient(rdb),
		inspect: asynq.NewInspectorFromRedisClient(rdb),
	}
}

// ErrBusy is a credential that has too many jobs of one kind already.
var ErrBusy = errors.New("too many jobs of this credential wait already")

// Now is the time by Redis's clock, to the millisecond. Slots come from here, never from a caller's clock.
func (c *Client) Now(ctx context.Context) (time.Time, error) {
	t, err := c.rdb.Time(ctx).Result()
	if err != nil {
		return time.Time{}, fmt.Errorf("ask redis for the time: %w", err)
	}
	return t.UTC().Truncate(time.Millisecond), nil
}

// Enqueue asks for a job, on the urgent queue with now. A job of the same kind and credential that is on that queue
// already serves this wish too: that is success.
func (c *Client) Enqueue(ctx context.Context, account, id string, slot time.Time, reason rotation.Reason, now bool) error {
	queue := account
	if now {
		queue = nowQueue(account)
	}
	return c.once(ctx, account, queue, kindOf(reason), id, rotation.Job{Slot: slot, Reason: reason})
}

// EnqueueCheck asks for a check that is due, like Enqueue.
func (c *Client) EnqueueCheck(ctx context.Context, account, id string, slot time.Time) error {
	return c.once(ctx, account, account, KindCheck, id, rotation.Job{Slot: slot, Reason: rotation.ReasonScheduled})
}

// EnqueueContacts asks for a contact verification that is due, like Enqueue. The id names its entry in the
// configuration.
func (c *Client) EnqueueContacts(ctx context.Context, account, id string, slot time.Time) error {
	return c.once(ctx, account, account, KindContacts, id, rotation.Job{Slot: slot, Reason: rotation.ReasonScheduled})
}

// EnqueueTell asks for a delivery from an outbox, like Enqueue. With wake, one that sleeps after a failure runs now.
func (c *Client) EnqueueTell(ctx context.Context, sink, subject string, wake bool) error {
	job := rotation.Job{Reason: rotation.ReasonScheduled}
	if wake {
		job.Reason = rotation.ReasonResume
	}
	return c.once(ctx, sink, sink, KindTell, subject, job)
}

// Demand asks for a job at once, for a person: of job only who asks counts, and whether they insist. It returns the slot to
// follow with Outcome. The wish is never swallowed by an older task, whether that one runs or sleeps.
func (c *Client) Demand(ctx context.Context, account string, kind Kind, id string, job rotation.Job) (time.Time, error) {
	slot, err := c.Now(ctx)
	if err != nil {
		return time.Time{}, err
	}
	queue := nowQueue(account)
	job.Slot, job.Reason = slot, rotation.ReasonDemand
	n, err := c.putUrgent(ctx, account, kind, id, job, 0)
	if err != nil {
		return time.Time{}, err
	}
	ring(ctx, c.rdb, account)
	// Now that the newer wish stands, the older demands that only wait are served by it. What a run asked for is not: a
	// check that waits for a late call asks after it, and this one before.
	c.dropDemands(ctx, queue, kind, id, n, job.Force)
	return slot, nil
}

// DemandLater asks for a job after a delay, like Demand. Its slot is when it is due: no rotation that was asked for before serves
// it, and no demand takes it out of the queue before its time.
func (c *Client) DemandLater(ctx context.Context, account string, kind Kind, id string, job rotation.Job, after time.Duration) (time.Time, error) {
	now, err := c.Now(ctx)
	if err != nil {
		return time.Time{}, err
	}
	job.Slot, job.Reason = now.Add(after), rotation.ReasonDemand
	return job.Slot, c.putLater(ctx, account, kind, id, job, after, now)
}

// putLater is putUrgent for a time after now, by Redis's clock: asynq reckons with its machine's, in whole seconds. It rings
// so that workers note the time.
func (c *Client) putLater(ctx context.Context, account string, kind Kind, id string, job rotation.Job, after time.Duration, now time.Time) error {
	n, err := c.putUrgent(ctx, account, kind, id, job, after)
	if err != nil {
		return err
	}
	if after <= 0 {
		ring(ctx, c.rdb, account)
		return nil
	}
	pipe := c.rdb.Pipeline()
	due := redis.Z{Score: wholeSecond(now.Add(after)), Member: taskID(kind, id, n)}
	put := pipe.ZAddXX(ctx, engineKey(nowQueue(account), "scheduled"), due)
	ring(ctx, pipe, account)
	_, _ = pipe.Exec(ctx) // a ring that fails is no error
	return put.Err()
}

// once enqueues a task unless one of the same wish waits already. One that runs does not count: it may be a dead
// worker's, whose task asynq gives back only after a minute or two, and nothing is lost if it is not, because a second
// run waits for the first one's hold and then finds its slot served.
func (c *Client) once(ctx context.Context, account, queue string, kind Kind, id string, job rotation.Job) error {
	for n := range maxTwins {
		err := c.put(ctx, account, queue, kind, id, n, job, 0)
		if err == nil {
			ring(ctx, c.rdb, account)
		}
		if !errors.Is(err, asynq.ErrTaskIDConflict) {
			return err
		}
		task, err := c.inspect.GetTaskInfo(queue, taskID(kind, id, n))
		if err != nil || task.State == asynq.TaskStateActive {
			continue
		}
		if job.Reason != rotation.ReasonResume || task.State == asynq.TaskStatePending || c.wake(ctx, account, task) {
			return nil
		}
	}
	return nil
}

// wake has a task that sleeps after a failure or a wait run now, for a resume: it goes on with the same journal. One that
// the breaker sent away is woken with the breaker. One that was asked for later is left to its time: it is another wish.
func (c *Client) wake(ctx context.Context, account string, task *asynq.TaskInfo) bool {
	if task.State != asynq.TaskStateRetry {
		return false
	}
	if c.rdb.ZScore(ctx, blockedKey(task.Queue), task.ID).Err() == nil {
		return true
	}
	if c.inspect.RunTask(task.Queue, task.ID) != nil {
		return false
	}
	ring(ctx, c.rdb, account)
	return true
}

// putUrgent enqueues a task on the urgent queue under the first id that is free, and returns which that was.
func (c *Client) putUrgent(ctx context.Context, account string, kind Kind, id string, job rotation.Job, after time.Duration) (int, error) {
	return c.firstFree(kind, id, func(n int) error { return c.put(ctx, account, nowQueue(account), kind, id, n, job, after) })
}

// firstFree puts a task under the first of its ids that is free.
func (*Client) firstFree(kind Kind, id string, put func(n int) error) (int, error) {
	for n := range maxTwins {
		if err := put(n); !errors.Is(err, asynq.ErrTaskIDConflict) {
			return n, err
		}
	}
	return 0, fmt.Errorf("%s %s: %w", kind, id, ErrBusy)
}

// put enqueues one task about a credential.
func (c *Client) put(ctx context.Context, account, queue string, kind Kind, id string, n int, job rotation.Job, after time.Duration) error {
	data, err := encode(kind, id, job)
	if err != nil {
		return err
	}
	return c.enqueue(ctx, account, queue, kind, id, n, data, after)
}

// enqueue enqueues one task.
//
// No Unique: its lock lapses while the task waits, and leaks when the id is taken. No Retention: what is done is told
// by Outcome. Retries without end: at the last one asynq would archive the task, whatever the error. The time-out is
// a backstop; the limit that counts is AccountSettings.Timeout.
func (c *Client) enqueue(ctx context.Context, account, queue string, kind Kind, id string, n int, data []byte, after time.Duration) error {
	if err := checkAccount(account); err != nil {
		return err
	}
	ctx, span := tracing.Start(ctx, tracing.Producer, "enqueue")
	span.Sends(queue)
	task := asynq.NewTaskWithHeaders(string(kind), data, headers(ctx))
	_, err := c.tasks.EnqueueContext(ctx, task, asynq.Queue(queue), asynq.TaskID(taskID(kind, id, n)),
		asynq.MaxRetry(math.MaxInt32), asynq.Timeout(backstop), asynq.ProcessIn(after))
	if errors.Is(err, asynq.ErrTaskIDConflict) {
		span.Outcome("waits already")
		span.End(nil)
	} else {
		span.End(err)
	}
	if err != nil {
		return fmt.Errorf("enqueue %s %s: %w", kind, id, err)
	}
	return nil
}

// dropDemands deletes the demands that wait beside the newest. One that runs, is gone or is for later is left alone; and where
// Redis does not answer the task stays, finds its slot served and ends. So there is no error to report. One that insists is
// served only by another one that does.
func (c *Client) dropDemands(ctx context.Context, queue string, kind Kind, id string, newest int, force bool) {
	pipe := c.rdb.Pipeline()
	var taken [maxTwins]*redis.IntCmd
	for n := range taken {
		taken[n] = pipe.Exists(ctx, engineKey(queue, "t:"+taskID(kind, id, n)))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return
	}
	for n := range taken {
		if n == newest || taken[n].Val() == 0 {
			continue
		}
		task, err := c.inspect.GetTaskInfo(queue, taskID(kind, id, n))
		if err != nil || task.State == asynq.TaskStateScheduled {
			continue
		}
		if p, err := decode(task.Payload); err == nil && p.Reason == rotation.ReasonDemand && (force || !p.Force) {
			_ = c.inspect.DeleteTask(queue, task.ID)
		}
	}
}
