package due_test

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/due"
	"keyturn/internal/due/duetest"
)

func TestTheIndexOnRedisConforms(t *testing.T) {
	t.Parallel()
	duetest.Conform(t, func(t *testing.T) (duetest.Whole, func()) {
		t.Helper()
		addr := devenvtest.Redis(t).Addr
		rdb := redis.NewClient(&redis.Options{Addr: addr, Username: devenvtest.RedisUser, Password: devenvtest.RedisPassword})
		admin := redis.NewClient(&redis.Options{Addr: addr})
		t.Cleanup(func() {
			_ = rdb.Close()
			_ = admin.Close()
		})
		return due.NewIndex(rdb), func() {
			if err := admin.FlushAll(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
