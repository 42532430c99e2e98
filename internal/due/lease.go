package due

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/redisx"
)

// errLeaseLost ends work whose lease has gone: it ran out while Redis was away, or Redis was emptied.
var errLeaseLost = errors.New("the lease is lost")

// leaseTime is how long a lease outlives its holder.
const leaseTime = 30 * time.Second

// lease says that one scheduler does what several need not do at once. It only saves work.
type lease struct {
	Lease
	leases Leases
	token  string
	cancel context.CancelCauseFunc
	done   chan struct{}
}

// acquire takes a lease and keeps it until release; nil if another scheduler has it. The context that it returns ends
// when the lease is lost.
func acquire(ctx context.Context, leases Leases, what Lease) (context.Context, *lease, error) {
	l := &lease{Lease: what, leases: leases, token: rand.Text(), done: make(chan struct{})}
	taken, err := leases.TakeLease(ctx, what, l.token, leaseTime)
	if err != nil || !taken {
		return nil, nil, err
	}
	ctx, l.cancel = context.WithCancelCause(ctx)
	go l.keep(ctx)
	return ctx, l, nil
}

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
		kept, err := l.leases.KeepLease(ctx, l.Lease, l.token, leaseTime)
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

// release gives the lease back, and reports whether it was still held. If so, built marks its account's part of the
// index as built in the same step.
func (l *lease) release(ctx context.Context, built bool) (held bool, err error) {
	l.cancel(nil)
	<-l.done
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return l.leases.ReleaseLease(ctx, l.Lease, l.token, built)
}

func leaseKey(what Lease) string {
	if what.Account == "" {
		return redisx.Sweeping
	}
	return redisx.Key(what.Account, redisx.Building)
}

var takeScript = redis.NewScript(`
-- One that lasts longer than any was taken while the clock was ahead.
if redis.call('PTTL', KEYS[1]) > tonumber(ARGV[2]) then redis.call('DEL', KEYS[1]) end
return redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) and 1 or 0`)

// TakeLease implements Leases.
func (x *Index) TakeLease(ctx context.Context, what Lease, token string, d time.Duration) (bool, error) {
	taken, err := takeScript.Run(ctx, x.rdb, []string{leaseKey(what)}, token, d.Milliseconds()).Bool()
	if err != nil {
		return false, fmt.Errorf("take the lease %s: %w", leaseKey(what), err)
	}
	return taken, nil
}

var keepScript = redis.NewScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`)

// KeepLease implements Leases.
func (x *Index) KeepLease(ctx context.Context, what Lease, token string, d time.Duration) (bool, error) {
	kept, err := keepScript.Run(ctx, x.rdb, []string{leaseKey(what)}, token, d.Milliseconds()).Bool()
	if err != nil {
		return false, fmt.Errorf("keep the lease %s: %w", leaseKey(what), err)
	}
	return kept, nil
}

var releaseScript = redis.NewScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
if KEYS[2] then redis.call('SET', KEYS[2], ARGV[1]) end
return 1`)

// ReleaseLease implements Leases.
func (x *Index) ReleaseLease(ctx context.Context, what Lease, token string, built bool) (bool, error) {
	keys := []string{leaseKey(what)}
	if built {
		keys = append(keys, redisx.Key(what.Account, redisx.Epoch))
	}
	held, err := releaseScript.Run(ctx, x.rdb, keys, token).Bool()
	if err != nil {
		return false, fmt.Errorf("release the lease %s: %w", leaseKey(what), err)
	}
	return held, nil
}

// Built implements Leases.
func (x *Index) Built(ctx context.Context, account string) (bool, error) {
	built, err := x.rdb.Exists(ctx, redisx.Key(account, redisx.Epoch)).Result()
	if err != nil {
		return false, fmt.Errorf("ask whether account %s is built: %w", account, err)
	}
	return built > 0, nil
}
