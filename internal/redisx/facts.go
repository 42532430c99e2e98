package redisx

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// Facts is what one Redis server says of itself. A field that it does not tell is "".
type Facts struct {
	Address       string // host:port, as the client reached it
	Version       string
	Policy        string // maxmemory-policy
	AOF           bool   // it keeps an append-only file
	AOFWrite      string // whether it could be written last: "ok" or "err"
	SnapshotWrite string // the same of a snapshot
}

// Evicts reports whether the server drops keys when its memory is full.
func (f Facts) Evicts() bool { return f.Policy != "" && f.Policy != "noeviction" }

// Ask asks every server that holds keys: one, or all masters of a cluster. The facts are in the order of the addresses.
func Ask(ctx context.Context, rdb redis.UniversalClient) ([]Facts, error) {
	var mu sync.Mutex
	var all []Facts
	one := func(ctx context.Context, node *redis.Client) error {
		text, err := node.Info(ctx).Result()
		if err != nil {
			return fmt.Errorf("ask redis at %s about itself: %w", node.Options().Addr, err)
		}
		mu.Lock()
		defer mu.Unlock()
		all = append(all, readFacts(node.Options().Addr, text))
		return nil
	}
	err := eachMaster(ctx, rdb, one)
	slices.SortFunc(all, func(a, b Facts) int { return strings.Compare(a.Address, b.Address) })
	return all, err
}

func eachMaster(ctx context.Context, rdb redis.UniversalClient, do func(context.Context, *redis.Client) error) error {
	switch c := rdb.(type) {
	case *redis.ClusterClient:
		return c.ForEachMaster(ctx, do)
	case *redis.Client:
		return do(ctx, c)
	default:
		return fmt.Errorf("redis: %T is not a client that Dial makes", rdb)
	}
}

func readFacts(address, info string) Facts {
	told := map[string]string{}
	for line := range strings.Lines(info) {
		if name, value, ok := strings.Cut(line, ":"); ok {
			told[name] = strings.TrimSpace(value)
		}
	}
	return Facts{
		Address: address, Version: told["redis_version"], Policy: told["maxmemory_policy"],
		AOF: told["aof_enabled"] == "1", AOFWrite: told["aof_last_write_status"], SnapshotWrite: told["rdb_last_bgsave_status"],
	}
}

// trips is how many round trips Latency measures.
const trips = 5

// Latency is the median of some round trips.
func Latency(ctx context.Context, rdb redis.UniversalClient, now func() time.Time) (time.Duration, error) {
	var took [trips]time.Duration
	for i := range took {
		start := now()
		if err := Ping(ctx, rdb); err != nil {
			return 0, err
		}
		took[i] = now().Sub(start)
	}
	slices.Sort(took[:])
	return took[trips/2], nil
}
