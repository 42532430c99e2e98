package devenv_test

import (
	"errors"
	"net"
	"testing"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/devenv"
	"keyturn/internal/devenv/devenvtest"
)

func dial(t *testing.T, server *devenv.Redis) *redis.Client {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: server.Addr})
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func TestRedisDataSurvivesAStopWithADir(t *testing.T) {
	t.Parallel()
	server := devenvtest.RedisWith(t, devenv.RedisOptions{Dir: t.TempDir()})
	client := dial(t, server)
	if err := client.Set(t.Context(), "key", "value", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := client.Get(t.Context(), "key").Result(); got != "value" {
		t.Errorf("after a restart: %q, %v", got, err)
	}
}

func TestRedisDataSurvivesSIGKILLWithADir(t *testing.T) {
	t.Parallel()
	server := devenvtest.RedisWith(t, devenv.RedisOptions{Dir: t.TempDir(), Args: []string{"--appendfsync", "always"}})
	client := dial(t, server)
	if err := client.Set(t.Context(), "key", "value", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := client.Ping(t.Context()).Err(); err == nil {
		t.Error("a killed Redis answers")
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := client.Get(t.Context(), "key").Result(); got != "value" {
		t.Errorf("after SIGKILL: %q, %v", got, err)
	}
}

func TestRedisInMemoryStartsEmptyAgain(t *testing.T) {
	t.Parallel()
	server := devenvtest.Redis(t)
	client := dial(t, server)
	if err := client.Set(t.Context(), "key", "value", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := client.Get(t.Context(), "key").Err(); !errors.Is(err, redis.Nil) {
		t.Errorf("got %v, want an empty Redis", err)
	}
}

func TestRedisNeverEvicts(t *testing.T) {
	t.Parallel()
	client := dial(t, devenvtest.Redis(t))
	policy, err := client.ConfigGet(t.Context(), "maxmemory-policy").Result()
	if err != nil || policy["maxmemory-policy"] != "noeviction" {
		t.Errorf("got %v, %v", policy, err)
	}
}

func TestRedisOnATakenPortIsAnErrorNotTheRedisThatHasIt(t *testing.T) {
	t.Parallel()
	other := devenvtest.Redis(t)
	_, port, err := net.SplitHostPort(other.Addr)
	if err != nil {
		t.Fatal(err)
	}
	taken, err := net.DefaultResolver.LookupPort(t.Context(), "tcp", port)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := devenv.StartRedis(t.Context(), devenv.RedisOptions{Port: taken}); err == nil {
		t.Error("a second Redis on the same port started")
	}
}

func TestAMissingRedisSaysWhatToInstall(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := devenv.StartRedis(t.Context(), devenv.RedisOptions{}); !errors.Is(err, devenv.ErrNoRedis) {
		t.Errorf("got %v", err)
	}
}
