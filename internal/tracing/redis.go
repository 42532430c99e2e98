package tracing

import (
	"context"
	"errors"
	"strings"

	"github.com/redis/go-redis/v9"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// WatchRedis has each command and each pipeline of a connection shown in the trace that it belongs to. Of a command only
// its name counts: keys name credentials, and arguments are anything.
func WatchRedis(rdb redis.UniversalClient) { rdb.AddHook(redisHook{}) }

type redisHook struct{}

// DialHook implements redis.Hook.
func (redisHook) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook implements redis.Hook.
func (redisHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if !On(ctx) {
			return next(ctx, cmd)
		}
		name := strings.ToUpper(cmd.Name())
		ctx, span := Start(ctx, Client, name)
		span.command(name)
		err := next(ctx, cmd)
		span.answered(err)
		return err
	}
}

// ProcessPipelineHook implements redis.Hook.
func (redisHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if !On(ctx) {
			return next(ctx, cmds)
		}
		ctx, span := Start(ctx, Client, "PIPELINE")
		span.command("PIPELINE")
		span.set(semconv.DBOperationBatchSize(len(cmds)))
		err := next(ctx, cmds)
		span.answered(err)
		return err
	}
}

func (s Span) command(name string) {
	s.set(semconv.DBSystemNameRedis)
	s.set(semconv.DBOperationName(name))
}

// answered ends a span of Redis. That nothing stands somewhere is an answer, and so is that a script has to be sent.
func (s Span) answered(err error) {
	var refusal redis.Error
	switch {
	case errors.Is(err, redis.Nil) || redis.HasErrorPrefix(err, "NOSCRIPT"):
		s.End(nil)
	case s.span != nil && errors.As(err, &refusal):
		code := codeOf(refusal.Error())
		s.set(semconv.DBResponseStatusCode(code))
		s.fail(code)
		s.End(nil)
	default:
		s.End(err)
	}
}

// codeOf is the first word of a refusal, such as READONLY, where it is a code. What follows may quote a key.
func codeOf(refusal string) string {
	code, _, _ := strings.Cut(refusal, " ")
	if len(code) > 32 || strings.ContainsFunc(code, func(r rune) bool { return r < 'A' || r > 'Z' }) {
		return "ERR"
	}
	return code
}
