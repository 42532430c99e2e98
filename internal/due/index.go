package due

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/redisx"
	"keyturn/internal/rotation"
)

// Index is the mirror. Safe for concurrent use.
type Index struct{ rdb redis.UniversalClient }

// NewIndex makes an index on a connection that the caller closes.
func NewIndex(rdb redis.UniversalClient) *Index { return &Index{rdb: rdb} }

// Now implements Points.
func (x *Index) Now(ctx context.Context) (time.Time, error) {
	now, err := x.rdb.Time(ctx).Result()
	if err != nil {
		return time.Time{}, fmt.Errorf("ask redis for the time: %w", err)
	}
	return now.UTC(), nil
}

func holdKey(cred *rotation.Credential) string { return redisx.Hold(cred.Account, cred.ID) }

// LongestHold is longer than any run holds a credential.
const LongestHold = time.Hour

var holdScript = redis.NewScript(`
if ARGV[3] == '0' then
  local left = redis.call('PTTL', KEYS[1])
  -- One that lasts longer was taken while the clock was ahead.
  if left > 0 and left <= tonumber(ARGV[4]) then return left end
end
local t = redis.call('TIME')
-- The value says since when the credential was to be resumed before, or that it is in the mirror for this hold alone.
local value, stands = redis.call('GET', KEYS[1]), redis.call('ZSCORE', KEYS[2], ARGV[1])
if not stands then value = 'new' elseif not value then value = stands end
redis.call('SET', KEYS[1], value, 'PX', ARGV[2])
redis.call('ZADD', KEYS[2], t[1] * 1000 + math.floor(t[2] / 1000) + ARGV[2], ARGV[1])
return 0`)

// Hold is part of rotation.Agenda.
func (x *Index) Hold(ctx context.Context, cred *rotation.Credential, quiet time.Duration, force bool) error {
	redisx.TailOf(ctx).Write(ctx, x.rdb) // of the rotation before: it gives its hold back
	keys := []string{holdKey(cred), redisx.Key(cred.Account, redisx.Open)}
	left, err := holdScript.Run(ctx, x.rdb, keys, cred.ID, quiet.Milliseconds(), force, LongestHold.Milliseconds()).Int64()
	if err != nil {
		return fmt.Errorf("hold %s: %w", cred.ID, err)
	}
	if left > 0 {
		return &rotation.WaitError{After: time.Duration(left) * time.Millisecond, Reason: "another run works on it"}
	}
	return nil
}

var parkScript = redis.NewScript(`
local value = redis.call('GET', KEYS[1])
redis.call('DEL', KEYS[1])
if ARGV[2] == '0' then
  local was, now = tonumber(value or ''), tonumber(redis.call('ZSCORE', KEYS[2], ARGV[1]) or '')
  if value == 'new' then
    redis.call('ZREM', KEYS[2], ARGV[1])
  elseif was and now and was < now then
    redis.call('ZADD', KEYS[2], value, ARGV[1])
  end
  return 0
end
local t = redis.call('TIME')
redis.call('ZADD', KEYS[2], 'XX', t[1] * 1000 + math.floor(t[2] / 1000) + ARGV[2], ARGV[1])
return 0`)

// Park is part of rotation.Agenda. A d of 0 takes back what Hold did to the mirror.
func (x *Index) Park(ctx context.Context, cred *rotation.Credential, d time.Duration) error {
	keys := []string{holdKey(cred), redisx.Key(cred.Account, redisx.Open)}
	if err := parkScript.Run(ctx, x.rdb, keys, cred.ID, d.Milliseconds()).Err(); err != nil {
		return fmt.Errorf("park %s: %w", cred.ID, err)
	}
	return nil
}

// Settle is part of rotation.Agenda: all of it or nothing, so that what Redis refuses for a moment is found undone later, and told
// then. One that no person waits for is settled with the end of its task, where the caller has one. Else it costs one round
// trip, and one more where it is to be found out whether it was told before.
func (x *Index) Settle(ctx context.Context, cred *rotation.Credential, end rotation.Ending) error {
	tail := redisx.TailOf(ctx)
	tail.Write(ctx, x.rdb)
	untold, err := x.untold(ctx, cred, end)
	if err != nil {
		return fmt.Errorf("settle %s: %w", cred.ID, err)
	}
	tells := end.Promoted || end.State == rotation.Quarantined && !end.Found || untold
	if _, spread := x.rdb.(*redis.ClusterClient); spread && tells {
		// Another node has the events. They come first: what comes after says that it was told.
		if err := x.tell(ctx, cred, end); err != nil {
			return fmt.Errorf("settle %s: %w", cred.ID, err)
		}
		tells = false
	}
	write := func(ctx context.Context, p redis.Pipeliner) { addEnding(ctx, p, cred, end, tells) }
	if end.Promoted && end.Reason != rotation.ReasonDemand && tail.Leave("settle "+cred.ID, write) {
		return nil
	}
	_, err = x.rdb.TxPipelined(ctx, func(p redis.Pipeliner) error {
		write(ctx, p)
		return nil
	})
	if err != nil {
		return fmt.Errorf("settle %s: %w", cred.ID, err)
	}
	return nil
}

