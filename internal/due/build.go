package due

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"keyturn/internal/rotation"
)

// run does an errand, and reports whether the account's part of the index is at its inventory now.
func (s *Scheduler) run(ctx context.Context, k *keeper, e errand, now time.Time) (done bool, err error) {
	switch {
	case e.lost:
		return s.build(ctx, k, e, now)
	case e.whole:
		// What changed while no scheduler ran: new credentials are found now, changed ones by the sweep.
		err := s.complete(ctx, k, e, now)
		return err == nil, err
	}
	if len(e.gone)+len(e.changed) == 0 {
		return true, nil
	}
	if err := s.renew(ctx, k, e, now); err != nil {
		return false, err
	}
	s.Log.LogAttrs(ctx, slog.LevelInfo, "configuration applied to the index", slog.String("account", k.account),
		slog.Int("removed", len(e.gone)), slog.Int("added_or_changed", len(e.changed)))
	return true, nil
}

// build fills the keys of an account that Redis has lost, or never had, unless another scheduler is at it.
func (s *Scheduler) build(ctx context.Context, k *keeper, e errand, now time.Time) (done bool, err error) {
	building, held, err := acquire(ctx, s.Index, Lease{Account: k.account})
	if err != nil || held == nil {
		return false, err
	}
	s.Log.InfoContext(ctx, "building the index", "account", k.account)
	err = s.complete(building, k, e, now)
	if err != nil {
		_, lost := held.release(ctx, false)
		return false, errors.Join(err, lost)
	}
	whole, err := held.release(ctx, true)
	if err == nil && !whole {
		err = errLeaseLost // Redis was emptied meanwhile: what was written at first is gone again
	}
	if err != nil {
		return false, fmt.Errorf("build the index: %w", err)
	}
	s.Log.InfoContext(ctx, "index built", "account", k.account)
	return true, nil
}

// complete brings what the index lacks into it: first all open journals, then the ages. Stores are read beside each
// other, because one may be away. It fails where the index does, and where Redis had lost everything and nothing at all
// can be read: an index that says nothing must not count as built.
func (s *Scheduler) complete(ctx context.Context, k *keeper, e errand, now time.Time) error {
	s.forget(k)
	var mu sync.Mutex
	var failed errorList
	var all [2]tally
	var wg sync.WaitGroup
	for store, creds := range byStore(e.all) {
		wg.Go(func() {
			tallies, err := s.fill(ctx, k, store, creds, e.lost, now)
			mu.Lock()
			defer mu.Unlock()
			failed.add(err)
			for pass, t := range tallies {
				all[pass].good += t.good
				all[pass].bad += t.bad
			}
		})
	}
	wg.Wait()
	for _, t := range all {
		if e.lost && t.bad > 0 && t.good == 0 {
			failed.add(s.unreadable(k))
		}
	}
	return failed.err()
}

// tally is how many credentials could be read and how many could not.
type tally struct{ good, bad int }

func byStore(creds []*rotation.Credential) map[string][]*rotation.Credential {
	stores := map[string][]*rotation.Credential{}
	for _, cred := range creds {
		stores[cred.Place.Store] = append(stores[cred.Place.Store], cred)
	}
	return stores
}

// fill is complete for one store. What cannot be read is noted and read again later.
func (s *Scheduler) fill(ctx context.Context, k *keeper, store string, creds []*rotation.Credential, lost bool, now time.Time) (tallies [2]tally, err error) {
	blank := map[string]bool{} // credentials whose journal could not be read
	for pass, look := range []reading{s.readJournal(now), s.readAge(now)} {
		for some := range slices.Chunk(creds, batch) {
			wanted := findings(some)
			if pass > 0 || !lost { // that a credential is scheduled does not say that its journal was read
				if wanted, err = s.missing(ctx, some); err != nil {
					return tallies, err
				}
			}
			wanted = slices.DeleteFunc(wanted, func(f finding) bool { return blank[f.Cred.ID] })
			found, bad, err := s.each(ctx, store, wanted, look)
			if err != nil {
				return tallies, err
			}
			for _, b := range bad {
				blank[b.cred.ID] = true
			}
			s.miss(ctx, k, store, bad, lost)
			tallies[pass].good += len(found)
			tallies[pass].bad += len(bad)
			if pass > 0 {
				s.mourn(ctx, k, found)
			}
			if lost {
				s.remind(ctx, found, now)
			} else if err := s.tellFirst(ctx, found, now); err != nil {
				return tallies, err
			}
			if err := s.Index.Add(ctx, written(found)); err != nil {
				return tallies, err
			}
			if lost && pass == 0 {
				s.miss(ctx, k, store, s.askAgain(ctx, found, now), lost)
			}
		}
	}
	return tallies, nil
}

