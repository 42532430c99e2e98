package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// Pauses tells which accounts wait because a provider asked for it. It needs no rates. Safe for concurrent use.
type Pauses struct{ rdb redis.UniversalClient }

// NewPauses reads on a connection that the caller closes.
func NewPauses(rdb redis.UniversalClient) *Pauses { return &Pauses{rdb: rdb} }

// Until is when an account's calls go on that wait for a penalty, by Redis's clock; zero where none of them does.
func (p *Pauses) Until(ctx context.Context, account string) (time.Time, error) {
	var clock *redis.TimeCmd
	var until *redis.StringCmd
	_, err := p.rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		clock, until = pipe.Time(ctx), pipe.HGet(ctx, limitKey(account), "until")
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return time.Time{}, fmt.Errorf("pause of account %s: %w", account, err)
	}
	micros, err := until.Int64()
	if err != nil { // there never was one, or it is not ours
		return time.Time{}, nil //nolint:nilerr // the limiter takes it for none as well
	}
	at := time.UnixMicro(micros).UTC()
	if !at.After(clock.Val()) {
		return time.Time{}, nil
	}
	return at, nil
}
