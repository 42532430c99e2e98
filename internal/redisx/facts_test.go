package redisx_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/devenv"
	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/redisx"
	"keyturn/internal/secret"
)

func dialAs(t *testing.T, server *devenv.Redis, user, password string) redis.UniversalClient {
	t.Helper()
	rdb, err := redisx.Dial(redisx.Config{Addresses: []string{server.Addr}, Username: user, Password: secret.New(password)})
	must(t, err)
	t.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

func TestARedisTellsHowItKeepsWhatItHolds(t *testing.T) {
	t.Parallel()
	kept := devenvtest.RedisWith(t, devenv.RedisOptions{Dir: t.TempDir()})
	lost := devenvtest.RedisWith(t, devenv.RedisOptions{Args: []string{"--maxmemory-policy", "volatile-ttl"}})
	for server, want := range map[*devenv.Redis]redisx.Facts{
		kept: {Address: kept.Addr, Policy: "noeviction", AOF: true, AOFWrite: "ok", SnapshotWrite: "ok"},
		lost: {Address: lost.Addr, Policy: "volatile-ttl", AOFWrite: "ok", SnapshotWrite: "ok"},
	} {
		rdb := dialAs(t, server, devenvtest.RedisUser, devenvtest.RedisPassword)
		facts, err := redisx.Ask(t.Context(), rdb)
		must(t, err)
		if len(facts) != 1 || facts[0].Version == "" {
			t.Fatalf("%+v", facts)
		}
		facts[0].Version = ""
		if facts[0] != want || facts[0].Evicts() != (server == lost) {
			t.Errorf("%+v, want %+v", facts[0], want)
		}
	}
}

func TestTheUserThatShipsLacksNothing(t *testing.T) {
	t.Parallel()
	lacks, err := redisx.Lacks(t.Context(), dialAs(t, devenvtest.Redis(t), devenvtest.RedisUser, devenvtest.RedisPassword))
	if err != nil || len(lacks) > 0 {
		t.Errorf("lacks %q, %v", lacks, err)
	}
	shipped, err := os.ReadFile("../../deploy/redis/users.acl")
	must(t, err)
	if !strings.HasSuffix(strings.TrimSpace(string(shipped)), redisx.Rights) {
		t.Errorf("%s does not end in %s", shipped, redisx.Rights)
	}
}

func TestEveryRightThatAUserLacksIsNamed(t *testing.T) {
	t.Parallel()
	server := devenvtest.Redis(t)
	admin := redis.NewClient(&redis.Options{Addr: server.Addr})
	t.Cleanup(func() { _ = admin.Close() })
	for _, tt := range []struct {
		user, rights string
		want         []string
	}{
		{"reader", strings.Replace(redisx.Rights, "+@write ", "", 1), []string{"write asynq:*", "write keyturn:*"}},
		{"stranger", strings.Replace(redisx.Rights, "~keyturn:* ", "", 1), []string{"read keyturn:*", "write keyturn:*", "run scripts on keyturn:*"}},
		{"deaf", strings.Replace(redisx.Rights, "&asynq:* ", "", 1), []string{"subscribe to asynq:*"}},
		{"timeless", strings.Replace(redisx.Rights, " +time", "", 1), []string{"tell the time"}},
		{"single", strings.Replace(redisx.Rights, " +@transaction", "", 1), []string{"use transactions"}},
	} {
		args := []any{"acl", "setuser", tt.user, "on", ">" + tt.user, "resetchannels"}
		for right := range strings.FieldsSeq(tt.rights) {
			args = append(args, right)
		}
		must(t, admin.Do(t.Context(), args...).Err())
		lacks, err := redisx.Lacks(t.Context(), dialAs(t, server, tt.user, tt.user))
		if err != nil || !slices.Equal(lacks, tt.want) {
			t.Errorf("%s: lacks %q, want %q; %v", tt.user, lacks, tt.want, err)
		}
	}
	if n := admin.DBSize(t.Context()).Val(); n != 0 {
		t.Errorf("%d keys were written", n)
	}
}

func TestTheLatencyIsTheMedianOfSomeRoundTrips(t *testing.T) {
	t.Parallel()
	// Each is timed by two looks at the clock.
	steps := []time.Duration{3, 900, 1, 2, 800}
	now, looks := time.Time{}, 0
	took, err := redisx.Latency(t.Context(), dialAs(t, devenvtest.Redis(t), "", ""), func() time.Time {
		if looks%2 == 1 {
			now = now.Add(steps[looks/2])
		}
		looks++
		return now
	})
	if err != nil || took != 3 {
		t.Errorf("%v, %v", took, err)
	}
}
