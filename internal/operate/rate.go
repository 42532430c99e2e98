package operate

import (
	"context"
	"fmt"
	"iter"
	"time"

	"keyturn/internal/config"
	"keyturn/internal/due"
	"keyturn/internal/ratelimit"
	"keyturn/internal/rotation"
)

const day = 24 * time.Hour

// spacing is how far apart an account's calls are in the long run, by all of its windows.
func spacing(a *config.Account) (time.Duration, error) { return spacingAt(a.Name, a.Rates) }

func spacingAt(account string, rates []rotation.Rate) (time.Duration, error) {
	d, err := ratelimit.Spacing(rates)
	if err != nil {
		return 0, fmt.Errorf("account %s: %w", account, err)
	}
	return d, nil
}

// standingsAtOnce is how many credentials one round trip asks the index about.
const standingsAtOnce = 1000

// eachStanding goes over what the index says of each of creds.
func (d *Desk) eachStanding(ctx context.Context, creds iter.Seq[*rotation.Credential], fn func(*rotation.Credential, due.Standing)) error {
	some := make([]*rotation.Credential, 0, standingsAtOnce)
	flush := func() error {
		found, err := d.Index.Look(ctx, some)
		if err != nil {
			return err
		}
		for i, s := range found {
			fn(some[i], s)
		}
		some = some[:0]
		return nil
	}
	for cred := range creds {
		if some = append(some, cred); len(some) == cap(some) {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if len(some) == 0 {
		return nil
	}
	return flush()
}
