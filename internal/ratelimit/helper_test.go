package ratelimit

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/rotation"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func dial(t *testing.T, addr string) redis.UniversalClient {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{
		Addr: addr, MaxRetries: -1, ContextTimeoutEnabled: true, Username: devenvtest.RedisUser, Password: devenvtest.RedisPassword,
	})
	t.Cleanup(func() {
		if err := rdb.Close(); err != nil {
			t.Error(err)
		}
	})
	return rdb
}

func newRedis(t *testing.T) redis.UniversalClient {
	t.Helper()
	return dial(t, devenvtest.Redis(t).Addr)
}

// flush empties a Redis, which keyturn's own user may not.
func flush(t *testing.T, rdb redis.UniversalClient) {
	t.Helper()
	admin := redis.NewClient(&redis.Options{Addr: rdb.(*redis.Client).Options().Addr})
	defer admin.Close()
	if err := admin.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
}

// virtual is a clock that both the limiter's process and its Redis go by. Sleeping moves it, by more than was asked
// for if the sleeper is to be late.
type virtual struct {
	mu     sync.Mutex
	micros int64
	slept  []time.Duration
	while  func(slept int) (late time.Duration) // what happens during the nth sleep; nil: nothing
}

func newVirtual() *virtual { return &virtual{micros: 1_700_000_000_000_000} }

func (v *virtual) Now() time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return time.UnixMicro(v.micros)
}

func (v *virtual) redis() string { return strconv.FormatInt(v.Now().UnixMicro(), 10) }

func (v *virtual) advance(d time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.micros += d.Microseconds()
}

func (v *virtual) Sleep(ctx context.Context, d time.Duration) error {
	v.slept = append(v.slept, d)
	if v.while != nil {
		d += v.while(len(v.slept))
	}
	v.advance(d)
	return ctx.Err()
}

// newLimiter is a limiter on a virtual clock for the account "a".
func newLimiter(t *testing.T, rdb redis.UniversalClient, clock *virtual, rates ...rotation.Rate) *Limiter {
	t.Helper()
	l, err := New(rdb, clock, map[string][]rotation.Rate{"a": rates}, 0)
	if err != nil {
		t.Fatal(err)
	}
	l.slots.(*redisSlots).now = clock.redis
	return l
}

// take makes one call that must be had, and returns how long it had to wait.
func take(t *testing.T, l *Limiter) time.Duration {
	t.Helper()
	before := l.clock.Now()
	if err := once(t, l, false); err != nil {
		t.Fatal(err)
	}
	return l.clock.Now().Sub(before)
}

// once gets in line for one call and waits for its turn.
func once(t *testing.T, l *Limiter, urgent bool) error {
	t.Helper()
	turns, err := l.Take(t.Context(), "a", 1, urgent)
	if err != nil {
		return err
	}
	return turns.Await(t.Context(), 0)
}

var perSecond20 = rotation.Rate{Requests: 20, Per: time.Second}
