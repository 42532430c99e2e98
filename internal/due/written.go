package due

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/redisx"
)

// Add implements Mirror.
func (x *Index) Add(ctx context.Context, found []Finding) error {
	return x.write(ctx, found, func(p redis.Pipeliner, account string, w writes) {
		if len(w.due) > 0 {
			args := make([]any, 0, 2*len(w.due))
			for _, z := range w.due {
				args = append(args, z.Score, z.Member)
			}
			addScript.Eval(ctx, p, []string{redisx.Key(account, redisx.Due), redisx.Key(account, redisx.Quarantine)}, args...)
		}
	})
}

// addScript schedules what is not scheduled and, since it was read, has not ended in quarantine.
var addScript = redis.NewScript(`
if redis.call('HLEN', KEYS[2]) == 0 then
  return redis.call('ZADD', KEYS[1], 'NX', unpack(ARGV))
end
for i = 1, #ARGV, 2 do
  if redis.call('HEXISTS', KEYS[2], ARGV[i + 1]) == 0 then
    redis.call('ZADD', KEYS[1], 'NX', ARGV[i], ARGV[i + 1])
  end
end
return 0
`)

// Replace implements Mirror.
func (x *Index) Replace(ctx context.Context, found []Finding) error {
	return x.write(ctx, found, func(p redis.Pipeliner, account string, w writes) {
		p.HDel(ctx, redisx.Key(account, redisx.Claimed), w.all...)
		if len(w.due) > 0 {
			p.ZAdd(ctx, redisx.Key(account, redisx.Due), w.due...)
		}
		if len(w.unscheduled) > 0 {
			p.ZRem(ctx, redisx.Key(account, redisx.Due), w.unscheduled...)
		}
		if len(w.retired) > 0 {
			p.ZRem(ctx, redisx.Key(account, redisx.Retiring), w.retired...)
		}
		if len(w.certain) > 0 {
			p.HDel(ctx, redisx.Key(account, redisx.Doubt), w.certain...)
		}
		if len(w.free) > 0 {
			p.HDel(ctx, redisx.Key(account, redisx.Quarantine), w.free...)
		}
	})
}

// writes are findings of one account, ready to be written with few commands.
type writes struct {
	all         []string
	due, open   []redis.Z
	retiring    []redis.Z
	retired     []any
	pulled      []redis.Z // of open: those that are to be resumed earlier
	unscheduled []any
	stuck       []any // id, why
	stuckIDs    []any
	free        []string
	doubted     []any // id, since when
	certain     []string
	shown       []any // id, what is shown
	counts      map[string]*members
}

// members are those that enter a set, and those that leave it.
type members struct{ in, out []any }

// count puts a finding into the sets by which people are told how many stand where, or takes it out of them.
func (w *writes) count(f Finding) {
	if w.counts == nil {
		w.counts = map[string]*members{redisx.Unrotated: {}, redisx.Gone: {}}
	}
	for name, in := range map[string]bool{
		redisx.Unrotated: f.Shown.Version == 0 && !f.Stuck, redisx.Gone: f.Shown.Deleted && !f.Stuck,
	} {
		if m := w.counts[name]; in {
			m.in = append(m.in, f.Cred.ID)
		} else {
			m.out = append(m.out, f.Cred.ID)
		}
	}
}

func byAccount(found []Finding) map[string]writes {
	accounts := map[string]writes{}
	for _, f := range found {
		w := accounts[f.Cred.Account]
		w.all = append(w.all, f.Cred.ID)
		if f.Due.IsZero() {
			w.unscheduled = append(w.unscheduled, f.Cred.ID)
		} else {
			w.due = append(w.due, member(f.Cred.ID, f.Due))
		}
		if !f.Resume.IsZero() {
			w.open = append(w.open, member(f.Cred.ID, f.Resume))
			if f.Pull {
				w.pulled = append(w.pulled, member(f.Cred.ID, f.Resume))
			}
		}
		if f.Retires.IsZero() {
			w.retired = append(w.retired, f.Cred.ID)
		} else {
			w.retiring = append(w.retiring, member(f.Cred.ID, f.Retires))
		}
		if f.Doubted {
			w.doubted = append(w.doubted, f.Cred.ID, f.Resume.UnixMilli())
		} else {
			w.certain = append(w.certain, f.Cred.ID)
		}
		if f.Shown.Known {
			w.shown = append(w.shown, f.Cred.ID, f.Shown.text())
			w.count(f)
		}
		if f.Stuck {
			w.stuck = append(w.stuck, f.Cred.ID, f.Why)
			w.stuckIDs = append(w.stuckIDs, f.Cred.ID)
		} else {
			w.free = append(w.free, f.Cred.ID)
		}
		accounts[f.Cred.Account] = w
	}
	return accounts
}

func (x *Index) write(ctx context.Context, found []Finding, rest func(redis.Pipeliner, string, writes)) error {
	accounts := byAccount(found)
	if len(accounts) == 0 {
		return nil
	}
	_, err := x.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for account, w := range accounts {
			if len(w.open) > 0 {
				p.ZAddNX(ctx, redisx.Key(account, redisx.Open), w.open...)
			}
			if len(w.pulled) > 0 {
				p.ZAddLT(ctx, redisx.Key(account, redisx.Open), w.pulled...)
			}
			if len(w.retiring) > 0 {
				p.ZAdd(ctx, redisx.Key(account, redisx.Retiring), w.retiring...)
			}
			if len(w.stuck) > 0 {
				p.HSet(ctx, redisx.Key(account, redisx.Quarantine), w.stuck...)
				p.ZRem(ctx, redisx.Key(account, redisx.Due), w.stuckIDs...)
			}
			if len(w.doubted) > 0 {
				p.HSet(ctx, redisx.Key(account, redisx.Doubt), w.doubted...)
			}
			if len(w.shown) > 0 {
				p.HSet(ctx, redisx.Key(account, redisx.Shown), w.shown...)
			}
			for name, m := range w.counts {
				if len(m.in) > 0 {
					p.SAdd(ctx, redisx.Key(account, name), m.in...)
				}
				if len(m.out) > 0 {
					p.SRem(ctx, redisx.Key(account, name), m.out...)
				}
			}
			rest(p, account, w)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("write the index: %w", err)
	}
	return nil
}
