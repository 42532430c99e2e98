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
)

// Tally is what workers count of an account for people. Nothing is decided by it.
type Tally struct {
	Rotated     int // rotations that ended with a new password
	Quarantined int // rotations that ended in quarantine
	Calls       int // to the provider
	Limited     int // of these: answered with "too many requests"
	// Exposed counts rotations by the time from the provider's acceptance to the promotion: for each of ExposureBounds those that
	// took no longer and more than the one before, and at the end the others.
	Exposed [len(ExposureBounds) + 1]int
}

// ExposureBounds are those of Tally.Exposed.
var ExposureBounds = [...]time.Duration{
	10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute,
}

// Expose counts the exposure of a rotation.
func (t *Tally) Expose(took time.Duration) {
	i, _ := slices.BinarySearch(ExposureBounds[:], took)
	t.Exposed[i]++
}

// Add adds another tally.
func (t *Tally) Add(other Tally) {
	theirs := other.counts()
	for i, n := range t.counts() {
		*n += *theirs[i]
	}
}

// counts are all counts, in the order in which they stand in Redis.
func (t *Tally) counts() []*int {
	all := []*int{&t.Rotated, &t.Quarantined, &t.Calls, &t.Limited}
	for i := range t.Exposed {
		all = append(all, &t.Exposed[i])
	}
	return all
}

// tallyHours is for how many hours tallies are kept: each hour of the two days has a field of its own in the hash of an account,
// which begins with the hour that it is about, so that the hash does not grow.
const tallyHours = 48

// refusedField is the field with the time at which a check of what consumers read was refused last.
const refusedField = "refused"

var tallyScript = redis.NewScript(`
local t = redis.call('TIME')
local hour = math.floor(t[1] / 3600)
local field, counts = tostring(hour % ARGV[2]), {}
for count in string.gmatch(redis.call('HGET', KEYS[1], field) or '', '%d+') do counts[#counts + 1] = tonumber(count) end
if counts[1] ~= hour then counts = {hour} end -- it is two days old
for i = 3, #ARGV do counts[i - 1] = (counts[i - 1] or 0) + ARGV[i] end
redis.call('HSET', KEYS[1], field, table.concat(counts, ' '))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 0`)

// Tallied adds what was counted of accounts since it was called last, in one round trip.
func (x *Index) Tallied(ctx context.Context, tallies map[string]Tally) error {
	_, err := x.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for account, t := range tallies {
			args := []any{(tallyHours * time.Hour).Milliseconds(), tallyHours}
			for _, n := range t.counts() {
				args = append(args, *n)
			}
			tallyScript.Eval(ctx, p, []string{redisx.Key(account, redisx.Tally)}, args...)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("note what was counted of %d accounts: %w", len(tallies), err)
	}
	return nil
}

// Tallies are those of an account.
type Tallies struct {
	Hours   []Tally   // the oldest first; the last one is that of the hour that has begun
	Refused time.Time // when a check of what consumers read was refused last, in two days; zero: none was
}

// Tallies returns those of the last hours of each of accounts, at most 48, in one round trip.
func (x *Index) Tallies(ctx context.Context, now time.Time, hours int, accounts ...string) ([]Tallies, error) {
	last := now.Unix() / int64(time.Hour/time.Second)
	fields := []string{refusedField}
	for i := range hours {
		fields = append(fields, strconv.FormatInt((last-int64(hours-1-i))%tallyHours, 10))
	}
	asked := make([]*redis.SliceCmd, len(accounts))
	_, err := x.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, account := range accounts {
			asked[i] = p.HMGet(ctx, redisx.Key(account, redisx.Tally), fields...)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read what was counted: %w", err)
	}
	all := make([]Tallies, len(accounts))
	for i, a := range asked {
		found := a.Val()
		if text, ok := found[0].(string); ok {
			all[i].Refused, _ = instant(text) // what is none was not written by keyturn
		}
		all[i].Hours = make([]Tally, hours)
		for n := range all[i].Hours {
			if text, ok := found[n+1].(string); ok {
				all[i].Hours[n] = parseTally(text, last-int64(hours-1-n))
			}
		}
	}
	return all, nil
}

// parseTally reads the tally of an hour. One of another hour, or what was not written by keyturn, counts nothing.
func parseTally(text string, hour int64) Tally {
	numbers := strings.Fields(text)
	var t Tally
	counts := t.counts()
	if len(numbers) != len(counts)+1 || numbers[0] != strconv.FormatInt(hour, 10) {
		return Tally{}
	}
	for i, n := range counts {
		var err error
		if *n, err = strconv.Atoi(numbers[i+1]); err != nil || *n < 0 {
			return Tally{}
		}
	}
	return t
}
