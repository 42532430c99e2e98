package due

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/devenv"
	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/redisx"
	"keyturn/internal/rotation"
)

// A cluster refuses scripts and transactions whose keys lie in several slots, and loses a node's keys alone.
func TestSchedulingWorksOnAClusterAndSurvivesTheLossOfOneNodesData(t *testing.T) {
	t.Parallel()
	rdb := newCluster(t)
	x, v, q := NewIndex(rdb), newVault(), newQueue()
	var creds []*rotation.Credential
	var accounts []Account
	for i := range 6 {
		account := fmt.Sprintf("account-%d", i)
		accounts = append(accounts, Account{Name: account, Capacity: 100})
		creds = append(creds, fleet(account, 10, every30d(t))...)
	}
	for _, cred := range creds {
		v.rotated(cred, past)
	}
	v.records["account-3-1"] = rotation.Record{State: rotation.Open, TouchedAt: past}
	s := newScheduler(x, q, v, newInventory("one", creds...), accounts...)
	start(t, s)
	q.take(t, 61)
	eventually(t, "the scheduler is ready", func() bool { return s.Ready() == nil && s.Configurations() == 1 })

	cred := creds[0]
	must(t, x.Hold(t.Context(), cred, time.Minute, false))
	must(t, x.Park(t.Context(), cred, time.Minute))
	must(t, x.Settle(t.Context(), cred, rotation.Ending{Promoted: true, Slot: past}))
	if n := len(have[[]Event](t)(x.Events(t.Context(), "0", 10, -1))); n != 1 {
		t.Errorf("%d events", n)
	}
	_ = have[[]Standing](t)(x.Look(t.Context(), creds))
	_ = have[[]Count](t)(x.Counts(t.Context(), s.load.Load().names()...))
	must(t, s.prune(t.Context(), newInventory("one", creds[1:]...)))

	node := have[*redis.Client](t)(rdb.MasterForKey(t.Context(), redisx.Key("account-3", redisx.Due)))
	lost := 0
	for _, a := range accounts {
		if m := have[*redis.Client](t)(rdb.MasterForKey(t.Context(), redisx.Key(a.Name, redisx.Due))); m.Options().Addr == node.Options().Addr {
			lost++
		}
	}
	q.mu.Lock()
	clear(q.waiting)
	flush(t, node)
	q.mu.Unlock()
	jobs := q.take(t, 10*lost+1)
	for _, j := range jobs {
		if m := have[*redis.Client](t)(rdb.MasterForKey(t.Context(), redisx.Key(j.account, redisx.Due))); m.Options().Addr != node.Options().Addr {
			t.Fatalf("%s was enqueued again though its node lost nothing", j.id)
		}
	}
}

// newCluster starts three masters.
func newCluster(t *testing.T) *redis.ClusterClient {
	t.Helper()
	dir := t.TempDir()
	var addrs []string
	for i := range 3 {
		server := devenvtest.RedisWith(t, devenv.RedisOptions{Args: []string{
			"--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-config-file", filepath.Join(dir, fmt.Sprintf("nodes-%d.conf", i)),
		}})
		addrs = append(addrs, server.Addr)
	}
	for i, addr := range addrs {
		node := redis.NewClient(&redis.Options{Addr: addr})
		const third = 16384 / 3
		last := (i+1)*third - 1
		if i == 2 {
			last = 16383
		}
		must(t, node.ClusterAddSlotsRange(t.Context(), i*third, last).Err())
		must(t, node.Do(t.Context(), "CLUSTER", "SET-CONFIG-EPOCH", i+1).Err())
		for _, other := range addrs[:i] {
			host, port, err := net.SplitHostPort(other)
			must(t, err)
			must(t, node.ClusterMeet(t.Context(), host, port).Err())
		}
		must(t, node.Close())
	}
	for _, addr := range addrs {
		node := redis.NewClient(&redis.Options{Addr: addr})
		eventually(t, "the cluster serves", func() bool {
			info := node.ClusterInfo(t.Context()).Val()
			return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_known_nodes:3")
		})
		must(t, node.Close())
	}
	rdb := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs, Username: devenvtest.RedisUser, Password: devenvtest.RedisPassword})
	t.Cleanup(func() { must(t, rdb.Close()) })
	return rdb
}

