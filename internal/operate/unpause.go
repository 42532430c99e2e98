package operate

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Unpaused is what held an account back, and how much goes on.
type Unpaused struct {
	Account string `json:"account"`
	// Until is when the pause would have ended that the provider asked for; absent where there was none.
	Until   *time.Time `json:"paused_until,omitempty"`
	Stopped bool       `json:"stopped,omitempty"` // a person had paused a queue
	Woken   int        `json:"jobs_woken"`        // waited and run now
}

// Unpause ends what holds all work of accounts back: the wait that a provider's answer asked for, and a person's pause of a
// queue. An open breaker stays open. Its error names each account that could not be unpaused; the others are.
func (d *Desk) Unpause(ctx context.Context, accounts []string) ([]Unpaused, error) {
	if err := d.KnownAccounts(accounts...); err != nil {
		return nil, err
	}
	var all []Unpaused
	var problems []error
	for _, name := range accounts {
		u, err := d.unpause(ctx, name)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", name, err))
			continue
		}
		all = append(all, u)
	}
	return all, errors.Join(problems...)
}

func (d *Desk) unpause(ctx context.Context, account string) (Unpaused, error) {
	u := Unpaused{Account: account}
	var err error
	if u.Stopped, err = d.stopped(ctx, account); err != nil {
		return u, err
	}
	until, err := d.Pauses.Lift(ctx, account)
	if err != nil {
		return u, err
	}
	if !until.IsZero() {
		u.Until = &until
	}
	u.Woken, err = d.Queue.Unpause(ctx, account)
	return u, err
}