// recheckTime is for how long after its time a recheck that may have been lost is asked for again, and the longest that
// one is put off.
const recheckTime = time.Hour

// askAgain asks for the rechecks and retirements that went with the queue, and returns those that it could not ask for.
func (s *Scheduler) askAgain(ctx context.Context, found []finding, now time.Time) (bad []failure) {
	for _, f := range found {
		wanted := map[rotation.Reason]time.Time{rotation.ReasonRecheck: f.recheck, rotation.ReasonRetire: f.retire}
		if f.recheck.Add(recheckTime).Before(now) {
			delete(wanted, rotation.ReasonRecheck)
		}
		for reason, at := range wanted {
			if at.IsZero() {
				continue
			}
			if err := s.Queue.Ask(ctx, f.Cred.Account, f.Cred.ID, reason, max(at.Sub(now), 0)); err != nil {
				bad = append(bad, failure{f.Cred, fmt.Errorf("ask for the %s of %s: %w", reason, f.Cred.ID, err)})
			}
		}
	}
	return bad
}

// missing returns those credentials of which the index says nothing.
func (s *Scheduler) missing(ctx context.Context, creds []*rotation.Credential) ([]finding, error) {
	standing, err := s.Index.Look(ctx, creds)
	if err != nil {
		return nil, err
	}
	var missing []finding
	for i, cred := range creds {
		if standing[i].Due.IsZero() && !standing[i].Quarantined {
			missing = append(missing, finding{Finding: Finding{Cred: cred}})
		}
	}
	return missing, nil
}

// renew reads the credentials that are new or whose due time may have changed.
func (s *Scheduler) renew(ctx context.Context, k *keeper, e errand, now time.Time) error {
	var mu sync.Mutex
	var failed errorList
	var wg sync.WaitGroup
	for store, creds := range byStore(e.changed) {
		wg.Go(func() {
			for some := range slices.Chunk(creds, batch) {
				found, bad, err := s.each(ctx, store, findings(some), s.readAll(now))
				if err == nil {
					err = s.tellFirst(ctx, found, now)
				}
				if err == nil {
					s.miss(ctx, k, store, bad, false)
					s.mourn(ctx, k, found)
					err = s.Index.Replace(ctx, written(found))
				}
				if err != nil {
					mu.Lock()
					failed.add(err)
					mu.Unlock()
					return
				}
			}
		})
	}
	wg.Wait()
	return failed.err()
}

// tellFirst sees to it that nothing is shown of which no one was told: what is worked on is shown when it settles, and what was
// never settled is noted again.
func (s *Scheduler) tellFirst(ctx context.Context, found []finding, now time.Time) error {
	creds := make([]*rotation.Credential, len(found))
	for i, f := range found {
		creds[i] = f.Cred
	}
	standing, err := s.Index.Look(ctx, creds)
	if err != nil {
		return err
	}
	var untold []finding
	for i, have := range standing {
		switch f := &found[i]; {
		case !have.Claimed.IsZero(), !have.Resume.IsZero():
			f.Shown = Shown{}
		case f.unnoted(have):
			untold = append(untold, *f)
		}
	}
	s.remind(ctx, untold, now)
	return nil
}

func findings(creds []*rotation.Credential) []finding {
	all := make([]finding, len(creds))
	for i, cred := range creds {
		all[i].Cred = cred
	}
	return all
}
