package queue

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// Depth is how many tasks of a queue are in each state.
type Depth struct {
	Account   string
	Urgent    bool // the queue that is always emptied first
	Pending   int
	Active    int
	Scheduled int
	Retry     int
}

// Depths counts the tasks of the accounts' queues. It asks Redis itself: asynq's Inspector also samples the size of
// tasks, and fails as a whole if one of them has vanished.
func (c *Client) Depths(ctx context.Context, accounts ...string) ([]Depth, error) {
	pipe := c.rdb.Pipeline()
	counts := make([][4]*redis.IntCmd, 0, 2*len(accounts))
	depths := make([]Depth, 0, 2*len(accounts))
	for _, account := range accounts {
		for _, queue := range queuesOf(account) {
			depths = append(depths, Depth{Account: account, Urgent: queue != account})
			counts = append(counts, [4]*redis.IntCmd{
				pipe.LLen(ctx, engineKey(queue, "pending")),
				pipe.LLen(ctx, engineKey(queue, "active")),
				pipe.ZCard(ctx, engineKey(queue, "scheduled")),
				pipe.ZCard(ctx, engineKey(queue, "retry")),
			})
		}
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("count queued jobs: %w", err)
	}
	for i, n := range counts {
		d := &depths[i]
		d.Pending, d.Active, d.Scheduled, d.Retry = int(n[0].Val()), int(n[1].Val()), int(n[2].Val()), int(n[3].Val())
	}
	return depths, nil
}

// Backlog is how many jobs of an account wait or run. Those that wait for a rate limit or after a failure count too:
// they will want their share of the account's rate.
func (c *Client) Backlog(ctx context.Context, account string) (int, error) {
	depths, err := c.Depths(ctx, account)
	if err != nil {
		return 0, err
	}
	total := 0
	for _, d := range depths {
		total += d.Pending + d.Active + d.Scheduled + d.Retry
	}
	return total, nil
}
