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
	pull    bool      // the index would resume the journal far too late
	gone    bool      // keyturn wrote a password, and none stands there
	journal *rotation.Record
}

// readJournal finds out whether a rotation is open or in quarantine. Who touched an open one may still be at work; it
// has quiet since then to show itself. What a worker wrote by its own clock is believed only so far as it is not beyond
// now, which is Redis's.
func (t Truth) readJournal(ctx context.Context, f *finding, quiet time.Duration, now time.Time) error {
	rec, err := t.Journals.Load(ctx, f.cred)
	if err != nil {
		return fmt.Errorf("read the journal of %s: %w", f.cred.ID, err)
	}
	f.journal = &rec
	touched := earlier(rec.TouchedAt, now)
	switch rec.State {
	case rotation.Open:
		f.resume = touched.Add(quiet)
	case rotation.Quarantined:
		f.stuck, f.why = true, shorten(rec.Why)
	case rotation.Closed:
		f.recheck = earlier(rec.RecheckAt, now.Add(recheckTime))
		if !rec.RecheckAt.IsZero() && !rec.TouchedAt.IsZero() {
			// Both were written by one clock: how far they lie apart is what was meant, whatever that clock showed.
			f.recheck = touched.Add(min(max(rec.RecheckAt.Sub(rec.TouchedAt), 0), recheckTime))
		}
	}
	return nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
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
	if current.Password.IsZero() {
		if current, err = t.deleted(ctx, f, current); err != nil {
			return err
		}
	}
	f.due, f.certain = dueAt(f.cred, current, now)
	if !f.due.IsZero() {
		f.due = f.cred.Schedule.Serve(f.due, now, f.cred.ID)
	}
	return nil
}

// deleted tells a secret that somebody deleted from one that never was, which waits for a person. The journal knows what
// keyturn wrote, and the schedule goes on from there: the next rotation gives consumers a password again.
func (t Truth) deleted(ctx context.Context, f *finding, current rotation.Entry) (rotation.Entry, error) {
	if f.journal == nil {
		rec, err := t.Journals.Load(ctx, f.cred)
		if err != nil {
			return current, fmt.Errorf("read the journal of %s: %w", f.cred.ID, err)
		}
		f.journal = &rec
	}
	rec := f.journal
	wrote := rec.CurrentVersion > 0 || current.Deleted && rec.RotationID != ""
	if rec.State != rotation.Closed || current.RotationID == "" && !wrote {
		return current, nil
	}
	f.gone = true
	if current.RotationID == "" {
		current.RotationID, current.Slot, current.RotatedAt = rec.RotationID, rec.Slot, rec.TouchedAt
	}
	return current, nil
}

// dueAt computes when a credential is due; zero where it waits for a person. It is certain where keyturn wrote the
// secret, and so knows its slot.
func dueAt(cred *rotation.Credential, current rotation.Entry, now time.Time) (at time.Time, certain bool) {
	switch {
	case current.RotationID != "":
		from, known := since(current, now)
		return cred.Schedule.Next(from, cred.ID), known
	case !current.Password.IsZero():
		// keyturn never wrote it. Its age is known, but a fleet that is overdue at first sight must not fall due at once.
		if next := cred.Schedule.Next(earlier(current.CreatedAt, now), cred.ID); next.After(now) {
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

// skew is how far ahead of Redis's clock a slot is believed: it came from Redis, whose nodes may differ by a little.
const skew = time.Minute

// since is from when the age of a secret counts that keyturn wrote: its slot. Where that is yet to come, Redis's clock
// was ahead, and the next best is when it was rotated or written; now where even those are yet to come, which is not
// known to be right.
func since(current rotation.Entry, now time.Time) (from time.Time, known bool) {
	if !current.Slot.After(now.Add(skew)) {
		return current.Slot, true
	}
	for _, at := range []time.Time{current.RotatedAt, current.CreatedAt} {
		if !at.IsZero() && !at.After(now) {
			return at, true
		}
	}
	return now, false
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
	pulled      []redis.Z // of open: those that are to be resumed earlier
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
			if f.pull {
				w.pulled = append(w.pulled, member(f.cred.ID, f.resume))
			}
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
			if len(w.pulled) > 0 {
				p.ZAddLT(ctx, key(account, openSet), w.pulled...)
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
