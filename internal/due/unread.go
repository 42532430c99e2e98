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

// reading reads something of one credential from Vault.
type reading func(context.Context, *finding) error

func (s *Scheduler) readJournal(now time.Time) reading {
	return func(ctx context.Context, f *finding) error {
		return s.Truth.readJournal(ctx, f, s.load.Load().Resume, now)
	}
}

func (s *Scheduler) readAge(now time.Time) reading {
	return func(ctx context.Context, f *finding) error { return s.Truth.readAge(ctx, f, now) }
}

func (s *Scheduler) readAll(now time.Time) reading {
	journal, age := s.readJournal(now), s.readAge(now)
	return func(ctx context.Context, f *finding) error { return errors.Join(journal(ctx, f), age(ctx, f)) }
}

// failure is a credential that could not be read.
type failure struct {
	cred *rotation.Credential
	err  error
}

// readers is how many credentials are read from one store at once: enough to get on, few enough to leave Vault to the
// workers.
const readers = 16

// pool is what bounds the readers of one store.
func (s *Scheduler) pool(store string) chan struct{} {
	s.keeping.Lock()
	defer s.keeping.Unlock()
	if s.pools == nil {
		s.pools = map[string]chan struct{}{}
	}
	if s.pools[store] == nil {
		s.pools[store] = make(chan struct{}, readers)
	}
	return s.pools[store]
}

// take waits for a place in a pool, and reports false if ctx ended first.
func take(ctx context.Context, pool chan struct{}) bool {
	select {
	case pool <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// each reads many credentials of one store, several at once. It returns those that could be read, in their order, and
// those that could not; the error says that ctx has ended.
func (s *Scheduler) each(ctx context.Context, store string, some []finding, read reading) (good []finding, bad []failure, err error) {
	errs := make([]error, len(some))
	pool := s.pool(store)
	var wg sync.WaitGroup
	for i := range some {
		if !take(ctx, pool) {
			break
		}
		wg.Go(func() {
			defer func() { <-pool }()
			errs[i] = read(ctx, &some[i])
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, nil, err
	}
	good = some[:0]
	for i, err := range errs {
		if err != nil {
			bad = append(bad, failure{some[i].Cred, err})
		} else {
			good = append(good, some[i])
		}
	}
	return good, bad, nil
}

// unread is what of one account cannot be read from one store. It is read again after a pause, the longest waiting
// first, so that what heals is found soon and what does not costs little.
type unread struct {
	busy    bool
	told    bool            // a warning was logged
	waiting []string        // ids
	lost    map[string]bool // of those that wait: whether its recheck may be lost too
	last    error
	tries   int
	next    time.Time // by Redis's clock: not before
}

// miss notes what could not be read.
func (s *Scheduler) miss(ctx context.Context, k *keeper, store string, bad []failure, lost bool) {
	if len(bad) == 0 {
		return
	}
	s.keeping.Lock()
	defer s.keeping.Unlock()
	u := k.unread[store]
	if u == nil {
		u = &unread{lost: map[string]bool{}}
		k.unread[store] = u
	}
	if !u.told {
		u.told = true
		s.Log.LogAttrs(ctx, slog.LevelWarn, "credentials cannot be read from Vault: they are tried again, and keep the due time that they had",
			slog.String("account", k.account), slog.String("store", store), slog.String("first", bad[0].cred.ID), slog.Any("error", bad[0].err))
	}
	for _, b := range bad {
		was, known := u.lost[b.cred.ID]
		if !known {
			u.waiting = append(u.waiting, b.cred.ID)
		}
		u.lost[b.cred.ID] = was || lost
		u.last = b.err
	}
}

// unreadable says why nothing of an account could be read.
func (s *Scheduler) unreadable(k *keeper) error {
	s.keeping.Lock()
	defer s.keeping.Unlock()
	var failed errorList
	n := 0
	for _, u := range k.unread {
		n += len(u.waiting)
		failed.add(u.last)
	}
	return fmt.Errorf("none of %d credentials could be read: %w", n, failed.err())
}

// share of what waits is read again at a time.
const share = 10

// readAgain starts to read again what could not be read, where its pause is over.
func (s *Scheduler) readAgain(ctx context.Context, k *keeper, now time.Time) {
	s.keeping.Lock()
	defer s.keeping.Unlock()
	if k.known == nil {
		return // it is being built, or will be
	}
	for store, u := range k.unread {
		if u.busy || len(u.waiting) == 0 || now.Before(u.next) {
			continue
		}
		u.busy = true
		s.work.Go(func() {
			tries := u.tries + 1
			for s.again(ctx, k, store, u) {
				tries = 0
			}
			s.keeping.Lock()
			defer s.keeping.Unlock()
			u.busy, u.tries, u.next = false, tries, now.Add(pause(tries))
			if len(u.waiting) == 0 && k.unread[store] == u {
				delete(k.unread, store)
				s.Log.LogAttrs(ctx, slog.LevelInfo, "all credentials can be read from Vault again",
					slog.String("account", k.account), slog.String("store", store))
			}
		})
	}
}

// forget drops what was noted, because all of it is about to be read.
func (s *Scheduler) forget(k *keeper) {
	s.keeping.Lock()
	defer s.keeping.Unlock()
	for _, u := range k.unread {
		u.waiting = nil
		clear(u.lost)
	}
}

// again reads a share of what waits once more, and reports whether more waits and it is worth going on, because
// something could be read.
func (s *Scheduler) again(ctx context.Context, k *keeper, store string, u *unread) (healed bool) {
	inv := s.inventory.Load()
	s.keeping.Lock()
	n := min(len(u.waiting), max(sweepRate, len(u.waiting)/share))
	ids, lost := u.waiting[:n:n], make(map[string]bool, n)
	u.waiting = u.waiting[n:]
	var creds []*rotation.Credential
	for _, id := range ids {
		lost[id] = u.lost[id]
		delete(u.lost, id)
		if cred, ok := lookUp(*inv, k.account, id); ok && cred.Place.Store == store {
			creds = append(creds, cred)
		}
	}
	s.keeping.Unlock()
	if len(creds) == 0 {
		return false
	}
	retry := func(creds []*rotation.Credential, err error) {
		for _, cred := range creds {
			s.miss(ctx, k, store, []failure{{cred, err}}, lost[cred.ID])
		}
	}
	now, err := s.Index.Now(ctx)
	if err != nil {
		retry(creds, err)
		return false
	}
	found, bad, err := s.each(ctx, store, findings(creds), s.readAll(now))
	if err != nil {
		return false // we are ending
	}
	for _, b := range bad {
		retry([]*rotation.Credential{b.cred}, b.err)
	}
	if s.inventory.Load() != inv {
		retry(credentials(found), errors.New("the configuration was read again"))
		return false
	}
	s.mourn(ctx, k, found)
	s.remind(ctx, slices.DeleteFunc(slices.Clone(found), func(f finding) bool { return !lost[f.Cred.ID] }), now)
	if err := s.Index.Replace(ctx, written(found)); err != nil {
		retry(credentials(found), err)
		return false
	}
	for _, f := range found {
		if lost[f.Cred.ID] {
			for _, b := range s.askAgain(ctx, []finding{f}, now) {
				retry([]*rotation.Credential{b.cred}, b.err)
			}
		}
	}
	return len(found) > 0 && ctx.Err() == nil
}

func credentials(found []finding) []*rotation.Credential {
	all := make([]*rotation.Credential, len(found))
	for i, f := range found {
		all[i] = f.Cred
	}
	return all
}
