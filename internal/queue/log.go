package queue

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/redis/go-redis/v9"
)

// engineLog carries asynq's log lines over to slog. What it calls information is about its own goroutines. What it calls an
// error it tries again, and says so each time; /readyz tells once what a person has to see.
type engineLog struct{ log *slog.Logger }

func (l engineLog) write(level slog.Level, args []any) {
	l.log.Log(context.Background(), level, "asynq", "message", fmt.Sprint(args...))
}

func (l engineLog) Debug(args ...any) { l.write(slog.LevelDebug, args) }
func (l engineLog) Info(args ...any)  { l.write(slog.LevelDebug, args) }
func (l engineLog) Warn(args ...any)  { l.write(slog.LevelWarn, args) }
func (l engineLog) Error(args ...any) { l.write(slog.LevelWarn, args) }

// Fatal does not end the process: that is for main to decide.
func (l engineLog) Fatal(args ...any) { l.write(slog.LevelError, args) }

// LogClient sends the lines of the Redis client, which otherwise go to standard error as they are, to log. It is for
// main to call, once: the client knows one logger for the whole process. Nothing in them is news, since every failure
// is also an error that a caller gets, so they are kept for debugging.
func LogClient(log *slog.Logger) { redis.SetLogger(clientLog{log}) }

type clientLog struct{ log *slog.Logger }

func (l clientLog) Printf(ctx context.Context, format string, args ...any) {
	l.log.DebugContext(ctx, "redis", "message", fmt.Sprintf(format, args...))
}
