package redisx_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/redisx"
)

// failover is an address that leads to one Redis, and from some time on to another. Connections stay where they are.
type failover struct {
	net.Listener
	target  atomic.Value // string
	refused atomic.Int64 // answers that a write was refused
	spell   string       // of READONLY
}

func newFailover(t *testing.T, first, spell string) *failover {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	f := &failover{Listener: l, spell: spell}
	f.target.Store(first)
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { f.serve(conn) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); serving.Wait() })
	return f
}

func (f *failover) serve(client net.Conn) {
	defer client.Close()
	server, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", f.target.Load().(string))
	if err != nil {
		return
	}
	defer server.Close()
	go func() { _, _ = io.Copy(server, client); _ = server.Close() }()
	buffer := make([]byte, 64<<10)
	for {
		n, err := server.Read(buffer)
		if err != nil {
			return
		}
		answer := buffer[:n]
		if bytes.HasPrefix(answer, []byte("-READONLY")) {
			f.refused.Add(1)
			answer = append([]byte("-"+f.spell), answer[len("-READONLY"):]...)
		}
		if _, err := client.Write(answer); err != nil {
			return
		}
	}
}

// replica is a Redis that takes no writes.
func replica(t *testing.T) string {
	t.Helper()
	addr := devenvtest.Redis(t).Addr
	admin := redis.NewClient(&redis.Options{Addr: addr})
	defer admin.Close()
	must(t, admin.ReplicaOf(t.Context(), "127.0.0.1", "1").Err())
	return addr
}

func TestAConnectionToADemotedMasterIsGivenUp(t *testing.T) {
	t.Parallel()
	for _, spell := range []string{"READONLY", "ERR READONLY", "ERR script: READONLY"} {
		for _, pipelined := range []bool{false, true} {
			name := spell
			if pipelined {
				name += ", pipelined"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				f := newFailover(t, replica(t), spell)
				cfg := asKeyturn(devenvtest.Redis(t))
				master := cfg.Addresses[0]
				cfg.Addresses = []string{f.Addr().String()}
				rdb, err := redisx.Dial(cfg)
				must(t, err)
				t.Cleanup(func() { _ = rdb.Close() })
				must(t, rdb.Ping(t.Context()).Err())
				_, err = rdb.Pipelined(t.Context(), func(p redis.Pipeliner) error { p.Ping(t.Context()); return nil })
				must(t, err)
				f.target.Store(master)
				write := func() error {
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					if !pipelined {
						return rdb.Set(ctx, "keyturn:x", "1", 0).Err()
					}
					_, err := rdb.Pipelined(ctx, func(p redis.Pipeliner) error { p.Set(ctx, "keyturn:x", "1", 0); return nil })
					return err
				}
				if err := write(); err != nil && !pipelined {
					t.Errorf("it reaches the caller: %v", err)
				}
				must(t, write())
				if n := f.refused.Load(); n != 1 {
					t.Errorf("refused %d times", n)
				}
			})
		}
	}
}

func TestADeadlineSaysWhyNoConnectionCameAbout(t *testing.T) {
	t.Parallel()
	server := devenvtest.Redis(t)
	rdb, err := redisx.Dial(asKeyturn(server))
	must(t, err)
	t.Cleanup(func() { _ = rdb.Close() })
	must(t, server.Stop())
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if err := rdb.Ping(ctx).Err(); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("got %v", err)
	}
}
