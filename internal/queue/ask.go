package queue

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/rotation"
)

// Ask enqueues what a run wants next for its own credential, after a delay. The run's own task still holds its id and
// does not swallow the wish. A check that waits already for the same reason serves this wish too: while a mail server does
// not answer, each rotation would add another one that never ends.
func (c *Client) Ask(ctx context.Context, account, id string, reason rotation.Reason, after time.Duration) error {
	slot, err := c.Now(ctx)
	if err != nil {
		return err
	}
	kind := kindOf(reason)
	if kind == KindCheck {
		if waits, err := c.pull(ctx, account, id, reason, slot.Add(after)); waits || err != nil {
			return err
		}
	}
	return c.putLater(ctx, account, kind, id, rotation.Job{Slot: slot, Reason: reason}, after, slot)
}

// pull has a check that sleeps for the same reason serve a wish for a time; it is false where none sleeps. A recheck comes at
// the earlier of the two times: how long a late call can arrive is in the journal. For another reason it comes at the later
// one, because the calls of both runs must be over.
func (c *Client) pull(ctx context.Context, account, id string, reason rotation.Reason, at time.Time) (waits bool, err error) {
	queue := nowQueue(account)
	ids := make([]string, maxTwins)
	for n := range ids {
		ids[n] = taskID(KindCheck, id, n)
	}
	sets := []string{engineKey(queue, "scheduled"), engineKey(queue, "retry")}
	asleep := make([]*redis.FloatSliceCmd, len(sets))
	if _, err := c.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, set := range sets {
			asleep[i] = p.ZMScore(ctx, set, ids...)
		}
		return nil
	}); err != nil {
		return false, fmt.Errorf("look for a check of %s that waits: %w", id, err)
	}
	for i, set := range sets {
		for n, score := range asleep[i].Val() {
			if score == 0 || !c.asks(queue, ids[n], reason) {
				continue
			}
			z := redis.ZAddArgs{XX: true, LT: reason == rotation.ReasonRecheck, GT: reason != rotation.ReasonRecheck}
			z.Members = []redis.Z{{Score: wholeSecond(at), Member: ids[n]}}
			if waits, err = c.pullOne(ctx, account, set, ids[n], z); waits || err != nil {
				return waits, err
			}
		}
	}
	return false, nil
}

// asks reports whether a task was asked for by a run, for a reason.
func (c *Client) asks(queue, task string, reason rotation.Reason) bool {
	info, err := c.inspect.GetTaskInfo(queue, task)
	if err != nil {
		return false
	}
	p, err := decode(info.Payload)
	return err == nil && p.Reason == reason
}

// pullOne is pull for one task. Where that has been taken meanwhile it may have looked too early.
func (c *Client) pullOne(ctx context.Context, account, set, task string, z redis.ZAddArgs) (waits bool, err error) {
	var still *redis.FloatCmd
	_, err = c.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.ZAddArgs(ctx, set, z)
		still = p.ZScore(ctx, set, task)
		ring(ctx, p, account)
		return nil
	})
	if still.Err() == redis.Nil { //nolint:errorlint // a command returns the very error
		return false, nil
	}
	if err != nil && still.Err() != nil {
		return false, fmt.Errorf("pull the check %s: %w", task, err)
	}
	return true, nil
}

// wholeSecond is a score of asynq's for a time: not before it.
func wholeSecond(at time.Time) float64 { return float64(at.Add(time.Second - 1).Unix()) }
