package ratelimit

import (
	"context"
	"fmt"
	"time"
)

// Lift ends the pause of an account, a slower pace that its provider asked for, and the line of those who were sent away
// until then. It returns until when the pause would have lasted; zero where there was none. It is for a person who knows
// better than the provider's answer: the next 429 pauses the account again.
func (p *Pauses) Lift(ctx context.Context, account string) (time.Time, error) {
	until, err := p.Until(ctx, account)
	if err != nil {
		return time.Time{}, err
	}
	if err := p.rdb.HDel(ctx, limitKey(account), "until", "pace", "paced", "line").Err(); err != nil {
		return time.Time{}, fmt.Errorf("lift the pause of account %s: %w", account, err)
	}
	return until, nil
}
