package queue

import (
	"context"
	_ "embed"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"keyturn/internal/redisx"
)

//go:embed forward.lua
var forwardSource string

var forwardScript = redis.NewScript(forwardSource)

// ownForwarder is the pause of asynq's forwarder, which goes by its machine's clock: a fast one would bring back early
// what others sent away. Ours takes its place.
const ownForwarder = 1000 * time.Hour

// wakeAll is as many as are woken at a time.
const wakeAll = 1000

// forwarder moves the tasks of one account that are due by Redis's clock. It also ends the sleep of blocked ones: of all
// once the breaker is closed, of one when a probe is due. They need not look themselves: five hundred that came back
// every five seconds would run three thousand times in half a minute.
type forwarder struct {
	*Client
	account string
	most    int // to wake with the next tick
}

// tick does one round, and returns how many tasks it moved. What it learns of the breaker counts for the next round: with
// that they share one round trip.
func (f *forwarder) tick(ctx context.Context) (moved int, err error) {
	pipe := f.rdb.Pipeline()
	var forwarded []*redis.Cmd
	for _, queue := range queuesOf(f.account) {
		keys := []string{engineKey(queue, "scheduled"), engineKey(queue, "retry"), engineKey(queue, "pending"), blockedKey(queue)}
		forwarded = append(forwarded, forwardScript.Eval(ctx, pipe, keys, engineKey(queue, "t:"), f.most))
	}
	breaker := askProbes(ctx, pipe, f.account)
	clock := pipe.Time(ctx)
	if _, err := pipe.Exec(ctx); err != nil {
		return 0, fmt.Errorf("forward what is due of %s: %w", f.account, err)
	}
	for _, cmd := range forwarded {
		n, _ := cmd.Int()
		moved += n
	}
	probes, err := breaker()
	if err != nil {
		return moved, err
	}
	now := clock.Val()
	switch {
	case probes.Since == 0:
		f.most = wakeAll
	case probes.ahead(now):
		keys := []string{redisx.Key(f.account, redisx.Breaker), engineKey(f.account, "paused")}
		if err := breakerScript.Run(ctx, f.rdb, keys, "look", "").Err(); err != nil {
			return moved, fmt.Errorf("breaker of %s: %w", f.account, err)
		}
		f.most = 1
	case probes.wait(now) <= 0:
		f.most = 1
	default:
		f.most = 0
	}
	return moved, nil
}

// blockedKey names the tasks of a queue that sleep because of an open breaker.
func blockedKey(queue string) string { return redisx.Key(queue, redisx.Blocked) }

const (
	// blockedFor is the least that a blocked task sleeps where nothing wakes it, which is so only where no worker runs.
	blockedFor = 10 * time.Minute
	blockedTTL = time.Hour
)

// blocked lets a task sleep until its account's breaker lets it through.
func (a *account) blocked(ctx context.Context, job Job) error {
	queue, _ := asynq.GetQueueName(ctx)
	id, _ := asynq.GetTaskID(ctx)
	_, err := a.rdb.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.ZAdd(ctx, blockedKey(queue), redis.Z{Score: float64(job.Slot.UnixMilli()), Member: id})
		p.PExpire(ctx, blockedKey(queue), blockedTTL)
		return nil
	})
	if err != nil {
		return &again{after: time.Minute, text: "redis did not answer"}
	}
	after := blockedFor + time.Duration(rand.Float64()*float64(blockedFor)) //nolint:gosec // spreads load, guards nothing
	return &again{after: after, text: "the account's breaker is open"}
}
