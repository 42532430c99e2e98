package queue_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/queue"
)

// machine is a computer whose clocks a test can disturb.
type machine struct {
	start time.Time

	mu    sync.Mutex
	wrong time.Duration // what the wall clock is ahead
	stood time.Duration // how long the monotonic clock stood still
}

func (m *machine) read() queue.Instant {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	return queue.Instant{Wall: now.Round(0).Add(m.wrong), Up: now.Sub(m.start) - m.stood}
}

func (m *machine) set(wrong, stood time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wrong, m.stood = wrong, stood
}

func clockOn(t *testing.T, r *rig, m *machine) *queue.Clock {
	t.Helper()
	m.start = time.Now()
	c, err := queue.NewClock(t.Context(), r.rdb, slog.New(slog.NewTextHandler(r.logs, nil)), m.read)
	must(t, err)
	return c
}

// apart is how far a clock is from Redis's, less what a question costs.
func apart(t *testing.T, r *rig, c *queue.Clock) time.Duration {
	t.Helper()
	before, err := r.rdb.Time(t.Context()).Result()
	must(t, err)
	now := c.Now()
	after, err := r.rdb.Time(t.Context()).Result()
	must(t, err)
	switch {
	case now.Before(before):
		return before.Sub(now)
	case now.After(after):
		return now.Sub(after)
	}
	return 0
}

// close to Redis's clock is what half of a slow round trip leaves.
const measured = time.Second

func TestAClockIsRedissWhateverTheMachinesSays(t *testing.T) {
	t.Parallel()
	for _, wrong := range []time.Duration{0, 2 * time.Minute, time.Hour, -time.Hour} {
		r, m := newRig(t), &machine{}
		m.set(wrong, 0)
		c := clockOn(t, r, m)
		if off := apart(t, r, c); off > measured {
			t.Errorf("a machine that is %v ahead is %v away from Redis", wrong, off)
		}
		if off := c.Offset() - wrong; off.Abs() > measured {
			t.Errorf("a machine that is %v ahead is told as %v", wrong, c.Offset())
		}
		if told := strings.Contains(r.logs.String(), "differs from Redis's"); told != (wrong != 0) {
			t.Errorf("a machine that is %v ahead: told %t", wrong, told)
		}
	}
}

func TestAClockThatIsSetOrStoodStillAsksRedisFirst(t *testing.T) {
	t.Parallel()
	for name, disturb := range map[string]func(*machine){
		"set forward":  func(m *machine) { m.set(time.Hour, 0) },
		"set back":     func(m *machine) { m.set(-time.Hour, 0) },
		"stood still":  func(m *machine) { m.set(0, 10*time.Minute) },
		"both at once": func(m *machine) { m.set(-time.Hour, 10*time.Minute) },
	} {
		r, m := newRig(t), &machine{}
		m.start = time.Now().Add(-time.Hour) // the monotonic clock shows an hour
		c, err := queue.NewClock(t.Context(), r.rdb, discard, m.read)
		must(t, err)
		disturb(m)
		if off := apart(t, r, c); off > measured {
			t.Errorf("%s: %v away from Redis", name, off)
		}
	}
}

func TestAClockGoesOnWhileRedisIsAway(t *testing.T) {
	t.Parallel()
	server := devenvtest.Redis(t)
	r, m := rigOn(t, asKeyturn(server)), &machine{}
	c := clockOn(t, r, m)
	must(t, server.Stop())
	var before time.Time
	for _, wrong := range []time.Duration{0, time.Hour, -time.Hour} {
		m.set(wrong, 0)
		now := c.Now()
		if now.Before(before) {
			t.Errorf("it went back by %v", before.Sub(now))
		}
		if off := time.Since(now); off.Abs() > 30*time.Second {
			t.Errorf("a wall clock set by %v moved it by %v", wrong, off)
		}
		before = now
	}
}

// shift is a Redis whose clock is ahead.
type shift struct {
	mu sync.Mutex
	by time.Duration
}

func (s *shift) set(by time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.by = by
}

func (*shift) DialHook(next redis.DialHook) redis.DialHook { return next }

func (s *shift) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		inner := cmd
		if u, ok := cmd.(interface{ Unwrap() redis.Cmder }); ok {
			inner = u.Unwrap()
		}
		if answer, ok := inner.(*redis.TimeCmd); ok && err == nil {
			s.mu.Lock()
			answer.SetVal(answer.Val().Add(s.by))
			s.mu.Unlock()
		}
		return err
	}
}

func (*shift) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// A failover may lead to a Redis whose clock is another one.
func TestAClockFollowsTheRedisThatAnswersAfterAReconnect(t *testing.T) {
	t.Parallel()
	for _, step := range []time.Duration{time.Hour, -time.Hour} {
		r, m, s := newRig(t), &machine{}, &shift{}
		r.rdb.AddHook(s)
		c := clockOn(t, r, m)
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { c.Run(ctx) })
		s.set(step)
		must(t, r.admin.ClientKillByFilter(t.Context(), "TYPE", "normal", "SKIPME", "yes").Err())
		eventually(t, "the clock is that of the other Redis", func() bool { return apart(t, r, c) <= measured })
		if !strings.Contains(r.logs.String(), "another Redis answers") {
			t.Errorf("nothing tells of a step of %v", step)
		}
		cancel()
		running.Wait()
	}
}
