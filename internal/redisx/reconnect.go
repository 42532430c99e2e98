package redisx

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"syscall"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/rotation"
)

// reconnectOnReadOnly lets go of connections to a server that does not take writes any more. After a failover the name
// may lead to the new master, but a connection stays with the old one. go-redis does so for an answer that begins with
// READONLY, and not where it comes from a pipeline, or as `ERR READONLY ...` from a managed Redis.
func reconnectOnReadOnly(rdb redis.UniversalClient) {
	switch c := rdb.(type) {
	case *redis.ClusterClient:
		c.OnNewNode(func(node *redis.Client) { node.AddHook(&connections{open: map[*tracked]struct{}{}}) })
	default:
		c.AddHook(&connections{open: map[*tracked]struct{}{}})
	}
}

// connections are those of one server. It also keeps why the last one could not be made, which is worth more than that a
// deadline passed.
type connections struct {
	mu      sync.Mutex
	open    map[*tracked]struct{}
	refused error // of the last attempt to connect; nil if it succeeded
}

type tracked struct {
	net.Conn
	of *connections
}

// Close implements net.Conn.
func (c *tracked) Close() error {
	c.of.mu.Lock()
	delete(c.of.open, c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}

// raw is a tracked connection of which go-redis may ask whether it still stands.
type raw struct {
	*tracked
	syscall.Conn
}

// DialHook implements redis.Hook.
func (c *connections) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := next(ctx, network, addr)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.refused = err
		if err != nil {
			return nil, err
		}
		t := &tracked{Conn: conn, of: c}
		c.open[t] = struct{}{}
		if sys, ok := conn.(syscall.Conn); ok {
			return raw{t, sys}, nil
		}
		return t, nil
	}
}

// drop closes every connection that is open now. What is under way on them fails as if the server had ended.
func (c *connections) drop() {
	c.mu.Lock()
	open := make([]*tracked, 0, len(c.open))
	for t := range c.open {
		open = append(open, t)
	}
	c.mu.Unlock()
	for _, t := range open {
		_ = t.Close()
	}
}

// ProcessHook implements redis.Hook. The server has done nothing, so the command is sent again for a while.
func (c *connections) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		for n := 0; n < retries && disguised(err); n++ {
			c.drop()
			if !repeatable(cmd) || (rotation.WallClock{}).Sleep(ctx, min(minBackoff<<n, maxBackoff)) != nil {
				break
			}
			err = next(ctx, cmd)
		}
		return c.explain(err)
	}
}

// ProcessPipelineHook implements redis.Hook.
func (c *connections) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := next(ctx, cmds)
		for _, cmd := range cmds {
			if refused := cmd.Err(); disguised(refused) || redis.HasErrorPrefix(refused, readOnly) {
				c.drop()
				break
			}
		}
		return c.explain(err)
	}
}

// explain adds to a deadline what it was that took so long.
func (c *connections) explain(err error) error {
	if !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refused == nil || errors.Is(c.refused, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%w: %w", c.refused, err)
}

const readOnly = "READONLY"

// disguised reports whether a server refuses writes in words that go-redis does not understand.
func disguised(err error) bool {
	var answer redis.Error
	return errors.As(err, &answer) && !strings.HasPrefix(answer.Error(), readOnly) && strings.Contains(answer.Error(), readOnly)
}

// repeatable reports whether a command may be sent more than once.
func repeatable(cmd redis.Cmder) bool {
	single, ok := cmd.(interface{ NoRetry() bool })
	return !ok || !single.NoRetry()
}
