package due

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/redisx"
	"keyturn/internal/rotation"
)

// Check is what the last check of a password found; the zero Check where none was made since Redis was emptied.
type Check struct {
	At      time.Time // by Redis's clock
	Verdict rotation.Verdict
}

var verdictNames = []string{
	rotation.Unknown: "unknown", rotation.Works: "works", rotation.Refused: "refused", rotation.Unbelieved: "unbelieved",
}

var checkedScript = redis.NewScript(`
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('HSET', KEYS[1], ARGV[1], now .. ' ' .. ARGV[2])
redis.call(ARGV[2] == 'refused' and 'SADD' or 'SREM', KEYS[2], ARGV[1])
if ARGV[2] == 'refused' then
  redis.call('HSET', KEYS[3], ARGV[3], now)
  redis.call('PEXPIRE', KEYS[3], ARGV[4])
end
return 0`)

// Checked notes what a check found. It is for people: nothing is decided by it.
func (x *Index) Checked(ctx context.Context, cred *rotation.Credential, verdict rotation.Verdict) error {
	keys := []string{redisx.Key(cred.Account, redisx.Checked), redisx.Key(cred.Account, redisx.Refused), redisx.Key(cred.Account, redisx.Tally)}
	err := checkedScript.Run(ctx, x.rdb, keys, cred.ID, verdictNames[verdict], refusedField, (tallyHours * time.Hour).Milliseconds()).Err()
	if err != nil {
		return fmt.Errorf("note a check of %s: %w", cred.ID, err)
	}
	return nil
}

// Retires notes what a run left to be retired of a credential's identities. It is for people: nothing is decided by it, and
// the sweep makes up for a note that was lost.
func (x *Index) Retires(ctx context.Context, cred *rotation.Credential, w rotation.Retirement) error {
	key := redisx.Key(cred.Account, redisx.Retiring)
	var err error
	if w.First.IsZero() {
		err = x.rdb.ZRem(ctx, key, cred.ID).Err()
	} else {
		err = x.rdb.ZAdd(ctx, key, member(cred.ID, w.First)).Err()
	}
	if err != nil {
		return fmt.Errorf("note what waits of %s: %w", cred.ID, err)
	}
	return nil
}

// Checks returns the last check of each of creds, in their order, in one round trip.
func (x *Index) Checks(ctx context.Context, creds []*rotation.Credential) ([]Check, error) {
	asked := make([]*redis.StringCmd, len(creds))
	_, err := x.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, cred := range creds {
			asked[i] = p.HGet(ctx, redisx.Key(cred.Account, redisx.Checked), cred.ID)
		}
		return nil
	})
	if err != nil && err != redis.Nil { //nolint:errorlint // a pipeline returns the very error of its first command
		return nil, fmt.Errorf("read the last checks: %w", err)
	}
	checks := make([]Check, len(creds))
	for i, a := range asked {
		at, name, _ := strings.Cut(a.Val(), " ")
		ms, err := strconv.ParseInt(at, 10, 64)
		verdict := slices.Index(verdictNames, name)
		if err == nil && verdict >= 0 { // else there is none, or it is not ours
			checks[i] = Check{At: time.UnixMilli(ms).UTC(), Verdict: rotation.Verdict(verdict)}
		}
	}
	return checks, nil
}
