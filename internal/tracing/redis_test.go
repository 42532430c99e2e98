package tracing_test

import (
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/tracing"
	"keyturn/internal/tracing/tracingtest"
)

func TestASpanOfRedisHasTheNameOfACommandAndNoKeyOrArgument(t *testing.T) {
	t.Parallel()
	collector := tracingtest.New(t)
	tracer := open(t, collector.Getenv)
	rdb := redis.NewClient(&redis.Options{Addr: devenvtest.Redis(t).Addr, DisableIdentity: true})
	t.Cleanup(func() { _ = rdb.Close() })
	tracing.WatchRedis(rdb)
	const canary = "canary-77aa"
	rdb.Set(t.Context(), canary, canary, 0) // in no trace

	ctx, root := tracer.Begin(t.Context(), tracing.Parent{}, tracing.Consumer, "rotate")
	rdb.Get(ctx, canary+"-missing")
	rdb.HGet(ctx, canary, canary) // which is a string
	redis.NewScript("return redis.call('SET', KEYS[1], ARGV[1])").Run(ctx, rdb, []string{canary}, canary)
	_, _ = rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.Get(ctx, canary)
		p.Del(ctx, canary)
		return nil
	})
	root.End(nil)
	flush(t, tracer)
	if strings.Contains(string(collector.Received()), canary) {
		t.Error("a key or an argument is exported")
	}
	if n := len(collector.Spans("SET")); n != 0 {
		t.Errorf("%d spans of what is in no trace", n)
	}
	missing, wrong, pipe := collector.Spans("GET")[0], collector.Spans("HGET")[0], collector.Spans("PIPELINE")[0]
	if missing.Failed || missing.Attributes["db.system.name"] != "redis" || missing.Attributes["db.operation.name"] != "GET" {
		t.Errorf("%+v", missing)
	}
	if !wrong.Failed || wrong.Attributes["db.response.status_code"] != "WRONGTYPE" || wrong.Attributes["error.type"] != "WRONGTYPE" {
		t.Errorf("%+v", wrong)
	}
	if !strings.Contains(pipe.Attributes["db.operation.batch.size"], "2") || pipe.ParentID != collector.Spans("rotate")[0].SpanID {
		t.Errorf("%+v", pipe)
	}
	if sent := collector.Spans("EVALSHA")[0]; sent.Failed {
		t.Error("a script that has to be sent first is no failure")
	}
}
