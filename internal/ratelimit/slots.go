package ratelimit

import (
	"context"
	_ "embed"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/redisx"
)

// Slots hands out, for all processes together, when an account's calls may go: on Redis, and for simulations in memory
// (package ratelimittest). It may lose everything at any time. Safe for concurrent use; returns soon after ctx ends.
type Slots interface {
	// Reserve reserves the next free slots of an account, or confirms the one that the caller holds. An error: nothing
	// is known.
	Reserve(ctx context.Context, account string, windows []Window, want Want) (Reply, error)
	// Restrain makes every caller of an account wait, or slows them down, for a while. The longer wait and the newer pace
	// stand.
	Restrain(ctx context.Context, account string, r Restraint) error
}

// Window is what the calls of an account keep to: Interval apart, but for a Burst of them, so that no Per holds too many.
type Window struct {
	Per, Interval time.Duration // whole microseconds
	Burst         int
}

// Want is what a caller asks for. Instants are unix microseconds, by the clock that all share.
type Want struct {
	Longest time.Duration // the furthest slot that it would wait for
	Ahead   time.Duration // the nearest slot that it could keep to
	Calls   int           // at least 1
	Line    bool          // to get in line if it is sent away
	Held    int64         // the slot that it holds; 0: none
	Born    int64         // Reply.Born of that
	Late    time.Duration // how late it may be for it
}

// Reply is what it gets.
type Reply struct {
	Slots     []int64       // none: sent away
	Wait      time.Duration // to the first slot, or until it may come back
	Born      int64         // when what is known of the account began: slots of another life count for nothing
	Now       int64
	Penalised bool // a penalty is why it waits
}

// Restraint is what a provider asked for.
type Restraint struct {
	Hold time.Duration // no call for so long
	Pace time.Duration // calls so far apart; 0: as before, negative: as configured
	Span time.Duration // for how long Pace holds
}

var (
	//go:embed take.lua
	takeSource string
	//go:embed restrain.lua
	restrainSource string
)

// redisSlots implements Slots.
type redisSlots struct {
	rdb            redis.UniversalClient
	take, restrain *redis.Script

	now func() string // for tests: a clock in place of Redis's own ("" is Redis's)
}

func newRedisSlots(rdb redis.UniversalClient) *redisSlots {
	return &redisSlots{
		rdb: rdb, take: redis.NewScript(takeSource), restrain: redis.NewScript(restrainSource), now: func() string { return "" },
	}
}

// limitKey is what the calls of an account keep to.
func limitKey(account string) string { return redisx.Key(account, redisx.Limit) }

// field names a window's state. It carries the length, so that a window of another length starts afresh.
func field(per time.Duration) string { return "tat:" + strconv.FormatInt(per.Microseconds(), 10) }

// Reserve implements Slots.
func (s *redisSlots) Reserve(ctx context.Context, account string, windows []Window, want Want) (Reply, error) {
	line := 0
	if want.Line {
		line = 1
	}
	args := []any{s.now(), want.Longest.Microseconds(), want.Calls, line, want.Held, want.Born, want.Late.Microseconds(), want.Ahead.Microseconds()}
	for _, w := range windows {
		args = append(args, field(w.Per), w.Interval.Microseconds(), w.Burst)
	}
	numbers, err := s.take.Run(ctx, s.rdb, []string{limitKey(account)}, args...).Int64Slice()
	if err != nil {
		return Reply{}, err
	}
	const fixed = 5
	if len(numbers) < fixed || (numbers[0] == 1) == (len(numbers) == fixed) {
		return Reply{}, fmt.Errorf("take.lua answered %v", numbers)
	}
	return Reply{
		Wait: time.Duration(numbers[1]) * time.Microsecond, Born: numbers[2], Now: numbers[3],
		Penalised: numbers[4] == 1, Slots: numbers[fixed:],
	}, nil
}

// Restrain implements Slots.
func (s *redisSlots) Restrain(ctx context.Context, account string, r Restraint) error {
	err := s.restrain.Run(ctx, s.rdb, []string{limitKey(account)}, s.now(), r.Hold.Microseconds(), r.Pace.Microseconds(), r.Span.Microseconds()).Err()
	if err != nil {
		return fmt.Errorf("account %q: hold back: %w", account, err)
	}
	return nil
}
