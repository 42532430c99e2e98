package due

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/redisx"
	"keyturn/internal/schedule"
)

// Stretch is a part of the order in which the credentials of an account fall due.
type Stretch struct {
	Account string
	From    time.Time // the first due time; zero: from the beginning
	Skip    int       // so many are left out at the beginning
	N       int       // at most so many
}

// Scheduled is a credential and when it is due.
type Scheduled struct {
	ID string
	At time.Time
}

// Soonest returns each stretch, those first that fall due first; of equal times, in the order of their ids. What is rotated on demand
// alone is in none. What is claimed stands where it is claimed again: Claims says when it fell due. It takes one round trip.
func (x *Index) Soonest(ctx context.Context, parts []Stretch) ([][]Scheduled, error) {
	asked := make([]*redis.ZSliceCmd, len(parts))
	_, err := x.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, s := range parts {
			from := "-inf"
			if !s.From.IsZero() {
				from = fmt.Sprint(s.From.UnixMilli())
			}
			asked[i] = p.ZRangeArgsWithScores(ctx, redis.ZRangeArgs{
				Key: redisx.Key(s.Account, redisx.Due), Start: from, Stop: "(" + fmt.Sprint(schedule.Never.UnixMilli()), ByScore: true, Offset: int64(s.Skip), Count: int64(s.N),
			})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read what is due: %w", err)
	}
	all := make([][]Scheduled, len(parts))
	for i, found := range asked {
		for _, z := range found.Val() {
			if id, ok := z.Member.(string); ok {
				all[i] = append(all[i], Scheduled{id, moment(z.Score)})
			}
		}
	}
	return all, nil
}

// Claims returns, for each of the accounts, what was claimed and has not ended, and when it fell due; in no order. They are never many:
// an account has room for so many. It takes one round trip.
func (x *Index) Claims(ctx context.Context, accounts []string) ([][]Scheduled, error) {
	asked := make([]*redis.MapStringStringCmd, len(accounts))
	_, err := x.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, account := range accounts {
			asked[i] = p.HGetAll(ctx, redisx.Key(account, redisx.Claimed))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read what is claimed: %w", err)
	}
	all := make([][]Scheduled, len(accounts))
	for i, found := range asked {
		for id, slot := range found.Val() {
			if at, err := instant(slot); err == nil { // what is none, the next claim writes again
				all[i] = append(all[i], Scheduled{id, at})
			}
		}
	}
	return all, nil
}
