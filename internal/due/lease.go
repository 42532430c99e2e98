package due

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// errLeaseLost ends work whose lease has gone: it ran out while Redis was away, or Redis was emptied.
var errLeaseLost = errors.New("the lease is lost")

// leaseTime is how long a lease outlives its holder.
const leaseTime = 30 * time.Second

// lease says that one scheduler does what several need not do at once. It only saves work.
type lease struct {
	rdb        redis.UniversalClient
	key, token string
	cancel     context.CancelCauseFunc
	done       chan struct{}
}

// acquire takes a lease and keeps it until release; nil if somebody else has it. The context that it returns ends when
// the lease is lost.
func (x *Index) acquire(ctx context.Context, name string) (context.Context, *lease, error) {
	l := &lease{rdb: x.rdb, key: name, token: rand.Text(), done: make(chan struct{})}
	taken, err := x.rdb.SetNX(ctx, l.key, l.token, leaseTime).Result()
	if err != nil {
		return nil, nil, fmt.Errorf("take the lease %s: %w", name, err)
	}
	if !taken {
		return nil, nil, nil
	}
	ctx, l.cancel = context.WithCancelCause(ctx)
	go l.keep(ctx)
	return ctx, l, nil
}

var keepScript = redis.NewScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`)

func (l *lease) keep(ctx context.Context) {
	defer close(l.done)
	ticker := time.NewTicker(leaseTime / 3)
	defer ticker.Stop()
	for failures := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		kept, err := keepScript.Run(ctx, l.rdb, []string{l.key}, l.token, leaseTime.Milliseconds()).Bool()
		if err != nil {
			failures++ // the lease may outlive a short outage
		} else {
			failures = 0
		}
		if (err == nil && !kept) || failures == 3 {
			l.cancel(errLeaseLost)
			return
		}
	}
}

var releaseScript = redis.NewScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
if KEYS[2] then redis.call('SET', KEYS[2], ARGV[1]) end
return 1`)

// release gives the lease back, and reports whether it was still held. Where a mark is named, that key is set in the
// same step if so.
func (l *lease) release(ctx context.Context, mark ...string) (held bool, err error) {
	l.cancel(nil)
	<-l.done
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	held, err = releaseScript.Run(ctx, l.rdb, append([]string{l.key}, mark...), l.token).Bool()
	if err != nil {
		return false, fmt.Errorf("release the lease %s: %w", l.key, err)
	}
	return held, nil
}
