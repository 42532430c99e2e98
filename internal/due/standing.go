package due

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/redisx"
	"keyturn/internal/rotation"
)

// Standing is what the index says of one credential.
type Standing struct {
	Due         time.Time // zero: not scheduled; where Claimed is set, when it is claimed again
	Claimed     time.Time // slot for which a job was or is about to be enqueued; zero: none
	Resume      time.Time // when its open journal is resumed; zero: no journal is open
	Quarantined bool
	Why         string    // where it is quarantined, shortened
	Retires     time.Time // when the first of its identities that wait is retired; zero: none waits
	Doubted     bool      // its open journal is in doubt
	Shown       Shown
}

// Waits reports one of which the index says nothing but what people are shown, which is right for one that waits for a person to
// rotate it for the first time.
func (s Standing) Waits() bool {
	s.Shown = Shown{}
	return s == Standing{}
}

// Look implements Mirror, in one round trip; a thousand or so at a time are a good measure.
func (x *Index) Look(ctx context.Context, creds []*rotation.Credential) ([]Standing, error) {
	type answers struct {
		due, open, retires *redis.FloatSliceCmd
		claimed, why       *redis.SliceCmd
		doubt, shown       *redis.SliceCmd
	}
	byAccount := map[string][]string{}
	for _, cred := range creds {
		byAccount[cred.Account] = append(byAccount[cred.Account], cred.ID)
	}
	asked := make(map[string]answers, len(byAccount))
	_, err := x.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for account, ids := range byAccount {
			asked[account] = answers{
				due:     p.ZMScore(ctx, redisx.Key(account, redisx.Due), ids...),
				open:    p.ZMScore(ctx, redisx.Key(account, redisx.Open), ids...),
				retires: p.ZMScore(ctx, redisx.Key(account, redisx.Retiring), ids...),
				claimed: p.HMGet(ctx, redisx.Key(account, redisx.Claimed), ids...),
				why:     p.HMGet(ctx, redisx.Key(account, redisx.Quarantine), ids...),
				doubt:   p.HMGet(ctx, redisx.Key(account, redisx.Doubt), ids...),
				shown:   p.HMGet(ctx, redisx.Key(account, redisx.Shown), ids...),
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the index: %w", err)
	}
	next := make(map[string]int, len(byAccount))
	found := make([]Standing, len(creds))
	for n, cred := range creds {
		a, i := asked[cred.Account], next[cred.Account]
		next[cred.Account]++
		s := &found[n]
		if at := a.due.Val()[i]; at != 0 {
			s.Due = moment(at)
		}
		if at := a.open.Val()[i]; at != 0 {
			s.Resume = moment(at)
		}
		if at := a.retires.Val()[i]; at != 0 {
			s.Retires = moment(at)
		}
		if slot, ok := a.claimed.Val()[i].(string); ok {
			s.Claimed, _ = instant(slot) // what is none, the next claim writes again
		}
		s.Why, s.Quarantined = a.why.Val()[i].(string)
		_, s.Doubted = a.doubt.Val()[i].(string)
		if text, ok := a.shown.Val()[i].(string); ok {
			s.Shown = parseShown(text)
		}
	}
	return found, nil
}

// Count is how many credentials of an account stand where.
type Count struct {
	Account     string
	Built       bool // false: Redis was emptied, or no scheduler has run yet; then the counts say little
	Scheduled   int  // have a due time
	Overdue     int  // are due and not claimed
	Claimed     int  // were claimed and have not ended
	Open        int  // have an open journal
	Doubted     int  // of these: are in doubt
	Known       int  // were read from Vault since Redis was emptied
	Unrotated   int  // have no password yet and are not in quarantine
	Gone        int  // likewise: keyturn wrote a password, and consumers find none
	Refused     int  // likewise: the last check of what consumers read was refused
	Quarantined int
	Retiring    int // have an identity that waits to be retired
	NotRetired  int // of these: still have it an hour after its time
}

// retireTime is how long after its time an identity may be gone: its job waits its turn like any other.
const retireTime = time.Hour

// Counts counts in one round trip.
func (x *Index) Counts(ctx context.Context, accounts ...string) ([]Count, error) {
	now, err := x.rdb.Time(ctx).Result()
	if err != nil {
		return nil, fmt.Errorf("count the index: %w", err)
	}
	asked := make([][]*redis.IntCmd, len(accounts))
	_, err = x.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, account := range accounts {
			asked[i] = []*redis.IntCmd{
				p.ZCard(ctx, redisx.Key(account, redisx.Due)),
				p.ZCount(ctx, redisx.Key(account, redisx.Due), "-inf", fmt.Sprint(now.UnixMilli())),
				p.HLen(ctx, redisx.Key(account, redisx.Claimed)),
				p.ZCard(ctx, redisx.Key(account, redisx.Open)),
				p.HLen(ctx, redisx.Key(account, redisx.Quarantine)),
				p.Exists(ctx, redisx.Key(account, redisx.Epoch)),
				p.ZCard(ctx, redisx.Key(account, redisx.Retiring)),
				p.ZCount(ctx, redisx.Key(account, redisx.Retiring), "-inf", fmt.Sprint(now.Add(-retireTime).UnixMilli())),
				p.HLen(ctx, redisx.Key(account, redisx.Doubt)),
				p.HLen(ctx, redisx.Key(account, redisx.Shown)),
				p.SCard(ctx, redisx.Key(account, redisx.Unrotated)),
				p.SCard(ctx, redisx.Key(account, redisx.Gone)),
				p.SCard(ctx, redisx.Key(account, redisx.Refused)),
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("count the index: %w", err)
	}
	counts := make([]Count, len(accounts))
	for i, c := range asked {
		counts[i] = Count{
			Account: accounts[i], Scheduled: int(c[0].Val()), Overdue: int(c[1].Val()), Claimed: int(c[2].Val()),
			Open: int(c[3].Val()), Quarantined: int(c[4].Val()), Built: c[5].Val() > 0,
			Retiring: int(c[6].Val()), NotRetired: int(c[7].Val()), Doubted: int(c[8].Val()), Known: int(c[9].Val()),
			Unrotated: int(c[10].Val()), Gone: int(c[11].Val()), Refused: int(c[12].Val()),
		}
	}
	return counts, nil
}

// Both is, for each of the accounts, how many credentials with an open journal are among those that Count has as Unrotated, Gone
// or Refused. It takes Redis 7.
func (x *Index) Both(ctx context.Context, accounts ...string) ([]int, error) {
	asked := make([][]*redis.IntCmd, len(accounts))
	_, err := x.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, account := range accounts {
			for _, name := range []string{redisx.Unrotated, redisx.Gone, redisx.Refused} {
				asked[i] = append(asked[i], p.ZInterCard(ctx, 0, redisx.Key(account, redisx.Open), redisx.Key(account, name)))
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("count the index: %w", err)
	}
	both := make([]int, len(accounts))
	for i, all := range asked {
		for _, c := range all {
			both[i] += int(c.Val())
		}
	}
	return both, nil
}

// Late is, for each of the accounts, how long the first of redisx.Due, Open or Retiring waits beyond its time; 0 where none
// does. What was claimed does not count.
func (x *Index) Late(ctx context.Context, name string, accounts ...string) ([]time.Duration, error) {
	pipe := x.rdb.Pipeline()
	clock, first := pipe.Time(ctx), make([]*redis.ZSliceCmd, len(accounts))
	for i, account := range accounts {
		first[i] = pipe.ZRangeWithScores(ctx, redisx.Key(account, name), 0, 0)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("look for what is late: %w", err)
	}
	late := make([]time.Duration, len(accounts))
	for i, f := range first {
		for _, z := range f.Val() {
			late[i] = max(clock.Val().Sub(moment(z.Score)), 0)
		}
	}
	return late, nil
}

// Stuck returns up to n credentials of an account that are in quarantine, and why each is, shortened.
func (x *Index) Stuck(ctx context.Context, account string, n int) (map[string]string, error) {
	stuck := map[string]string{}
	for cursor := uint64(0); ; {
		pairs, next, err := x.rdb.HScan(ctx, redisx.Key(account, redisx.Quarantine), cursor, "", maxClaim).Result()
		if err != nil {
			return nil, fmt.Errorf("scan the index: %w", err)
		}
		for pair := range slices.Chunk(pairs, 2) {
			if len(stuck) < n {
				stuck[pair[0]] = pair[1]
			}
		}
		if cursor = next; cursor == 0 || len(stuck) == n {
			return stuck, nil
		}
	}
}

// Without returns up to n credentials of an account of which consumers find no password that keyturn wrote.
func (x *Index) Without(ctx context.Context, account string, n int) ([]string, error) {
	ids, err := x.rdb.SRandMemberN(ctx, redisx.Key(account, redisx.Gone), int64(n)).Result()
	if err != nil {
		return nil, fmt.Errorf("read what is gone: %w", err)
	}
	return ids, nil
}

// Ahead counts, for each of so many days from an instant on, what of the accounts is due then. What is overdue counts for the
// first day.
func (x *Index) Ahead(ctx context.Context, from time.Time, days int, accounts ...string) ([]int, error) {
	const day = 24 * time.Hour
	asked := make([][]*redis.IntCmd, days)
	_, err := x.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range days {
			least := fmt.Sprint(from.Add(time.Duration(i) * day).UnixMilli())
			if i == 0 {
				least = "-inf"
			}
			most := fmt.Sprintf("(%d", from.Add(time.Duration(i+1)*day).UnixMilli())
			for _, account := range accounts {
				asked[i] = append(asked[i], p.ZCount(ctx, redisx.Key(account, redisx.Due), least, most))
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("count what is due: %w", err)
	}
	counts := make([]int, days)
	for i, all := range asked {
		for _, c := range all {
			counts[i] += int(c.Val())
		}
	}
	return counts, nil
}

// Members implements Mirror.
func (x *Index) Members(ctx context.Context, account string, each func(ids []string) error) error {
	var failed errorList
	for _, name := range []string{redisx.Due, redisx.Open, redisx.Claimed, redisx.Quarantine, redisx.Shown, redisx.Doubt} {
		failed.add(x.members(ctx, account, name, each))
	}
	return failed.err()
}

func (x *Index) members(ctx context.Context, account, name string, each func(ids []string) error) error {
	scan := x.rdb.ZScan
	if name != redisx.Due && name != redisx.Open {
		scan = x.rdb.HScan
	}
	for cursor := uint64(0); ; {
		pairs, next, err := scan(ctx, redisx.Key(account, name), cursor, "", maxClaim).Result()
		if err != nil {
			return fmt.Errorf("scan the index: %w", err)
		}
		ids := make([]string, 0, len(pairs)/2)
		for pair := range slices.Chunk(pairs, 2) {
			ids = append(ids, pair[0])
		}
		if err := each(ids); err != nil {
			return err
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}
