package due

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"keyturn/internal/rotation"
)

const (
	// sweepRate is how many credentials a second are compared with Vault, two reads each: a hundredth of what Vault
	// does, and a million credentials in 14 hours.
	sweepRate = 20
	// sweepRest is the least time from one sweep to the next, so that a small fleet is not read all the time.
	sweepRest = 10 * time.Minute
)

// sweep compares the whole index with Vault, unless another scheduler is at it.
func (s *Scheduler) sweep(ctx context.Context) error {
	sweeping, held, err := acquire(ctx, s.Index, Lease{})
	if err != nil || held == nil {
		return err
	}
	corrected, err := s.correct(sweeping)
	err = errors.Join(err, s.prune(sweeping, *s.inventory.Load()))
	if corrected > 0 {
		s.Log.LogAttrs(ctx, slog.LevelInfo, "the index differed from Vault", slog.Int("corrected", corrected))
	}
	_, lost := held.release(ctx, false)
	return errors.Join(err, lost)
}

// correct walks through the inventory, all stores beside each other and each at sweepRate, and returns how much had to
// be corrected.
func (s *Scheduler) correct(ctx context.Context) (corrected int, err error) {
	stores := map[string]bool{}
	for cred := range (*s.inventory.Load()).Credentials() {
		stores[cred.Place.Store] = true
	}
	var mu sync.Mutex
	var failed errorList
	var wg sync.WaitGroup
	for store := range stores {
		wg.Go(func() {
			n, err := s.walk(ctx, store)
			mu.Lock()
			defer mu.Unlock()
			corrected += n
			failed.add(err)
		})
	}
	wg.Wait()
	return corrected, failed.err()
}

// walk is correct for one store. It takes hours: where another inventory comes into use meanwhile, it goes on with that
// one from the same place. What cannot be read, or stands in a part of the index that does not answer, is passed over.
func (s *Scheduler) walk(ctx context.Context, store string) (corrected int, err error) {
	var failed errorList
	for done := 0; ; {
		inv := s.inventory.Load()
		some := batchAfter((*inv).Credentials(), store, done)
		if len(some) == 0 {
			return corrected, failed.err()
		}
		for part := range slices.Chunk(some, sweepRate) {
			n, err := s.correctPart(ctx, inv, store, part)
			if ctx.Err() != nil {
				return corrected, context.Cause(ctx)
			}
			failed.add(err)
			corrected += n
			if err := s.Clock.Sleep(ctx, time.Second); err != nil {
				return corrected, context.Cause(ctx)
			}
			if s.inventory.Load() != inv {
				break
			}
			done += len(part)
		}
	}
}

// correctPart corrects the index for some of an inventory, unless that is out of use by then. An account that is not
// built yet is left to its build.
func (s *Scheduler) correctPart(ctx context.Context, inv *Inventory, store string, part []*rotation.Credential) (corrected int, err error) {
	now, err := s.Index.Now(ctx)
	if err != nil {
		return 0, err
	}
	accounts := map[string][]*rotation.Credential{}
	for _, cred := range part {
		accounts[cred.Account] = append(accounts[cred.Account], cred)
	}
	var failed errorList
	for _, account := range slices.Sorted(maps.Keys(accounts)) {
		n, err := s.correctAccount(ctx, inv, account, store, accounts[account], now)
		corrected += n
		if err != nil {
			failed.add(fmt.Errorf("account %s: %w", account, err))
		}
	}
	return corrected, failed.err()
}

func (s *Scheduler) correctAccount(ctx context.Context, inv *Inventory, account, store string, creds []*rotation.Credential, now time.Time) (corrected int, err error) {
	if kept, err := s.kept(ctx, account); err != nil || !kept {
		return 0, err
	}
	found, bad, err := s.each(ctx, store, findings(creds), s.readAll(now))
	if err != nil {
		return 0, err
	}
	s.miss(ctx, s.keeper(account), store, bad, false)
	s.mourn(ctx, s.keeper(account), found)
	wrong, err := s.differing(ctx, found, now)
	if err != nil || s.inventory.Load() != inv {
		return 0, err
	}
	s.remind(ctx, slices.DeleteFunc(slices.Clone(wrong), func(f finding) bool { return !f.untold }), now)
	return len(wrong), s.Index.Replace(ctx, written(wrong))
}

