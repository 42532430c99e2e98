package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/redisx"
)

// The doorbell is a stream: an entry names an account that was given something to do. One command tells a worker of all
// accounts. It is a hint and no more: an entry that was lost costs the time until the next sweep.

const (
	ringsKept  = 1000 // about: a worker that falls further behind has the sweep
	ringField  = "account"
	listenFor  = 250 * time.Millisecond // how long a reading waits for a ring, and so a worker that stops
	listenMost = 5 * time.Second        // for the answer
	// gather is the pause between a ring and the next reading, in which others may come: a flood of rings costs a worker
	// fifty readings a second.
	gather = 20 * time.Millisecond
)

// ring says that the account may have something to do. It comes after what it tells of, because a worker that hears it
// looks at once. A failure is no error of the caller's: the job is in its queue, and the sweep finds it.
func ring(ctx context.Context, rdb redis.Cmdable, account string) {
	_ = rdb.XAdd(ctx, &redis.XAddArgs{Stream: redisx.Doorbell, MaxLen: ringsKept, Approx: true, Values: []any{ringField, account}}).Err()
}

// lastRing is the entry that was written last.
func (c *Client) lastRing(ctx context.Context) (string, error) {
	found, err := c.rdb.XRevRangeN(ctx, redisx.Doorbell, "+", "-", 1).Result()
	if err != nil {
		return "", fmt.Errorf("find the last ring of the doorbell: %w", err)
	}
	if len(found) == 0 {
		return "0-0", nil
	}
	return found[0].ID, nil
}

// listen waits a little for rings after an entry. It returns the accounts that they name, and the last entry.
func (c *Client) listen(ctx context.Context, after string) (rung []string, last string, err error) {
	ctx, cancel := context.WithTimeout(ctx, listenMost)
	defer cancel()
	streams, err := c.rdb.XRead(ctx, &redis.XReadArgs{Streams: []string{redisx.Doorbell, after}, Block: listenFor}).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, after, fmt.Errorf("listen to the doorbell: %w", err)
	}
	last = after
	for _, stream := range streams {
		for _, entry := range stream.Messages {
			if account, ok := entry.Values[ringField].(string); ok {
				rung = append(rung, account)
			}
			last = entry.ID
		}
	}
	return rung, last, nil
}
