package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/redisx"
)

// ghostAge is how long past its lease a task must be. It is more than asynq itself waits before it recovers one.
const ghostAge = time.Minute

// reapScript mends what asynq neither runs nor recovers. Tasks whose hash was evicted, or lost with a part of the data:
// their id stands in active and lease, the hash that dequeuing made again has no message, and so the id would be taken
// for good. Active tasks without a lease: dequeuing writes both at once, so one was lost, and no recoverer looks for
// them; they go back to be taken again. And leases in the future, by the clock of a machine that is fast: they end as
// others do.
var reapScript = redis.NewScript(`
local t = redis.call('TIME')
local ids = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', t[1] - ARGV[2], 'LIMIT', 0, 1000)
local n = 0
for _, id in ipairs(redis.call('LRANGE', KEYS[1], 0, 999)) do
  if not redis.call('ZSCORE', KEYS[2], id) then
    redis.call('LREM', KEYS[1], 0, id)
    if redis.call('HEXISTS', ARGV[1] .. id, 'msg') == 0 then
      redis.call('DEL', ARGV[1] .. id)
    else
      redis.call('RPUSH', KEYS[3], id)
      redis.call('HSET', ARGV[1] .. id, 'state', 'pending')
    end
    n = n + 1
  end
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. (t[1] + 2 * ARGV[2]), '+inf', 'LIMIT', 0, 1000)) do
  redis.call('ZADD', KEYS[2], t[1] + ARGV[2], id)
end
for _, id in ipairs(ids) do
  if redis.call('HEXISTS', ARGV[1] .. id, 'msg') == 0 then
    redis.call('LREM', KEYS[1], 0, id)
    redis.call('ZREM', KEYS[2], id)
    redis.call('DEL', ARGV[1] .. id)
    n = n + 1
  end
end
return n`)

// reap removes ghosts whose lease ended at least age ago, gives back what has no lease, and reports how many.
func (c *Client) reap(ctx context.Context, queue string, age time.Duration) (int, error) {
	n, err := reapScript.Run(ctx, c.rdb, []string{engineKey(queue, "active"), engineKey(queue, "lease"), engineKey(queue, "pending")},
		engineKey(queue, "t:"), int(age.Seconds())).Int()
	if err != nil {
		return 0, fmt.Errorf("reap ghosts of %s: %w", queue, err)
	}
	return n, nil
}

// Publish puts the accounts' queues into asynq's list of queues. asynq does so once in a client's life; when Redis has
// lost its data, its inspector and its tools do not find the queue any more. Call it after an epoch change.
func (c *Client) Publish(ctx context.Context, accounts ...string) error {
	var queues []any
	for _, account := range accounts {
		for _, queue := range queuesOf(account) {
			queues = append(queues, queue)
		}
	}
	if len(queues) == 0 {
		return nil
	}
	if err := c.rdb.SAdd(ctx, engineQueues, queues...).Err(); err != nil {
		return fmt.Errorf("publish queues: %w", err)
	}
	return nil
}

// tidy keeps what asynq does not: its list of queues, ghosts, and tasks that were archived by hand, which would
// hold their ids for 90 days.
func (c *Client) tidy(ctx context.Context, account string) (removed int, err error) {
	if err := c.Publish(ctx, account); err != nil {
		return 0, err
	}
	var errs []error
	for _, queue := range queuesOf(account) {
		ghosts, err := c.reap(ctx, queue, ghostAge)
		errs = append(errs, err)
		archived, err := c.inspect.DeleteAllArchivedTasks(queue)
		errs = append(errs, err)
		removed += ghosts + archived
	}
	return removed, errors.Join(errs...)
}

var unknownScript = redis.NewScript(`
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local since = redis.call('GET', KEYS[1])
if since then return now - since end
redis.call('SET', KEYS[1], now, 'PX', ARGV[1])
return 0`)

// unknownFor tells for how long jobs have named an unknown credential. It forgets a little after the time at
// which such a job is dropped.
func (c *Client) unknownFor(ctx context.Context, account, id string) (time.Duration, error) {
	ms, err := unknownScript.Run(ctx, c.rdb, []string{redisx.Unknown(account, id)}, (unknownFor + time.Minute).Milliseconds()).Int64()
	if err != nil {
		return 0, fmt.Errorf("note an unknown credential: %w", err)
	}
	return time.Duration(ms) * time.Millisecond, nil
}
