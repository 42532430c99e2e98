package due

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// Due is a credential that fell due.
type Due struct {
	ID   string
	Slot time.Time // when it first fell due since it last ended
}

// maxClaim bounds one claim: a script stops everything else on its Redis, and cannot pass more arguments.
const maxClaim = 1000

var claimScript = redis.NewScript(`
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local found = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'WITHSCORES', 'LIMIT', 0, ARGV[1])
if #found == 0 then return found end
local ids, off = {}, {}
for i = 1, #found, 2 do
  ids[#ids + 1] = found[i]
  off[#off + 1] = now + ARGV[2]
  off[#off + 1] = found[i]
end
redis.call('ZADD', KEYS[1], unpack(off))
if KEYS[2] then
  local earlier, first = redis.call('HMGET', KEYS[2], unpack(ids)), {}
  for i, id in ipairs(ids) do
    if earlier[i] then
      found[2 * i] = earlier[i]
    else
      first[#first + 1] = id
      first[#first + 1] = found[2 * i]
    end
  end
  if #first > 0 then redis.call('HSET', KEYS[2], unpack(first)) end
end
return found`)

// Claim takes up to n credentials of an account that are due, the longest overdue first, and puts each off by push:
// who claims it and dies before it is enqueued loses nothing but that time. What is claimed again keeps its slot.
func (x *Index) Claim(ctx context.Context, account string, n int, push time.Duration) ([]Due, error) {
	return x.claim(ctx, account, n, push, dueSet, claimedHash)
}

// ClaimOpen takes up to n credentials that a run held and that nobody has touched for long enough, in the same way. Slot
// is what was claimed of them and has not ended, so that a run that died before it opened a journal is made up for too;
// zero if nothing was.
func (x *Index) ClaimOpen(ctx context.Context, account string, n int, push time.Duration) ([]Due, error) {
	open, err := x.claim(ctx, account, n, push, openSet)
	if err != nil || len(open) == 0 {
		return open, err
	}
	ids := make([]string, len(open))
	for i, d := range open {
		ids[i] = d.ID
	}
	slots, err := x.rdb.HMGet(ctx, key(account, claimedHash), ids...).Result()
	if err != nil {
		return nil, fmt.Errorf("read what was claimed at account %s: %w", account, err)
	}
	for i, slot := range slots {
		open[i].Slot = time.Time{}
		if text, ok := slot.(string); ok {
			open[i].Slot, _ = instant(text)
		}
	}
	return open, nil
}

func (x *Index) claim(ctx context.Context, account string, n int, push time.Duration, names ...string) ([]Due, error) {
	keys := make([]string, len(names))
	for i, name := range names {
		keys[i] = key(account, name)
	}
	found, err := claimScript.Run(ctx, x.rdb, keys, min(n, maxClaim), push.Milliseconds()).StringSlice()
	if err != nil {
		return nil, fmt.Errorf("claim what is %s at account %s: %w", names[0], account, err)
	}
	claimed := make([]Due, len(found)/2)
	for i := range claimed {
		slot, err := instant(found[2*i+1])
		if err != nil {
			return nil, fmt.Errorf("claim what is %s at account %s: slot of %s: %w", names[0], account, found[2*i], err)
		}
		claimed[i] = Due{ID: found[2*i], Slot: slot}
	}
	return claimed, nil
}

// Return gives back what was claimed and could not be enqueued, so that it need not wait for its push to end.
func (x *Index) Return(ctx context.Context, account string, claimed []Due) error {
	if len(claimed) == 0 {
		return nil
	}
	members := make([]redis.Z, len(claimed))
	for i, d := range claimed {
		members[i] = member(d.ID, d.Slot)
	}
	if err := x.rdb.ZAddXX(ctx, key(account, dueSet), members...).Err(); err != nil {
		return fmt.Errorf("return %d claims of account %s: %w", len(claimed), account, err)
	}
	return nil
}

// glance is what a tick has to know, of one account.
type glance struct {
	due, open time.Time // the earliest; zero if there is none
	built     bool
	err       error // this account's part of Redis did not answer
}

// glance looks at the accounts in one round trip. The time is Redis's. In a cluster some accounts may answer and others
// not.
func (x *Index) glance(ctx context.Context, accounts []string) (now time.Time, found []glance, err error) {
	type answers struct {
		due, open *redis.ZSliceCmd
		built     *redis.IntCmd
	}
	asked := make([]answers, len(accounts))
	var clock *redis.TimeCmd
	_, err = x.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		clock = p.Time(ctx)
		for i, account := range accounts {
			asked[i] = answers{
				due:   p.ZRangeWithScores(ctx, key(account, dueSet), 0, 0),
				open:  p.ZRangeWithScores(ctx, key(account, openSet), 0, 0),
				built: p.Exists(ctx, key(account, "epoch")),
			}
		}
		return nil
	})
	if clock.Err() != nil {
		return time.Time{}, nil, fmt.Errorf("look at the index: %w", err)
	}
	found = make([]glance, len(accounts))
	for i, a := range asked {
		found[i] = glance{due: earliest(a.due.Val()), open: earliest(a.open.Val()), built: a.built.Val() > 0}
		if err := errors.Join(a.due.Err(), a.open.Err(), a.built.Err()); err != nil {
			found[i].err = fmt.Errorf("look at the index of account %s: %w", accounts[i], err)
		}
	}
	return clock.Val().UTC(), found, nil
}

func earliest(first []redis.Z) time.Time {
	if len(first) == 0 {
		return time.Time{}
	}
	return moment(first[0].Score)
}
