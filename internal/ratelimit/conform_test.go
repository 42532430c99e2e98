package ratelimit_test

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/ratelimit"
	"keyturn/internal/ratelimit/ratelimittest"
	"keyturn/internal/rotation"
)

// connect returns a Redis of its own, and a way to empty it.
func connect(t *testing.T) (redis.UniversalClient, func()) {
	t.Helper()
	addr := devenvtest.Redis(t).Addr
	rdb := redis.NewClient(&redis.Options{Addr: addr, Username: devenvtest.RedisUser, Password: devenvtest.RedisPassword})
	admin := redis.NewClient(&redis.Options{Addr: addr}) // keyturn's own user may not empty it
	t.Cleanup(func() {
		_ = rdb.Close()
		_ = admin.Close()
	})
	return rdb, func() {
		if err := admin.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSlotsOnRedisConform(t *testing.T) {
	t.Parallel()
	ratelimittest.ConformSlots(t, func(t *testing.T, now func() time.Time) (ratelimit.Slots, func()) {
		t.Helper()
		rdb, flush := connect(t)
		return ratelimit.SlotsBy(rdb, now), flush
	})
}

func TestTheLedgerOnRedisConforms(t *testing.T) {
	t.Parallel()
	ratelimittest.ConformLedger(t, func(t *testing.T, now func() time.Time, rate rotation.Rate) (ratelimit.Ledger, func()) {
		t.Helper()
		rdb, flush := connect(t)
		server, err := ratelimit.ServerBy(rdb, now, rate)
		if err != nil {
			t.Fatal(err)
		}
		return server, flush
	})
}
