package devenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// ErrNoRedis means that the machine has no redis-server.
var ErrNoRedis = errors.New("redis-server is not on PATH: run `make setup`, or install it " +
	"(Debian, Ubuntu: apt-get install redis-server; Alpine: apk add redis; macOS: brew install redis)")

// RedisOptions says how to start a Redis; the zero value is an empty one in memory on a free port.
type RedisOptions struct {
	Dir  string   // where data is kept, in an append-only file written at every second; in memory if empty
	Port int      // a free one if 0
	Args []string // added to the command line, and so stronger than our own; never a secret
}

// Redis is a running redis-server. With a Dir, data survives Kill and Restart; without, neither.
type Redis struct {
	*Process
	Addr string // host:port
}

// StartRedis starts the redis-server that is on PATH, and waits until it answers. Where there is none it returns
// ErrNoRedis.
func StartRedis(ctx context.Context, opts RedisOptions) (*Redis, error) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, ErrNoRedis
	}
	if opts.Dir != "" {
		if err := os.MkdirAll(opts.Dir, 0o700); err != nil {
			return nil, err
		}
	}
	process, port, err := startOnPort(ctx, opts.Port, func(port int) Command {
		return opts.command(path, port)
	})
	if err != nil {
		return nil, err
	}
	return &Redis{Process: process, Addr: loopback(port)}, nil
}

func (o RedisOptions) command(path string, port int) Command {
	// noeviction: an evicted task is lost, and keyturn refuses to run on a Redis that may evict.
	args := []string{
		"--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--daemonize", "no", "--save", "",
		"--maxmemory-policy", "noeviction",
		// A Redis in memory still loads a dump that it finds, and the usual name may be anybody's.
		"--dbfilename", fmt.Sprintf("keyturn-%d.rdb", port),
	}
	c := Command{Name: "redis-server", Path: path, Dir: os.TempDir()}
	if o.Dir != "" {
		c.Dir, c.Log = o.Dir, filepath.Join(o.Dir, "redis.log")
		args = append(args, "--dir", o.Dir, "--appendonly", "yes", "--appendfsync", "everysec")
	}
	c.Args = append(args, o.Args...)
	c.Probe = func(ctx context.Context, pid int) error { return probeRedis(ctx, loopback(port), pid) }
	return c
}

// probeRedis asks whether the Redis at addr has loaded its data, and whether it is ours: another process's may sit on
// the port that ours has just failed to get. One that wants a password first is taken for ready.
func probeRedis(ctx context.Context, addr string, pid int) error {
	client := redis.NewClient(&redis.Options{Addr: addr, MaxRetries: -1})
	defer client.Close()
	err := client.Ping(ctx).Err()
	if redis.HasErrorPrefix(err, "NOAUTH") {
		return nil
	}
	if err != nil {
		return err
	}
	info, err := client.InfoMap(ctx, "server").Result()
	if err != nil {
		return err
	}
	if got := info["Server"]["process_id"]; got != strconv.Itoa(pid) {
		return fmt.Errorf("process %s answers on %s", got, addr)
	}
	return nil
}
