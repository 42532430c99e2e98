package queue

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/redisx"
)

// standing is what an account's queues hold for a worker without a server for them.
type standing struct {
	next   time.Duration // until a server would have something to do; 0 if it has now, never if nothing waits
	untidy bool          // housekeeping may have something to mend
}

const never = time.Duration(math.MaxInt64)

// recoverAfter is how long after the end of a lease asynq's recoverer believes in it, which counts whole seconds.
const recoverAfter = 31 * time.Second

// queueLook is the look at one queue.
type queueLook struct {
	pending, active, archived, blocked *redis.IntCmd
	pause                              *redis.SliceCmd
	pauseLeft                          *redis.DurationCmd
	scheduled, retry, lease            *redis.ZSliceCmd
}

// look tells how an account stands, in one round trip.
func (c *Client) look(ctx context.Context, account string) (standing, error) {
	pipe := c.rdb.Pipeline()
	var asked []queueLook
	for _, queue := range queuesOf(account) {
		first := func(set string) *redis.ZSliceCmd { return pipe.ZRangeWithScores(ctx, engineKey(queue, set), 0, 0) }
		asked = append(asked, queueLook{
			pending: pipe.LLen(ctx, engineKey(queue, "pending")), active: pipe.LLen(ctx, engineKey(queue, "active")),
			archived: pipe.Exists(ctx, engineKey(queue, "archived")), blocked: pipe.Exists(ctx, blockedKey(queue)),
			pause:     pipe.MGet(ctx, engineKey(queue, "paused")), // GET would answer that there is none
			pauseLeft: pipe.PTTL(ctx, engineKey(queue, "paused")),
			scheduled: first("scheduled"), retry: first("retry"), lease: first("lease"),
		})
	}
	breaker := askProbes(ctx, pipe, account)
	clock := pipe.Time(ctx)
	if _, err := pipe.Exec(ctx); err != nil {
		return standing{}, fmt.Errorf("look at the queues of %s: %w", account, err)
	}
	probes, err := breaker()
	if err != nil {
		return standing{}, err
	}
	s := standing{next: never}
	for _, q := range asked {
		s.add(q, probes, clock.Val())
	}
	return s, nil
}

func (s *standing) add(q queueLook, probes probes, now time.Time) {
	due := func(in time.Duration) { s.next = max(0, min(s.next, in)) }
	pause, left := q.pause.Val()[0], q.pauseLeft.Val()
	if q.pending.Val() > 0 {
		switch {
		case pause == nil, pause == byBreaker && probes.ahead(now): // which a server sets right
			due(0)
		case left >= 0:
			due(max(left, time.Millisecond)) // it ends by itself; below 0 is one without an end
		}
	}
	if q.blocked.Val() > 0 {
		due(probes.wait(now))
	}
	for _, set := range []*redis.ZSliceCmd{q.scheduled, q.retry} {
		for _, first := range set.Val() {
			due(time.Unix(int64(first.Score), 0).Sub(now))
		}
	}
	for _, first := range q.lease.Val() {
		due(time.Unix(int64(first.Score), 0).Add(recoverAfter).Sub(now))
		s.untidy = true
	}
	s.untidy = s.untidy || q.active.Val() > 0 || q.archived.Val() > 0
}

// busy names the accounts of which anything is in Redis: the others can wait for a ring. An idle account costs two
// commands.
func (c *Client) busy(ctx context.Context, accounts []string) ([]string, error) {
	return c.having(ctx, accounts, "pending", "scheduled", "retry", "active", "lease", "archived", "paused")
}

// paused names the accounts of which a queue is paused, by a person or by the breaker.
func (c *Client) paused(ctx context.Context, accounts []string) ([]string, error) {
	return c.having(ctx, accounts, "paused")
}

// having names the accounts of which a queue has any of asynq's keys. What Redis does not answer for counts as nothing,
// and the error says so.
func (c *Client) having(ctx context.Context, accounts []string, names ...string) (found []string, err error) {
	pipe := c.rdb.Pipeline()
	var asked []*redis.IntCmd
	for _, account := range accounts {
		for _, queue := range queuesOf(account) {
			keys := make([]string, len(names))
			for i, name := range names {
				keys[i] = engineKey(queue, name)
			}
			asked = append(asked, pipe.Exists(ctx, keys...))
		}
	}
	if _, err = pipe.Exec(ctx); err != nil {
		err = fmt.Errorf("look at the queues of %d accounts: %w", len(accounts), err)
	}
	for i, account := range accounts {
		if asked[2*i].Val()+asked[2*i+1].Val() > 0 {
			found = append(found, account)
		}
	}
	return found, err
}

// probes is when an account's breaker lets jobs through, in unix ms; all are 0 where it is closed.
type probes struct {
	Since int64 `redis:"since"`
	Next  int64 `redis:"next"`
	Early int64 `redis:"early"` // when a demand may be one; 0 if none asked
}

// askProbes adds the question to a pipeline; what it returns reads the answer.
func askProbes(ctx context.Context, pipe redis.Pipeliner, account string) func() (probes, error) {
	cmd := pipe.HMGet(ctx, redisx.Key(account, redisx.Breaker), "since", "next", "early")
	return func() (p probes, err error) {
		if err := cmd.Scan(&p); err != nil {
			return p, fmt.Errorf("breaker of %s: %w", account, err)
		}
		return p, nil
	}
}

// wait is how long a blocked job waits; 0 or less if one may be woken.
func (p probes) wait(now time.Time) time.Duration {
	if p.Since == 0 || p.ahead(now) {
		return 0
	}
	due := p.Next
	if p.Early != 0 {
		due = min(due, p.Early)
	}
	return time.UnixMilli(due).Sub(now)
}

// ahead reports a probe that was put off while Redis's clock was ahead.
func (p probes) ahead(now time.Time) bool { return time.UnixMilli(p.Next).Sub(now) > 24*time.Hour }