// addEnding adds to a transaction what the end of a rotation changes.
func addEnding(ctx context.Context, p redis.Pipeliner, cred *rotation.Credential, end rotation.Ending, tells bool) {
	shows := end.Version > 0
	rotated := shows && end.State != rotation.Quarantined
	if tells && !rotated {
		addEvent(ctx, p, cred, end)
	}
	p.Del(ctx, holdKey(cred))
	p.ZRem(ctx, redisx.Key(cred.Account, redisx.Open), cred.ID)
	p.HDel(ctx, redisx.Key(cred.Account, redisx.Doubt), cred.ID)
	if shows {
		show(ctx, p, cred, end, tells && rotated)
	}
	settleCounts(ctx, p, cred, end)
	if end.State == rotation.Quarantined {
		p.ZRem(ctx, redisx.Key(cred.Account, redisx.Due), cred.ID)
		p.HDel(ctx, redisx.Key(cred.Account, redisx.Claimed), cred.ID)
		p.HSet(ctx, redisx.Key(cred.Account, redisx.Quarantine), cred.ID, shorten(end.Why))
		return
	}
	p.HDel(ctx, redisx.Key(cred.Account, redisx.Quarantine), cred.ID)
	if !end.Slot.IsZero() { // else it was never rotated and is given up for now: the claim has put it off
		p.HDel(ctx, redisx.Key(cred.Account, redisx.Claimed), cred.ID)
		settleDue(ctx, p, cred, end)
	}
}

// untold tells whether a rotation that ended before has not been settled: its worker died right before that.
func (x *Index) untold(ctx context.Context, cred *rotation.Credential, end rotation.Ending) (bool, error) {
	if end.Found {
		stands, err := x.rdb.HExists(ctx, redisx.Key(cred.Account, redisx.Quarantine), cred.ID).Result()
		return !stands, err
	}
	if end.Promoted || end.State != rotation.Closed || end.RotationID == "" {
		return false, nil
	}
	before, err := x.shown(ctx, cred)
	return before.Known && before.Version < end.Version, err
}

// settleCounts keeps the sets by which people are told how many stand where.
func settleCounts(ctx context.Context, p redis.Pipeliner, cred *rotation.Credential, end rotation.Ending) {
	key := func(name string) string { return redisx.Key(cred.Account, name) }
	stuck := end.State == rotation.Quarantined
	if stuck || end.Version > 0 {
		p.SRem(ctx, key(redisx.Unrotated), cred.ID)
	} else {
		p.SAdd(ctx, key(redisx.Unrotated), cred.ID)
	}
	if stuck || end.Promoted {
		p.SRem(ctx, key(redisx.Gone), cred.ID)
		p.SRem(ctx, key(redisx.Refused), cred.ID)
	}
}

// settleScript sets the due time that follows a slot. Where the slot is yet to come, Redis's clock was ahead when it was
// asked for: then the one that follows the rotation, or else now, counts.
var settleScript = redis.NewScript(`
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local slot, due, rotated = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
if slot > now + ARGV[6] then
  due = now + (due - slot)
  if rotated <= now and rotated > 0 then due = tonumber(ARGV[5]) end
end
return redis.call('ZADD', KEYS[1], due, ARGV[1])`)

func settleDue(ctx context.Context, p redis.Pipeliner, cred *rotation.Credential, end rotation.Ending) {
	next := func(from time.Time) int64 { return cred.Schedule.Next(from, cred.ID).UnixMilli() }
	settleScript.Eval(ctx, p, []string{redisx.Key(cred.Account, redisx.Due)},
		cred.ID, end.Slot.UnixMilli(), next(end.Slot), end.RotatedAt.UnixMilli(), next(end.RotatedAt), Skew.Milliseconds())
}

// Doubt notes that the journal of a credential's open rotation is in doubt. It is for people: nothing is decided by it.
func (x *Index) Doubt(ctx context.Context, cred *rotation.Credential, since time.Time) error {
	if err := x.rdb.HSet(ctx, redisx.Key(cred.Account, redisx.Doubt), cred.ID, since.UnixMilli()).Err(); err != nil {
		return fmt.Errorf("note the doubt of %s: %w", cred.ID, err)
	}
	return nil
}

// Remove implements Mirror.
func (x *Index) Remove(ctx context.Context, account string, ids ...string) error {
	members := make([]any, len(ids))
	for i, id := range ids {
		members[i] = id
	}
	_, err := x.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.ZRem(ctx, redisx.Key(account, redisx.Due), members...)
		p.ZRem(ctx, redisx.Key(account, redisx.Open), members...)
		p.ZRem(ctx, redisx.Key(account, redisx.Retiring), members...)
		p.HDel(ctx, redisx.Key(account, redisx.Claimed), ids...)
		for _, name := range []string{redisx.Quarantine, redisx.Checked, redisx.Doubt, redisx.Shown} {
			p.HDel(ctx, redisx.Key(account, name), ids...)
		}
		for _, name := range []string{redisx.Unrotated, redisx.Gone, redisx.Refused} {
			p.SRem(ctx, redisx.Key(account, name), members...)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("remove %d credentials from the index: %w", len(ids), err)
	}
	return nil
}

// maxWhy bounds, in bytes, what the mirror keeps of a reason; the whole of it is in the journal.
const maxWhy = 200

// shorten cuts a reason after a word, and shows that it did.
func shorten(why string) string {
	if len(why) <= maxWhy {
		return why
	}
	most := maxWhy - len(" …")
	for !utf8.RuneStart(why[most]) {
		most--
	}
	if word := strings.LastIndexByte(why[:most+1], ' '); word > most/2 {
		most = word
	}
	return why[:most] + " …"
}

func member(id string, at time.Time) redis.Z {
	return redis.Z{Score: float64(at.UnixMilli()), Member: id}
}

// instant reads a score or a slot. Scores of unix milliseconds are whole numbers, for as long as a double holds them.
func instant(text string) (time.Time, error) {
	ms, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return time.Time{}, err
	}
	return moment(ms), nil
}

func moment(score float64) time.Time { return time.UnixMilli(int64(score)).UTC() }
