package due

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/rotation"
)

// Inventory is the configured credentials. It never changes and is safe for concurrent use.
type Inventory interface {
	Credentials() iter.Seq[*rotation.Credential]
	Credential(id string) (*rotation.Credential, bool)
	// Fingerprint tells configurations apart.
	Fingerprint() string
}

// Truth is what the index mirrors.
type Truth struct {
	Journals rotation.Journals
	Secrets  rotation.Secrets
}

// finding is what the index should say of one credential.
type finding struct {
	cred    *rotation.Credential
	due     time.Time // zero: waits for a person
	certain bool      // due is counted from a rotation, not from the time of looking
	resume  time.Time // zero: no journal is open
	stuck   bool
	why     string
	recheck time.Time // zero: the last rotation asked for none
}

// readJournal finds out whether a rotation is open or in quarantine. Who touched an open one may still be at work; it
// has quiet since then to show itself.
func (t Truth) readJournal(ctx context.Context, f *finding, quiet time.Duration) error {
	rec, err := t.Journals.Load(ctx, f.cred)
	if err != nil {
		return fmt.Errorf("read the journal of %s: %w", f.cred.ID, err)
	}
	switch rec.State {
	case rotation.Open:
		f.resume = rec.TouchedAt.Add(quiet)
	case rotation.Quarantined:
		f.stuck, f.why = true, shorten(rec.Why)
	case rotation.Closed:
		f.recheck = rec.RecheckAt
	}
	return nil
}

// readAge finds out when the credential is due.
func (t Truth) readAge(ctx context.Context, f *finding, now time.Time) error {
	if f.stuck {
		return nil
	}
	current, err := t.Secrets.Read(ctx, f.cred.Place)
	if err != nil {
		return fmt.Errorf("read the age of %s: %w", f.cred.ID, err)
	}
	f.due, f.certain = dueAt(f.cred, current, now)
	return nil
}

// dueAt computes when a credential is due; zero where it waits for a person. It is certain where keyturn wrote the
// secret, and so knows its slot.
func dueAt(cred *rotation.Credential, current rotation.Entry, now time.Time) (at time.Time, certain bool) {
	switch {
	case current.RotationID != "":
		return cred.Schedule.Next(current.Slot, cred.ID), true
	case !current.Password.IsZero():
		// keyturn never wrote it. Its age is known, but a fleet that is overdue at first sight must not fall due at once.
		if next := cred.Schedule.Next(current.CreatedAt, cred.ID); next.After(now) {
			return next, false
		}
		return cred.Schedule.First(now, cred.ID), false
	}
	switch cred.First {
	case rotation.FirstNow:
		return now, false
	case rotation.FirstScheduled:
		return cred.Schedule.First(now, cred.ID), false
	case rotation.FirstManual:
	}
	return time.Time{}, false
}

// add brings findings into the index where it says nothing yet: what stands there is newer than what was read.
func (x *Index) add(ctx context.Context, found []finding) error {
	return x.write(ctx, found, func(p redis.Pipeliner, account string, w writes) {
		if len(w.due) > 0 {
			p.ZAddNX(ctx, key(account, dueSet), w.due...)
		}
	})
}

// replace makes the index say what was found. Where something newer is overwritten, the next run finds its slot served
// and sets it right.
func (x *Index) replace(ctx context.Context, found []finding) error {
	return x.write(ctx, found, func(p redis.Pipeliner, account string, w writes) {
		p.HDel(ctx, key(account, claimedHash), w.all...)
		if len(w.due) > 0 {
			p.ZAdd(ctx, key(account, dueSet), w.due...)
		}
		if len(w.unscheduled) > 0 {
			p.ZRem(ctx, key(account, dueSet), w.unscheduled...)
		}
		if len(w.free) > 0 {
			p.HDel(ctx, key(account, stuckHash), w.free...)
		}
	})
}

// writes are findings of one account, ready to be written with few commands.
type writes struct {
	all         []string
	due, open   []redis.Z
	unscheduled []any
	stuck       []any // id, why
	stuckIDs    []any
	free        []string
}

func (x *Index) write(ctx context.Context, found []finding, rest func(redis.Pipeliner, string, writes)) error {
	accounts := map[string]writes{}
	for _, f := range found {
		w := accounts[f.cred.Account]
		w.all = append(w.all, f.cred.ID)
		if f.due.IsZero() {
			w.unscheduled = append(w.unscheduled, f.cred.ID)
		} else {
			w.due = append(w.due, member(f.cred.ID, f.due))
		}
		if !f.resume.IsZero() {
			w.open = append(w.open, member(f.cred.ID, f.resume))
		}
		if f.stuck {
			w.stuck = append(w.stuck, f.cred.ID, f.why)
			w.stuckIDs = append(w.stuckIDs, f.cred.ID)
		} else {
			w.free = append(w.free, f.cred.ID)
		}
		accounts[f.cred.Account] = w
	}
	if len(accounts) == 0 {
		return nil
	}
	_, err := x.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for account, w := range accounts {
			if len(w.open) > 0 {
				p.ZAddNX(ctx, key(account, openSet), w.open...)
			}
			if len(w.stuck) > 0 {
				p.HSet(ctx, key(account, stuckHash), w.stuck...)
				p.ZRem(ctx, key(account, dueSet), w.stuckIDs...)
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
