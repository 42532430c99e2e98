package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/redisx"
)

// Depth is how many tasks of a queue are in each state.
type Depth struct {
	Account   string
	Urgent    bool // the queue that is always emptied first
	Pending   int
	Active    int
	Scheduled int
	Retry     int
	Paused    bool // by a person: nothing is taken from it until that is lifted
}

// Depths counts the tasks of the accounts' queues. It asks Redis itself: asynq's Inspector also samples the size of
// tasks, and fails as a whole if one of them has vanished.
func (c *Client) Depths(ctx context.Context, accounts ...string) ([]Depth, error) {
	pipe := c.rdb.Pipeline()
	counts := make([][4]*redis.IntCmd, 0, 2*len(accounts))
	depths := make([]Depth, 0, 2*len(accounts))
	pauses := make([]*redis.SliceCmd, 0, 2*len(accounts))
	for _, account := range accounts {
		for _, queue := range queuesOf(account) {
			depths = append(depths, Depth{Account: account, Urgent: queue != account})
			counts = append(counts, [4]*redis.IntCmd{
				pipe.LLen(ctx, engineKey(queue, "pending")),
				pipe.LLen(ctx, engineKey(queue, "active")),
				pipe.ZCard(ctx, engineKey(queue, "scheduled")),
				pipe.ZCard(ctx, engineKey(queue, "retry")),
			})
			pauses = append(pauses, pipe.MGet(ctx, engineKey(queue, "paused"))) // GET would answer that there is none
		}
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("count queued jobs: %w", err)
	}
	for i, n := range counts {
		d := &depths[i]
		d.Pending, d.Active, d.Scheduled, d.Retry = int(n[0].Val()), int(n[1].Val()), int(n[2].Val()), int(n[3].Val())
		d.Paused = pauses[i].Val()[0] != nil && pauses[i].Val()[0] != byBreaker
	}
	return depths, nil
}

// soon is how far ahead the account's rate is spoken for by what failed and comes back.
const soon = 2 * time.Minute

// maxCounted bounds what is counted of one state. It is more than is ever admitted.
const maxCounted = 10_000

// backlogScript counts the tasks of one queue that rotate or recover. Of what failed, the hash tells until when it sleeps.
var backlogScript = redis.NewScript(`
local t = redis.call('TIME')
local near, n = t[1] * 1000 + math.floor(t[2] / 1000) + ARGV[1], 0
local function count(ids, asleep)
  for _, id in ipairs(ids) do
    local other = string.match(id, '^(%a+):')
    if not (other == 'check' or other == 'contacts' or other == 'release' or other == 'abandon' or other == 'freeze') then
      local till = asleep and tonumber(redis.call('ZSCORE', KEYS[5], id) or 0) or 0
      if till <= near then n = n + 1 end
    end
  end
end
count(redis.call('LRANGE', KEYS[1], 0, ARGV[2]))
count(redis.call('LRANGE', KEYS[2], 0, ARGV[2]))
if KEYS[5] then
  count(redis.call('ZRANGE', KEYS[3], 0, ARGV[2]))
  count(redis.call('ZRANGE', KEYS[4], 0, ARGV[2]), true)
end
return n`)

// Backlog is how many jobs will soon want their share of the account's rate: rotations that wait or run, those that wait
// for the rate itself too. Checks and contact verifications, and what calls no provider, are no part of it, however many wait for an answer; nor is a
// rotation that failed and sleeps for longer, or that sleeps on the urgent queue, which no scheduler fills.
func (c *Client) Backlog(ctx context.Context, account string) (int, error) {
	pipe := c.rdb.Pipeline()
	asked := make([]*redis.Cmd, 0, 2)
	for _, queue := range queuesOf(account) {
		keys := []string{engineKey(queue, "pending"), engineKey(queue, "active")}
		if queue == account {
			keys = append(keys, engineKey(queue, "scheduled"), engineKey(queue, "retry"), failingKey(account))
		}
		asked = append(asked, backlogScript.Eval(ctx, pipe, keys, soon.Milliseconds(), maxCounted))
	}
	_, _ = pipe.Exec(ctx) // each command has its own error
	total := 0
	for _, a := range asked {
		n, err := a.Int()
		if err != nil {
			return 0, fmt.Errorf("count the backlog of account %s: %w", account, err)
		}
		total += n
	}
	return total, nil
}

// failingKey is a sorted set: task id of a rotation that failed → until when it sleeps, unix ms.
func failingKey(account string) string { return redisx.Key(account, redisx.Failing) }

var failedScript = redis.NewScript(`
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1`)

// failed notes that a rotation failed and for how long it sleeps.
func (c *Client) failed(ctx context.Context, account, task string, after time.Duration) error {
	ctx, cancel := outlive(ctx)
	defer cancel()
	err := failedScript.Run(ctx, c.rdb, []string{failingKey(account)}, task, after.Milliseconds(), failingTTL.Milliseconds()).Err()
	if err != nil {
		return fmt.Errorf("note that %s failed: %w", task, err)
	}
	return nil
}

// failingTTL is longer than anything sleeps.
const failingTTL = 48 * time.Hour

// byBreaker is the value of a pause that the breaker set.
const byBreaker = "breaker"

// ErrPaused is a queue that a person paused.
var ErrPaused = errors.New("paused by a person: lift it with `rotatectl unpause`")

// Paused is ErrPaused for each of the accounts of which nothing is taken because a person paused a queue.
func (c *Client) Paused(ctx context.Context, accounts ...string) error {
	depths, err := c.Depths(ctx, accounts...)
	if err != nil {
		return err
	}
	var errs []error
	for _, d := range depths {
		if d.Paused {
			name := d.Account
			if d.Urgent {
				name = nowQueue(name)
			}
			errs = append(errs, fmt.Errorf("queue %s: %w", name, ErrPaused))
		}
	}
	return errors.Join(errs...)
}

// Unpause lifts what a person paused of an account, and has what sleeps there after a wait or a failure run now. The
// breaker's own pause stays.
func (c *Client) Unpause(ctx context.Context, account string) (woken int, err error) {
	if err := checkAccount(account); err != nil {
		return 0, err
	}
	if err := c.Publish(ctx, account); err != nil { // else asynq does not know a queue that was never used
		return 0, err
	}
	for _, queue := range queuesOf(account) {
		if err := unpauseScript.Run(ctx, c.rdb, []string{engineKey(queue, "paused")}, byBreaker).Err(); err != nil {
			return woken, fmt.Errorf("lift the pause of %s: %w", queue, err)
		}
		n, err := c.inspect.RunAllRetryTasks(queue)
		if err != nil {
			return woken, fmt.Errorf("wake what sleeps in %s: %w", queue, err)
		}
		woken += n
	}
	ring(ctx, c.rdb, account)
	return woken, nil
}

var unpauseScript = redis.NewScript(`if redis.call('GET', KEYS[1]) ~= ARGV[1] then redis.call('DEL', KEYS[1]) end
return 0`)
