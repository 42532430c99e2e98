package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/redisx"
	"keyturn/internal/rotation"
)

// Clock is rotation.Clock by Redis's TIME, so that instants that different machines write can be compared, and the wrong
// wall clock of one of them costs nothing. It asks Redis now and then, and counts on from the answer with the monotonic
// clock of its machine: what is done to the wall clock meanwhile does not matter, and while Redis is away it goes on.
//
// A machine that was suspended is the exception, since its monotonic clock stood still. Then wall clock and monotonic
// clock have drifted apart, and the next reading asks Redis first. Safe for concurrent use.
type Clock struct {
	rdb   redis.UniversalClient
	log   *slog.Logger
	local func() Instant
	wake  chan struct{} // a connection was made: perhaps to another Redis

	asking sync.Mutex
	mark   atomic.Pointer[mark]
	latest atomic.Int64 // that was told, in nanoseconds
	failed atomic.Int64 // Instant.Up of the last failure to ask after a jump; 0 for none
}

var _ rotation.Clock = (*Clock)(nil)

// Instant is a reading of a machine's two clocks.
type Instant struct {
	Wall time.Time
	Up   time.Duration // by the monotonic clock, from any start
}

// mark is what a machine's clocks showed when Redis's showed something.
type mark struct {
	redis time.Time
	local Instant
}

const (
	measureEvery = 10 * time.Second
	measureAgain = time.Second // after a failure, and at most so often for connections that are made
	// measureFor bounds the wait for Redis where a reading asks first.
	measureFor = time.Second
	// jump is how far wall clock and monotonic clock drift apart where neither was touched, and how far Redis's own may
	// go back unnoticed.
	jump = time.Second
	// tell is the difference between a machine's clock and Redis's that a person should know of.
	tell = 10 * time.Second
	// near is a round trip after which another one would not measure better.
	near = 5 * time.Millisecond
)

// NewClock makes a Clock and asks Redis for the first time. Local reads the machine's clocks; nil means this machine's.
func NewClock(ctx context.Context, rdb redis.UniversalClient, log *slog.Logger, local func() Instant) (*Clock, error) {
	if local == nil {
		local = thisMachine()
	}
	c := &Clock{rdb: rdb, log: log, local: local, wake: make(chan struct{}, 1)}
	rdb.AddHook(connected{c.wake})
	if err := c.measure(ctx); err != nil {
		return nil, err
	}
	if off := c.Offset(); off.Abs() > tell {
		log.WarnContext(ctx, "this machine's clock differs from Redis's, which counts", "ahead", off)
	}
	return c, nil
}

func thisMachine() func() Instant {
	start := rotation.WallClock{}.Now()
	return func() Instant {
		now := rotation.WallClock{}.Now()
		return Instant{Wall: now.UTC().Round(0), Up: now.Sub(start)}
	}
}

// Now implements rotation.Clock. It goes back only where Redis's own clock did, by more than what measuring costs.
func (c *Clock) Now() time.Time {
	at := c.local()
	m := c.mark.Load()
	if m.jumped(at) && c.asking.TryLock() {
		if last := c.failed.Load(); last == 0 || at.Up-time.Duration(last) > measureAgain {
			ctx, cancel := context.WithTimeout(context.Background(), measureFor)
			if c.ask(ctx) != nil {
				c.failed.Store(int64(at.Up))
			}
			cancel()
		}
		c.asking.Unlock()
		at, m = c.local(), c.mark.Load()
	}
	return c.forward(m.at(at))
}

// forward keeps a correction of a few milliseconds from turning time back.
func (c *Clock) forward(t time.Time) time.Time {
	for {
		latest := c.latest.Load()
		now := t.UnixNano()
		if now <= latest && latest-now < int64(jump) {
			return time.Unix(0, latest).UTC()
		}
		if c.latest.CompareAndSwap(latest, now) {
			return t
		}
	}
}

// Sleep implements rotation.Clock.
func (*Clock) Sleep(ctx context.Context, d time.Duration) error {
	return rotation.WallClock{}.Sleep(ctx, d)
}

// Offset is how far the machine's wall clock is ahead of Redis's.
func (c *Clock) Offset() time.Duration {
	at := c.local()
	return at.Wall.Sub(c.mark.Load().at(at))
}

// Run asks Redis again now and then, and after a connection was made, until ctx ends.
func (c *Clock) Run(ctx context.Context) {
	rest := measureEvery
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(rest):
		case <-c.wake:
		}
		rest = measureEvery
		if c.measure(ctx) != nil {
			rest = measureAgain // /readyz tells that Redis is away
		}
		// What measuring connects is no reason to measure again at once.
		if c.Sleep(ctx, measureAgain) != nil {
			return
		}
	}
}

func (c *Clock) measure(ctx context.Context) error {
	c.asking.Lock()
	defer c.asking.Unlock()
	return c.ask(ctx)
}

// errSlow is an answer from which the time cannot be told.
var errSlow = errors.New("redis took too long to tell the time")

// ask takes the best of a few answers. The caller holds asking.
func (c *Clock) ask(ctx context.Context) error {
	var best mark
	took := time.Duration(-1)
	for range 3 {
		start := c.local()
		cmd := redis.NewTimeCmd(ctx, "time")
		if err := c.rdb.Process(ctx, redisx.Once(cmd)); err != nil {
			return fmt.Errorf("ask redis for the time: %w", err)
		}
		end := c.local()
		if trip := end.Up - start.Up; took < 0 || trip < took {
			took, best = trip, mark{redis: cmd.Val().Add(trip / 2), local: end}
		}
		if took < near {
			break
		}
	}
	if took > measureFor {
		return errSlow
	}
	c.take(ctx, best, took/2)
	return nil
}

// take puts a measurement in force that may be off by so much.
func (c *Clock) take(ctx context.Context, next mark, off time.Duration) {
	if was := c.mark.Load(); was != nil && !was.jumped(next.local) {
		step := next.redis.Sub(was.at(next.local))
		if step.Abs() <= off {
			next.redis = was.at(next.local) // no worse than what was measured
		}
		if step.Abs() > jump {
			c.log.WarnContext(ctx, "redis's clock jumped, or another Redis answers", "by", step)
		}
	}
	next.redis = next.redis.UTC()
	c.mark.Store(&next)
	c.failed.Store(0)
}

// at is Redis's time when the machine's clocks show now.
func (m *mark) at(now Instant) time.Time { return m.redis.Add(now.Up - m.local.Up) }

// jumped reports whether the wall clock was set since, or the machine suspended.
func (m *mark) jumped(now Instant) bool {
	return (now.Wall.Sub(m.local.Wall) - (now.Up - m.local.Up)).Abs() > jump
}

// connected tells a Clock of connections that are made.
type connected struct{ wake chan<- struct{} }

// DialHook implements redis.Hook.
func (h connected) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := next(ctx, network, addr)
		if err == nil {
			select {
			case h.wake <- struct{}{}:
			default:
			}
		}
		return conn, err
	}
}

// ProcessHook implements redis.Hook.
func (connected) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

// ProcessPipelineHook implements redis.Hook.
func (connected) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}
