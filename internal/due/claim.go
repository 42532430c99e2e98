package due

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/redisx"
)

// Due is a credential that fell due.
type Due struct {
	ID   string
	Slot time.Time // when it first fell due since it last ended

	First bool // it was never claimed before
}

// maxClaim bounds one claim: a script stops everything else on its Redis, and cannot pass more arguments.
const maxClaim = 1000

var claimScript = redis.NewScript(`
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local found = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'WITHSCORES', 'LIMIT', 0, ARGV[1])
if #found == 0 then return found end
local claimed, ids, off = {}, {}, {}
for i = 1, #found, 2 do
  ids[#ids + 1] = found[i]
  off[#off + 1] = now + ARGV[2]
  off[#off + 1] = found[i]
  claimed[#ids] = {found[i], found[i + 1], '1'}
end
redis.call('ZADD', KEYS[1], unpack(off))
if KEYS[2] then
  local earlier, first = redis.call('HMGET', KEYS[2], unpack(ids)), {}
  for i, id in ipairs(ids) do
    -- A slot that is yet to come was written by a clock that was ahead, or by hand: what was due is what counts.
    local slot = tonumber(earlier[i] or '')
    if slot and slot >= 0 and slot <= now then
      claimed[i][2], claimed[i][3] = string.format('%.0f', slot), '0'
    else
      first[#first + 1] = id
      first[#first + 1] = claimed[i][2]
    end
  end
  if #first > 0 then redis.call('HSET', KEYS[2], unpack(first)) end
end
local flat = {}
for _, c in ipairs(claimed) do
  for _, field in ipairs(c) do flat[#flat + 1] = field end
end
return flat`)

// Claim implements Claims.
func (x *Index) Claim(ctx context.Context, account string, n int, push time.Duration) ([]Due, error) {
	return x.claim(ctx, account, n, push, redisx.Due, redisx.Claimed)
}

// ClaimOpen implements Claims.
func (x *Index) ClaimOpen(ctx context.Context, account string, n int, push time.Duration) ([]Due, error) {
	open, err := x.claim(ctx, account, n, push, redisx.Open)
	if err != nil || len(open) == 0 {
		return open, err
	}
	ids := make([]string, len(open))
	for i, d := range open {
		ids[i] = d.ID
	}
	slots, err := x.rdb.HMGet(ctx, redisx.Key(account, redisx.Claimed), ids...).Result()
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
		keys[i] = redisx.Key(account, name)
	}
	found, err := claimScript.Run(ctx, x.rdb, keys, min(n, maxClaim), push.Milliseconds()).StringSlice()
	if err != nil {
		return nil, fmt.Errorf("claim what is %s at account %s: %w", names[0], account, err)
	}
	claimed := make([]Due, len(found)/3)
	for i := range claimed {
		id, slot, first := found[3*i], found[3*i+1], found[3*i+2]
		at, err := instant(slot)
		if err != nil {
			return nil, fmt.Errorf("claim what is %s at account %s: slot of %s: %w", names[0], account, id, err)
		}
		claimed[i] = Due{ID: id, Slot: at, First: first == "1"}
	}
	return claimed, nil
}

// Moved is a claim that is not to be enqueued now.
type Moved struct {
	Due
	At     time.Time // when it is due instead
	Forget bool      // the slot was never enqueued, and is made up for by the one at that time
}

var moveScript = redis.NewScript(`
for i = 1, #ARGV, 4 do
  local id, slot = ARGV[i], tonumber(redis.call('HGET', KEYS[2], ARGV[i]) or '')
  if slot == tonumber(ARGV[i + 1]) then -- else it has ended meanwhile
    redis.call('ZADD', KEYS[1], 'XX', ARGV[i + 2], id)
    if ARGV[i + 3] == '1' then redis.call('HDEL', KEYS[2], id) end
  end
end
return 0`)

// Move implements Claims.
func (x *Index) Move(ctx context.Context, account string, claims []Moved) error {
	if len(claims) == 0 {
		return nil
	}
	args := make([]any, 0, 4*len(claims))
	for _, m := range claims {
		args = append(args, m.ID, m.Slot.UnixMilli(), m.At.UnixMilli(), m.Forget)
	}
	keys := []string{redisx.Key(account, redisx.Due), redisx.Key(account, redisx.Claimed)}
	if err := moveScript.Run(ctx, x.rdb, keys, args...).Err(); err != nil {
		return fmt.Errorf("give %d claims of account %s back: %w", len(claims), account, err)
	}
	return nil
}

// Glance is what a tick has to know, of one account.
type Glance struct {
	Due, Open time.Time // the earliest; zero if there is none
	Built     bool
	Err       error // this account's part of Redis did not answer
}

// Glance implements Claims, in one round trip.
func (x *Index) Glance(ctx context.Context, accounts []string) (now time.Time, found []Glance, err error) {
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
				due:   p.ZRangeWithScores(ctx, redisx.Key(account, redisx.Due), 0, 0),
				open:  p.ZRangeWithScores(ctx, redisx.Key(account, redisx.Open), 0, 0),
				built: p.Exists(ctx, redisx.Key(account, redisx.Epoch)),
			}
		}
		return nil
	})
	if clock.Err() != nil {
		return time.Time{}, nil, fmt.Errorf("look at the index: %w", err)
	}
	found = make([]Glance, len(accounts))
	for i, a := range asked {
		found[i] = Glance{Due: earliest(a.due.Val()), Open: earliest(a.open.Val()), Built: a.built.Val() > 0}
		if err := errors.Join(a.due.Err(), a.open.Err(), a.built.Err()); err != nil {
			found[i].Err = fmt.Errorf("look at the index of account %s: %w", accounts[i], err)
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