// batchAfter returns the batch that follows the first n credentials of a store.
func batchAfter(creds iter.Seq[*rotation.Credential], store string, n int) []*rotation.Credential {
	some := make([]*rotation.Credential, 0, batch)
	for cred := range creds {
		if cred.Place.Store != store {
			continue
		}
		if n--; n >= 0 {
			continue
		}
		if some = append(some, cred); len(some) == batch {
			break
		}
	}
	return some
}

// differing returns those findings of which the index says otherwise.
func (s *Scheduler) differing(ctx context.Context, found []finding, now time.Time) ([]finding, error) {
	creds := make([]*rotation.Credential, len(found))
	for i, f := range found {
		creds[i] = f.Cred
	}
	standing, err := s.Index.Look(ctx, creds)
	if err != nil {
		return nil, err
	}
	var wrong []finding
	for i := range found {
		found[i].untold = found[i].unnoted(standing[i])
		switch have := standing[i]; {
		case found[i].differs(have, now):
			wrong = append(wrong, found[i])
		case (found[i].Shown.differs(have.Shown) || have.Doubted && !found[i].Doubted) && have.Claimed.IsZero() && have.Resume.IsZero():
			found[i].Due = have.Due // which is right
			wrong = append(wrong, found[i])
		}
	}
	return wrong, nil
}

// unnoted reports that what brought about how a credential stands may not have been noted: the index shows what was before.
func (f *finding) unnoted(have Standing) bool {
	return f.Stuck && !have.Quarantined || have.Shown.Known && have.Shown.Version < f.Shown.Version
}

// maxAhead is longer than anything is put off that a run holds, has parked, or that was claimed. What the index has
// further ahead was written while Redis's clock was.
const maxAhead = 2 * time.Hour

// differs tells whether the index has to be corrected. What is claimed or worked on will settle by itself.
func (f *finding) differs(have Standing, now time.Time) bool {
	f.Pull = !f.Resume.IsZero() && have.Resume.After(now.Add(maxAhead))
	stale := !have.Claimed.IsZero() && have.Due.After(now.Add(maxAhead)) && have.Due.After(f.Due)
	switch {
	case f.Pull || stale && !f.Stuck && have.Resume.IsZero():
		return true
	case f.Stuck != have.Quarantined:
		return true
	case !f.Resume.IsZero() && have.Resume.IsZero():
		return true
	case f.Stuck, !have.Claimed.IsZero(), !have.Resume.IsZero():
		return false
	case f.Due.IsZero() || have.Due.IsZero():
		return f.Due.IsZero() != have.Due.IsZero()
	case f.certain:
		return f.Due.UnixMilli() != have.Due.UnixMilli() || f.Retires.UnixMilli() != have.Retires.UnixMilli()
	default:
		// It was computed from the time of looking, and would put off what is due already.
		return f.Due.Before(have.Due) && have.Due.After(now)
	}
}

// prune takes out of the index what the inventory does not have, unless another scheduler that lives may have it.
func (s *Scheduler) prune(ctx context.Context, inv Inventory) error {
	var failed errorList
	for _, account := range s.load.Load().names() {
		failed.add(s.pruneAccount(ctx, inv, account))
	}
	return failed.err()
}

func (s *Scheduler) pruneAccount(ctx context.Context, inv Inventory, account string) error {
	return s.Index.Members(ctx, account, func(ids []string) error {
		gone := slices.DeleteFunc(ids, func(id string) bool {
			_, ok := lookUp(inv, account, id)
			return ok
		})
		if len(gone) == 0 {
			return nil
		}
		// Asked after the ids were read: a scheduler that added one of them had announced its configuration by then.
		if agreed, err := s.agreed(ctx, inv); err != nil || !agreed {
			return err
		}
		s.Log.LogAttrs(ctx, slog.LevelInfo, "no longer configured: its rotation stops, journal and secret stay in Vault",
			slog.String("account", account), slog.Int("credentials", len(gone)), slog.String("first", gone[0]))
		return s.Index.Remove(ctx, account, gone...)
	})
}
