package redisx

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// handshakeOnce keeps go-redis from repeating the HELLO of a new connection on that same connection: a caller that was
// cut off in it, by a proxy before a Redis that restarts, would wait there until all retries are spent, long after
// Redis is back. The command that wanted the connection tries again with another one.
func handshakeOnce(rdb redis.UniversalClient) {
	switch c := rdb.(type) {
	case *redis.ClusterClient:
		c.OnNewNode(func(node *redis.Client) { node.AddHook(handshake{}) })
	default:
		c.AddHook(handshake{})
	}
}

type handshake struct{}

// Once is a command that is sent only once.
func Once(cmd redis.Cmder) redis.Cmder { return once{cmd} }

type once struct{ redis.Cmder }

// NoRetry implements redis.Cmder.
func (once) NoRetry() bool { return true }

// ProcessHook implements redis.Hook.
func (handshake) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if cmd.Name() == "hello" {
			cmd = once{cmd}
		}
		return next(ctx, cmd)
	}
}

// DialHook implements redis.Hook.
func (handshake) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessPipelineHook implements redis.Hook.
func (handshake) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// Unwrap is the command, for other hooks.
func (o once) Unwrap() redis.Cmder { return o.Cmder }
