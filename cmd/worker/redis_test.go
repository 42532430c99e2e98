package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"
)

// monitor makes Redis repeat every command that it is sent, so that what stands there only for a moment is seen too. The
// function that it returns ends that and returns all of it.
func monitor(t *testing.T, addr string) func() string {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := conn.Write([]byte("MONITOR\r\n")); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	var reading sync.WaitGroup
	reading.Go(func() {
		buffer := make([]byte, 64<<10)
		for {
			n, err := conn.Read(buffer)
			said.Write(buffer[:n])
			if err != nil {
				return
			}
		}
	})
	return func() string {
		_ = conn.Close()
		reading.Wait()
		if !strings.Contains(said.String(), `"evalsha"`) {
			t.Error("Redis repeated nothing that looks like work")
		}
		return said.String()
	}
}

// dump reads every key of Redis, whatever its type.
func dump(t *testing.T, rdb *redis.Client) map[string]string {
	t.Helper()
	ctx := t.Context()
	all := map[string]string{}
	keys := rdb.Scan(ctx, 0, "*", 1000).Iterator()
	for keys.Next(ctx) {
		key := keys.Val()
		value, err := read(ctx, rdb, key)
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		all["redis "+key] = value
	}
	if err := keys.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func read(ctx context.Context, rdb *redis.Client, key string) (string, error) {
	var value any
	kind, err := rdb.Type(ctx, key).Result()
	if err != nil {
		return "", err
	}
	switch kind {
	case "string":
		value, err = rdb.Get(ctx, key).Result()
	case "list":
		value, err = rdb.LRange(ctx, key, 0, -1).Result()
	case "hash":
		value, err = rdb.HGetAll(ctx, key).Result()
	case "set":
		value, err = rdb.SMembers(ctx, key).Result()
	case "zset":
		value, err = rdb.ZRange(ctx, key, 0, -1).Result()
	case "stream":
		value, err = rdb.XRange(ctx, key, "-", "+").Result()
	case "none", "":
		return "", nil // it lapsed since it was listed
	default:
		return "", fmt.Errorf("a %s cannot be searched", kind)
	}
	if errors.Is(err, redis.Nil) {
		return "", nil
	}
	return fmt.Sprint(value), err
}
