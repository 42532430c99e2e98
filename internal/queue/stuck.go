package queue

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// Stuck is what does not move in a queue.
type Stuck struct {
	Depth
	Queue    string
	Archived int       // jobs that asynq gave up, which keyturn never lets it do: they hold their ids
	Oldest   time.Time // since when the job waits that is taken next; zero where none waits
}

// Stuck looks into the accounts' queues: two of each account, the urgent one first.
func (c *Client) Stuck(ctx context.Context, accounts ...string) ([]Stuck, error) {
	depths, err := c.Depths(ctx, accounts...)
	if err != nil {
		return nil, err
	}
	all := make([]Stuck, len(depths))
	pipe := c.rdb.Pipeline()
	archived, next := make([]*redis.IntCmd, len(depths)), make([]*redis.StringCmd, len(depths))
	for i, d := range depths {
		all[i] = Stuck{Depth: d, Queue: d.Account}
		if d.Urgent {
			all[i].Queue = nowQueue(d.Account)
		}
		archived[i] = pipe.ZCard(ctx, engineKey(all[i].Queue, "archived"))
		next[i] = pipe.LIndex(ctx, engineKey(all[i].Queue, "pending"), -1)
	}
	if err := execute(ctx, pipe); err != nil {
		return nil, err
	}
	pipe = c.rdb.Pipeline()
	since := make([]*redis.StringCmd, len(depths))
	for i := range all {
		all[i].Archived = int(archived[i].Val())
		if id := next[i].Val(); id != "" {
			since[i] = pipe.HGet(ctx, engineKey(all[i].Queue, "t:"+id), "pending_since")
		}
	}
	if err := execute(ctx, pipe); err != nil {
		return nil, err
	}
	for i, cmd := range since {
		if cmd == nil {
			continue
		}
		// A job that was taken meanwhile has none.
		if nanoseconds, err := strconv.ParseInt(cmd.Val(), 10, 64); err == nil && nanoseconds > 0 {
			all[i].Oldest = time.Unix(0, nanoseconds).UTC()
		}
	}
	return all, nil
}

// execute sends a pipeline; what does not exist is no error.
func execute(ctx context.Context, pipe redis.Pipeliner) error {
	cmds, _ := pipe.Exec(ctx) // each command has its own error
	for _, cmd := range cmds {
		if err := cmd.Err(); err != nil && !errors.Is(err, redis.Nil) {
			return fmt.Errorf("look into the queues: %w", err)
		}
	}
	return nil
}
