package queue

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// leases is the connection of an asynq server, whose leases it puts under the clock that all share. asynq writes and judges
// them by its machine's: each server that starts in a worker whose clock is fast would take from all others what they run,
// and what a slow one runs would be taken from it.
type leases struct {
	redis.UniversalClient
	now func() time.Time // by the clock that all share
}

// EvalSha implements redis.Scripter.
func (l leases) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	return l.UniversalClient.EvalSha(ctx, sha, keys, l.shared(keys, args)...)
}

// Eval implements redis.Scripter: for a script that Redis does not know yet.
func (l leases) Eval(ctx context.Context, script string, keys []string, args ...any) *redis.Cmd {
	return l.UniversalClient.Eval(ctx, script, keys, l.shared(keys, args)...)
}

// ZAddXX implements redis.SortedSetCmdable, which is what asynq extends leases with.
func (l leases) ZAddXX(ctx context.Context, key string, members ...redis.Z) *redis.IntCmd {
	if !isLease(key) {
		return l.UniversalClient.ZAddXX(ctx, key, members...)
	}
	moved := slices.Clone(members)
	for i := range moved {
		moved[i].Score += float64(l.behind())
	}
	return l.UniversalClient.ZAddXX(ctx, key, moved...)
}

// shared puts the arguments of the two scripts right that have an instant of a lease: a dequeue, which says when it ends,
// and the search for those that have lapsed, which says by when. The caller's own may be sent once more, and stay.
func (l leases) shared(keys []string, args []any) []any {
	_, takes := dequeues(keys)
	searches := len(keys) == 1 && isLease(keys[0])
	if !takes && !searches || len(args) == 0 {
		return args
	}
	at, ok := args[0].(int64)
	if !ok {
		return args
	}
	args = slices.Clone(args)
	args[0] = at + l.behind()
	return args
}

// behind is by how many seconds this machine's clock, which asynq reads, is behind the one that all share.
func (l leases) behind() int64 {
	return int64(time.Until(l.now()).Round(time.Second) / time.Second) //nolint:forbidigo // what asynq reads too
}

// isLease tells asynq's leases of a queue by their key.
func isLease(key string) bool {
	queue, ok := strings.CutSuffix(strings.TrimPrefix(key, "asynq:{"), "}:lease")
	return ok && key == engineKey(queue, "lease")
}
