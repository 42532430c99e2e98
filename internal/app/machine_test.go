package app

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/config"
	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/observe"
	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

func TestABreakerThatClosesIsNoError(t *testing.T) {
	t.Parallel()
	for open, level := range map[bool]string{true: "ERROR", false: "INFO"} {
		var out bytes.Buffer
		notify := breakerChanged(observe.NewMetrics(), observe.NewLogger(&out, slog.LevelInfo))
		notify(t.Context(), queue.Transition{Account: "ses", Open: open, Cause: "refused"})
		if line := out.String(); !strings.Contains(line, `"level":"`+level+`","msg":"the account's breaker changed","account":"ses"`) {
			t.Errorf("open: %v: %s", open, line)
		}
	}
}

// behind is a Redis beside which this machine's clock is an hour ahead.
type behind struct{}

func (behind) DialHook(next redis.DialHook) redis.DialHook { return next }

func (behind) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if u, ok := cmd.(interface{ Unwrap() redis.Cmder }); ok {
			if answer, ok := u.Unwrap().(*redis.TimeCmd); ok {
				answer.SetVal(answer.Val().Add(-time.Hour))
			}
		}
		return err
	}
}

func (behind) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// engine is one of a configuration with one account, beside a Redis of its own.
func engine(t *testing.T, out *bytes.Buffer, hooks ...redis.Hook) *Engine {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: devenvtest.Redis(t).Addr, Username: devenvtest.RedisUser, Password: devenvtest.RedisPassword})
	t.Cleanup(func() { _ = rdb.Close() })
	for _, hook := range hooks {
		rdb.AddHook(hook)
	}
	cfg := &config.Config{
		Accounts: map[string]*config.Account{"ses": {Name: "ses", Rates: []rotation.Rate{{Requests: 1, Per: time.Second}}}},
		Timing:   config.Timing{ProviderTimeout: time.Second, TaskTimeout: time.Minute},
	}
	e, err := NewEngine(t.Context(), cfg, rdb, nil, observe.NewMetrics(), observe.NewLogger(out, slog.LevelInfo))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestTheBreakerHearsWhatProvidersAnswer(t *testing.T) {
	t.Parallel()
	e := engine(t, new(bytes.Buffer))
	if w, ok := e.Machine.Observer.(queue.Witness); !ok || w.Breaker != e.Breaker || w.Observer == nil {
		t.Errorf("the machine's observer is %T", e.Machine.Observer)
	}
}

func TestWhatARotationWritesIsRedissTimeOnAMachineThatIsAnHourFast(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	e := engine(t, &out, behind{})
	if ahead := time.Since(e.Machine.Clock.Now()); ahead < 55*time.Minute || ahead > 65*time.Minute {
		t.Errorf("the machine is %v ahead of what it writes", ahead)
	}
	if !strings.Contains(out.String(), `"ahead":"1h0m0`) && !strings.Contains(out.String(), `"ahead":"59m59`) {
		t.Errorf("nothing tells of it: %s", out.String())
	}
}
