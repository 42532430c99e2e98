package redisx

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// Rights are those of a user who may do what keyturn needs and no more, as in deploy/redis/users.acl.
const Rights = "~asynq:* ~keyturn:* &asynq:* -@all +@read +@write +@connection +@scripting +@transaction +@pubsub -@dangerous +info +time +cluster|slots"

// tried is how what Lacks tries is called: no key of ours or of asynq's, and no channel.
const tried = "doctor"

// Lacks tries one command of each kind that the queue, the index and the limiter consist of, on keys that do not exist, so
// that nothing changes. It returns those that the user may not do, and an error where Redis could not be asked.
func Lacks(ctx context.Context, rdb redis.UniversalClient) ([]string, error) {
	var lacks []string
	var problems []error
	try := func(what string, err error) {
		switch {
		case redis.HasErrorPrefix(err, "NOPERM"):
			lacks = append(lacks, what)
		case err != nil && !errors.Is(err, redis.Nil):
			problems = append(problems, fmt.Errorf("%s: %w", what, err))
		}
	}
	for _, family := range []string{"asynq:", prefix} {
		key := family + tried
		try("read "+family+"*", rdb.Get(ctx, key).Err())
		try("write "+family+"*", rdb.Del(ctx, key).Err())
		try("run scripts on "+family+"*", rdb.Eval(ctx, "return redis.call('GET', KEYS[1]) and 1 or 0", []string{key}).Err())
	}
	_, err := rdb.TxPipelined(ctx, func(p redis.Pipeliner) error { return p.Ping(ctx).Err() })
	try("use transactions", err)
	try("tell the time", rdb.Time(ctx).Err())
	try("subscribe to asynq:*", subscribe(ctx, rdb, "asynq:"+tried))
	return lacks, errors.Join(problems...)
}

func subscribe(ctx context.Context, rdb redis.UniversalClient, channel string) error {
	sub := rdb.Subscribe(ctx, channel)
	_, err := sub.Receive(ctx)
	return errors.Join(err, sub.Close())
}
