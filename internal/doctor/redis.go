package doctor

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/redisx"
	"keyturn/internal/rotation"
)

// Redis is a connection to Redis, and how it was made.
type Redis struct {
	Client   redis.UniversalClient
	Address  string // as a person knows it
	Username string // "" is the default user
	Open     bool   // it lets anyone in who reaches it, and more than this machine can
}

const (
	redisSlow   = 20 * time.Millisecond // a rotation takes some four round trips
	redisFails  = time.Second           // the clock of Redis cannot be told from an answer that took longer
	oldestMajor = 6                     // the first with users who have rights of their own
)

// Look looks at everything but what keyturn keeps there.
func (r Redis) Look(ctx context.Context) []Finding {
	if err := redisx.Ping(ctx, r.Client); err != nil {
		return []Finding{r.away(err)}
	}
	var all []Finding
	all = append(all, r.rights(ctx)...)
	all = append(all, r.writes(ctx), r.latency(ctx), r.clock(ctx), r.door())
	facts, err := redisx.Ask(ctx, r.Client)
	if err != nil {
		return append(all, r.finding(Error, err.Error(), "every process asks it at its start for its memory policy, and ends if it does not tell", "let the user send INFO", r.setUser()...))
	}
	for _, f := range facts {
		all = append(all, policy(f), persistence(f), version(f))
	}
	return all
}

func (r Redis) finding(severity Severity, what, why, fix string, commands ...string) Finding {
	return Finding{Area: AreaRedis, Subject: r.Address, Severity: severity, What: what, Why: why, Fix: fix, Commands: commands}
}

func (r Redis) away(err error) Finding {
	return r.finding(Error, "it does not answer: "+err.Error(), "no job runs without it: nothing rotates, and no process starts",
		"check redis.address, user and password in the configuration, and that this machine may connect there")
}

// Away is the finding about a Redis to which no connection could be prepared.
func (r Redis) Away(err error) []Finding { return []Finding{r.away(err)} }

func (r Redis) rights(ctx context.Context) []Finding {
	lacks, err := redisx.Lacks(ctx, r.Client)
	var all []Finding
	if err != nil {
		all = append(all, r.finding(Error, "it could not be tried what the user may do: "+err.Error(), "a command that fails here fails a job too", "see what Redis says: it may be read-only, or out of memory"))
	}
	if len(lacks) > 0 {
		all = append(all, r.finding(Error, fmt.Sprintf("user %s may not %s", r.user(), strings.Join(lacks, ", ")),
			"a job that needs it fails, some of them in the middle", "give the user what deploy/redis/users.acl has, in redis-cli as an administrator", r.setUser()...))
	}
	if len(all) == 0 {
		all = append(all, r.finding(OK, fmt.Sprintf("user %s may do what keyturn needs", r.user()), "", ""))
	}
	return all
}

func (r Redis) user() string {
	if r.Username == "" {
		return "default"
	}
	return r.Username
}

func (r Redis) setUser() []string {
	return []string{fmt.Sprintf("ACL SETUSER %s %s", r.user(), redisx.Rights), "ACL SAVE"}
}

func (r Redis) writes(ctx context.Context) Finding {
	if err := redisx.TakesWrites(ctx, r.Client); err != nil {
		return r.finding(Error, "it takes no writes: "+err.Error(), "no job can be enqueued, begun or ended",
			"after a failover, have redis.address lead to the master; where it says OOM, raise maxmemory")
	}
	return r.finding(OK, "it takes writes", "", "")
}

func (r Redis) latency(ctx context.Context) Finding {
	took, err := redisx.Latency(ctx, r.Client, rotation.WallClock{}.Now)
	if err != nil {
		return r.away(err)
	}
	what := fmt.Sprintf("a round trip takes %v", took.Round(10*time.Microsecond))
	why := "every rotation takes some four round trips, and every worker polls"
	switch {
	case took >= redisFails:
		return r.finding(Error, what, why+"; at a second or more no process starts, because the time of Redis cannot be told", "run Redis in the same network as the workers")
	case took >= redisSlow:
		return r.finding(Warning, what, why, "run Redis in the same network as the workers")
	}
	return r.finding(OK, what, "", "")
}

func (r Redis) clock(ctx context.Context) Finding {
	asked := rotation.WallClock{}.Now()
	theirs, err := r.Client.Time(ctx).Result()
	if err != nil {
		return Skip(AreaClock, "redis "+r.Address, "it does not tell the time: "+err.Error())
	}
	trip := rotation.WallClock{}.Now().Sub(asked)
	return Clock(AreaRedis, r.Address, Reading{Theirs: theirs, Ours: asked.Add(trip / 2), Unsure: trip / 2})
}

// door judges who gets in.
func (r Redis) door() Finding {
	if r.Open {
		return r.finding(Warning, "it lets anyone in who can reach it",
			"who may write there can make keyturn rotate, and release or abandon what is in quarantine",
			"make a user (deploy/redis/README.md), and set redis.username and redis.password")
	}
	return r.finding(OK, "strangers cannot write there", "", "")
}

func policy(f redisx.Facts) Finding {
	out := Finding{Area: AreaRedis, Subject: f.Address, Severity: OK, What: "maxmemory-policy is " + f.Policy}
	switch {
	case f.Policy == "":
		return Skip(AreaRedis, f.Address, "it does not say which maxmemory-policy it has: it must be noeviction")
	case f.Evicts():
		out.Severity = Error
		out.Why = "when its memory is full, jobs vanish, and some block their credential for good: no process starts"
		out.Fix = "set it now, and in redis.conf, so that it survives a restart"
		out.Commands = []string{redisCLI(f.Address) + "config set maxmemory-policy noeviction"}
	}
	return out
}

func persistence(f redisx.Facts) Finding {
	out := Finding{Area: AreaRedis, Subject: f.Address, Severity: OK, What: "it keeps an append-only file"}
	switch {
	case f.AOFWrite == "err" || f.SnapshotWrite == "err":
		out.Severity, out.What = Error, "it could not write its data to disk"
		out.Why = "Redis refuses writes then, or loses what it holds when it restarts"
		out.Fix = "see its log: the disk is full, or the folder is not writable"
	case !f.AOF:
		out.Severity, out.What = Warning, "it keeps no append-only file"
		out.Why = "a restart loses the queue: due times are read back from Vault, but what was asked for by hand is not"
		out.Fix = "set it now, and in redis.conf, so that it survives a restart"
		out.Commands = []string{redisCLI(f.Address) + "config set appendonly yes"}
	}
	return out
}

func version(f redisx.Facts) Finding {
	out := Finding{Area: AreaRedis, Subject: f.Address, Severity: OK, What: "version " + f.Version}
	major, _, _ := strings.Cut(f.Version, ".")
	n, err := strconv.Atoi(major)
	switch {
	case err != nil:
		return Skip(AreaRedis, f.Address, "it does not say which version it is")
	case n < oldestMajor:
		out.Severity = Warning
		out.Why = "keyturn is tested with Redis 7; before 6 there are no users with rights of their own"
		out.Fix = "upgrade to Redis 7"
	}
	return out
}

// redisCLI is the beginning of a command line.
func redisCLI(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "redis-cli "
	}
	return fmt.Sprintf("redis-cli -h %s -p %s ", host, port)
}