func TestSchedulingGoesOnWhenASentinelPromotesTheReplica(t *testing.T) {
	t.Parallel()
	master := devenvtest.Redis(t)
	host, port, err := net.SplitHostPort(master.Addr)
	must(t, err)
	replica := devenvtest.RedisWith(t, devenv.RedisOptions{Args: []string{
		"--replicaof", host + " " + port, "--repl-diskless-sync-delay", "0",
		"--dir", t.TempDir(), // a replica writes what it receives to its folder
	}})
	sentinel := newSentinel(t, host, port)
	rdb := redis.NewFailoverClient(&redis.FailoverOptions{
		MasterName: "keyturn", SentinelAddrs: []string{sentinel}, Username: devenvtest.RedisUser, Password: devenvtest.RedisPassword,
	})
	t.Cleanup(func() { must(t, rdb.Close()) })
	x, v, q := NewIndex(rdb), newVault(), newQueue()
	creds := fleet("a", 20, every30d(t))
	for _, cred := range creds[:10] {
		v.rotated(cred, past)
	}
	s := newScheduler(x, q, v, newInventory("one", creds...), Account{Name: "a", Capacity: 100})
	start(t, s)
	q.take(t, 10)
	eventually(t, "the index is built", func() bool { return s.Ready() == nil })
	second := dial(t, replica.Addr)
	eventually(t, "the replica has it", func() bool {
		return second.rdb.ZCard(t.Context(), redisx.Key("a", redisx.Due)).Val() == 10 && second.rdb.Exists(t.Context(), redisx.Key("a", redisx.Epoch)).Val() == 1
	})
	must(t, master.Kill())
	admin := redis.NewClient(&redis.Options{Addr: replica.Addr})
	defer admin.Close()
	eventually(t, "the replica is master", func() bool {
		role, err := admin.Do(t.Context(), "ROLE").Slice()
		return err == nil && role[0] == "master"
	})
	putOff(t, second, past, creds[10:]...)
	for _, j := range q.take(t, 10) {
		if j.slot.Before(past) {
			t.Errorf("%+v", j)
		}
	}
	if n := len(q.jobs); n != 0 {
		t.Errorf("%d were enqueued again", n)
	}
	eventually(t, "the scheduler is ready", func() bool { return s.Ready() == nil })
}

// newSentinel starts a sentinel that watches one master as "keyturn", and returns its address.
func newSentinel(t *testing.T, host, port string) string {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	must(t, err)
	dir := t.TempDir()
	own := have[int](t)(devenv.FreePort(t.Context()))
	config := filepath.Join(dir, "sentinel.conf")
	must(t, os.WriteFile(config, fmt.Appendf(nil, "bind 127.0.0.1\nport %d\nsentinel monitor keyturn %s %s 1\n"+
		"sentinel down-after-milliseconds keyturn 300\nsentinel failover-timeout keyturn 3000\n", own, host, port), 0o600))
	addr := fmt.Sprintf("127.0.0.1:%d", own)
	devenvtest.Process(t, devenv.Command{
		Name: "redis-sentinel", Path: path, Dir: dir, Args: []string{config, "--sentinel"},
		Probe: func(ctx context.Context, _ int) error {
			client := redis.NewSentinelClient(&redis.Options{Addr: addr})
			defer client.Close()
			replicas, err := client.Replicas(ctx, "keyturn").Result()
			if err == nil && len(replicas) == 0 {
				return errors.New("the sentinel knows no replica yet")
			}
			return err
		},
	})
	return addr
}
