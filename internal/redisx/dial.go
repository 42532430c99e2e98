package redisx

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"keyturn/internal/secret"
)

// Config says how to reach Redis.
type Config struct {
	Addresses []string // host:port: one server, or seeds of a cluster, or sentinels
	Cluster   bool     // Addresses are seeds of a Redis Cluster
	Master    string   // the master that the sentinels at Addresses watch; "" without sentinels
	Database  int      // 0 in a cluster

	Username string // ACL user; "" is Redis's default user
	Password secret.Value

	SentinelUsername string
	SentinelPassword secret.Value

	TLS *tls.Config // nil: in clear
	// Renew is asked for the settings of each connection, in place of TLS, so that certificates can change; nil: TLS stays.
	Renew    func() *tls.Config
	PoolSize int // connections per node at most; 0 means 64
}

// What a command is tried again with while Redis is away: for some 25 seconds.
const (
	retries                = 15
	minBackoff, maxBackoff = 50 * time.Millisecond, 2 * time.Second
)

// Dial makes the client that asynq's client and servers, and everything else on Redis, share. It connects when first
// used. The caller closes it.
//
// Its retries are not a convenience. asynq writes the end of a task once and under a context that it then cancels, so
// that its own second try can never succeed; the lease lapses, and a task that was done runs again. Retrying beneath
// asynq for some 25 seconds, which is within the lease, carries that write over a restart of Redis.
func Dial(cfg Config) (redis.UniversalClient, error) {
	switch {
	case len(cfg.Addresses) == 0:
		return nil, errors.New("redis: no address")
	case cfg.Cluster && cfg.Master != "":
		return nil, errors.New("redis: cluster and sentinel master exclude each other")
	case cfg.Cluster && cfg.Database != 0:
		return nil, fmt.Errorf("redis: a cluster has no database %d", cfg.Database)
	case !cfg.Cluster && cfg.Master == "" && len(cfg.Addresses) > 1:
		return nil, errors.New("redis: several addresses, but neither cluster nor sentinel master is set")
	}
	size := cfg.PoolSize
	if size == 0 {
		size = 64
	}
	rdb := redis.NewUniversalClient(&redis.UniversalOptions{
		Addrs: cfg.Addresses, MasterName: cfg.Master, DB: cfg.Database, IsClusterMode: cfg.Cluster,
		Username: cfg.Username, Password: cfg.Password.Reveal(),
		SentinelUsername: cfg.SentinelUsername, SentinelPassword: cfg.SentinelPassword.Reveal(),
		TLSConfig: cfg.TLS, Dialer: cfg.dialer(),
		MaxRetries: retries, MaxRedirects: retries, // a cluster client counts its retries as redirects
		MinRetryBackoff: minBackoff, MaxRetryBackoff: maxBackoff,
		DialTimeout: dialTimeout, DialerRetries: 1, ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second,
		ContextTimeoutEnabled: true, // a caller's deadline counts, not only the time-outs above
		PoolSize:              size,
		ConnMaxIdleTime:       5 * time.Minute,
		DisableIdentity:       true, // an ACL user need not be allowed CLIENT SETINFO
		MaintNotificationsConfig: &maintnotifications.Config{
			Mode: maintnotifications.ModeDisabled,
		},
	})
	handshakeOnce(rdb)
	reconnectOnReadOnly(rdb)
	return rdb, nil
}

const dialTimeout = 5 * time.Second

// dialer makes connections with TLS settings of their own; nil: go-redis makes them.
func (r Config) dialer() func(ctx context.Context, network, addr string) (net.Conn, error) {
	if r.Renew == nil {
		return nil
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		d := tls.Dialer{NetDialer: &net.Dialer{Timeout: dialTimeout, KeepAlive: 5 * time.Minute}, Config: r.Renew()}
		return d.DialContext(ctx, network, addr)
	}
}

// Ping asks for a sign of life, once: startup fails immediately when Redis is away, while all later commands ride out a
// restart.
func Ping(ctx context.Context, rdb redis.UniversalClient) error {
	return rdb.Process(ctx, Once(redis.NewStatusCmd(ctx, "ping")))
}

// ErrEvicts is a Redis that drops keys when its memory is full. A dropped task blocks its credential's id.
var ErrEvicts = errors.New("redis: maxmemory-policy is not noeviction: jobs can vanish")

// Check reports ErrEvicts, or that Redis could not be asked.
func Check(ctx context.Context, rdb redis.UniversalClient) error {
	all, err := Ask(ctx, rdb)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(all, Facts.Evicts) {
		return ErrEvicts
	}
	return nil
}

// TakesWrites writes something, once, and returns Redis's own reason if that does not work: one that answers may be
// read only, or out of memory.
func TakesWrites(ctx context.Context, rdb redis.UniversalClient) error {
	cmd := redis.NewStatusCmd(ctx, "set", Ready, "1", "px", time.Minute.Milliseconds())
	return rdb.Process(ctx, Once(cmd))
}
