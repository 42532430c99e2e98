package ratelimit

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/rotation"
)

// stage runs many callers on one clock, one at a time: time passes only while all of them sleep. So a run is the same
// every time, with the limiter's real code and a real Redis, and takes no time.
type stage struct {
	t         *testing.T
	rdb       redis.UniversalClient
	random    *rand.Rand
	limiter   *Limiter
	lateness  time.Duration // how late a call may be
	disturbed bool

	now      time.Time
	redisOff time.Duration // how far Redis's clock is from it
	sleepers []*sleeper
	yield    chan struct{} // from the caller that runs
	went     []int64
}

type sleeper struct {
	until time.Time
	wake  chan struct{}
}

func newStage(t *testing.T, random *rand.Rand, rates ...rotation.Rate) *stage {
	t.Helper()
	s := &stage{t: t, rdb: newRedis(t), random: random, now: time.UnixMicro(1_700_000_000_000_000), yield: make(chan struct{})}
	var err error
	if s.limiter, err = New(s.rdb, s, map[string][]rotation.Rate{"a": rates}, 0); err != nil {
		t.Fatal(err)
	}
	s.lateness = (*s.limiter.accounts.Load())["a"].lateness
	s.limiter.slots.(*redisSlots).now = func() string { return strconv.FormatInt(s.now.Add(s.redisOff).UnixMicro(), 10) }
	s.limiter.went = func(_ string, at time.Time) { s.went = append(s.went, at.UnixMicro()) }
	return s
}

// Now and Sleep are the callers' clock. No other caller runs while one of them does.
func (s *stage) Now() time.Time { return s.now }

func (s *stage) Sleep(ctx context.Context, d time.Duration) error {
	if s.disturbed {
		d += time.Duration(s.random.ExpFloat64() * float64(s.lateness) / 4)
	}
	me := &sleeper{until: s.now.Add(d), wake: make(chan struct{})}
	s.sleepers = append(s.sleepers, me)
	s.yield <- struct{}{}
	<-me.wake
	return ctx.Err()
}

// run lets n callers make calls until there were so many, and returns how long the calls took.
func (s *stage) run(n, calls int) time.Duration {
	ctx, cancel := context.WithCancel(s.t.Context())
	var callers sync.WaitGroup
	for range n {
		callers.Go(func() { s.call(ctx) })
		<-s.yield
	}
	for left := n; left > 0; {
		next := 0
		for i, sleeping := range s.sleepers {
			if sleeping.until.Before(s.sleepers[next].until) {
				next = i
			}
		}
		me := s.sleepers[next]
		s.sleepers = append(s.sleepers[:next], s.sleepers[next+1:]...)
		if me.until.After(s.now) {
			s.now = me.until
		}
		if len(s.went) >= calls {
			cancel()
		}
		if s.disturbed {
			s.disturb()
		}
		close(me.wake)
		<-s.yield
		left = len(s.sleepers)
	}
	callers.Wait()
	cancel()
	s.went = s.went[:calls]
	return time.Duration(s.went[calls-1]-s.went[0]) * time.Microsecond
}

// call is one caller: it gets in line, prepares, goes, and now and then reads back.
func (s *stage) call(ctx context.Context) {
	defer func() { s.yield <- struct{}{} }()
	if s.Sleep(ctx, 0) != nil {
		return
	}
	for ctx.Err() == nil {
		err := s.turn(ctx)
		var wait *rotation.WaitError
		switch {
		case errors.As(err, &wait):
			_ = s.Sleep(ctx, wait.After)
		case err != nil && ctx.Err() == nil:
			s.t.Error(err)
			return
		}
	}
}

func (s *stage) turn(ctx context.Context) error {
	n := 1 + s.random.IntN(2)
	turns, err := s.limiter.Take(ctx, "a", n, s.random.IntN(10) == 0)
	if err != nil {
		return err
	}
	prepared := 10 * time.Millisecond
	if s.disturbed && s.random.IntN(10) == 0 {
		prepared = 2 * time.Second
	}
	for i := range n {
		if err := s.Sleep(ctx, time.Duration(s.random.Int64N(int64(prepared)))); err != nil {
			return err
		}
		if err := turns.Await(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// disturb does now and then what happens to a limiter: Redis loses its data, its clock jumps back, a provider answers
// 429 or says that little is left.
func (s *stage) disturb() {
	s.t.Helper()
	var err error
	switch s.random.IntN(800) {
	case 0:
		s.now = s.now.Add(time.Microsecond) // no Redis forgets and learns again within the same one
		flush(s.t, s.rdb)
	case 1:
		err = s.limiter.Penalise(s.t.Context(), "a", time.Duration(s.random.IntN(4000))*time.Millisecond)
	case 2:
		s.redisOff -= time.Duration(s.random.IntN(3000)) * time.Millisecond
	case 3:
		err = s.limiter.Observe(s.t.Context(), "a", Quota{Limit: 5, Per: time.Second, Remaining: s.random.IntN(5), Reset: time.Second})
	}
	if err != nil {
		s.t.Error(err)
	}
}
