package due

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"keyturn/internal/rotation"
)

// keeper is how one account's part of the index stands with this scheduler. Its fields are guarded by
// Scheduler.keeping.
type keeper struct {
	account string
	busy    bool
	known   Inventory // what the part was last brought to; nil: nothing yet
	err     error     // why it could not be brought further
	tries   int
	next    time.Time          // by Redis's clock: not before
	gone    []string           // ids that are to be removed once all schedulers agree
	unread  map[string]*unread // by store: what could not be read from Vault
	deleted map[string]bool    // ids whose secret was deleted by hand, as far as was read
}

// maxPause is the longest pause of what did not work: a fault that has healed is made good soon after.
const maxPause = time.Minute

func pause(tries int) time.Duration { return min(backOff<<min(tries, 10), maxPause) }

var errBuilding = errors.New("its index is being built")

// keeper returns the one of an account.
func (s *Scheduler) keeper(account string) *keeper {
	s.keeping.Lock()
	defer s.keeping.Unlock()
	if s.keepers == nil {
		s.keepers = map[string]*keeper{}
	}
	k := s.keepers[account]
	if k == nil {
		k = &keeper{account: account, unread: map[string]*unread{}, deleted: map[string]bool{}}
		s.keepers[account] = k
	}
	return k
}

// tended are the accounts whose parts of the index are looked after: those in force, and those that are not any more, until
// nothing of them is left.
func (s *Scheduler) tended(load *Load, inv Inventory) []string {
	names := load.names()
	inForce := make(map[string]bool, len(names))
	for _, name := range names {
		inForce[name] = true
	}
	s.keeping.Lock()
	defer s.keeping.Unlock()
	for name, k := range s.keepers {
		switch {
		case inForce[name] || k.busy:
		case k.known == nil || k.known == inv && len(k.gone) == 0:
			delete(s.keepers, name)
		default:
			names = append(names, name)
		}
	}
	return names
}

// begin reports whether there is an errand to start for an account. If so, the account is busy until it ends.
func (s *Scheduler) begin(k *keeper, now time.Time, built bool, inv Inventory) bool {
	s.keeping.Lock()
	defer s.keeping.Unlock()
	if k.busy || now.Before(k.next) || (built && k.known == inv) {
		return false
	}
	k.busy = true
	return true
}

// errand runs an errand, and notes what came of it.
func (s *Scheduler) errand(ctx context.Context, k *keeper, e errand, now time.Time) {
	s.work.Go(func() {
		done, err := s.run(ctx, k, e, now)
		s.keeping.Lock()
		defer s.keeping.Unlock()
		k.busy = false
		if ctx.Err() != nil {
			return // an error now says only that we are ending
		}
		if err != nil {
			if !errors.Is(err, errLeaseLost) { // else Redis is there, and lacks everything
				k.next = now.Add(pause(k.tries))
				k.tries++
			}
			err = fmt.Errorf("account %s: %w", k.account, err)
			if k.err == nil {
				s.Log.LogAttrs(ctx, slog.LevelWarn, "an account's index is late", slog.String("account", k.account), slog.Any("error", err))
			}
			k.err = err
			return
		}
		k.err, k.tries, k.next = nil, 0, time.Time{}
		if done {
			k.known = e.inv
			k.gone = append(k.gone, e.gone...)
		}
	})
}

// trouble is what keeps accounts' parts of the index from being right.
func (s *Scheduler) trouble() error {
	s.keeping.Lock()
	defer s.keeping.Unlock()
	var failed errorList
	for _, a := range s.load.Load().Accounts {
		switch k := s.keepers[a.Name]; {
		case k == nil:
		case k.err != nil:
			failed.add(k.err)
		case k.known == nil:
			failed.add(fmt.Errorf("account %s: %w", a.Name, errBuilding))
		}
	}
	return failed.err()
}

// kept reports whether an account's part of the index was brought to some inventory, so that it can be compared: what
// Redis has lost meanwhile is built first, open journals before anything else.
func (s *Scheduler) kept(ctx context.Context, account string) (bool, error) {
	s.keeping.Lock()
	k := s.keepers[account]
	known := k != nil && k.known != nil && !k.busy
	s.keeping.Unlock()
	if !known {
		return false, nil
	}
	return s.Index.Built(ctx, account)
}

// Unread is what of one account cannot be read from Vault, and so not scheduled by what stands there.
type Unread struct {
	Account, Store string
	Credentials    int
	Err            error // of one of them
}

// Unread returns what cannot be read right now, by account and store.
func (s *Scheduler) Unread() []Unread {
	s.keeping.Lock()
	defer s.keeping.Unlock()
	var all []Unread
	for _, k := range s.keepers {
		for store, u := range k.unread {
			if len(u.waiting) > 0 {
				all = append(all, Unread{Account: k.account, Store: store, Credentials: len(u.waiting), Err: u.last})
			}
		}
	}
	slices.SortFunc(all, func(a, b Unread) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Store, b.Store))
	})
	return all
}

// mourn notes which of the findings of an account were deleted in Vault, and tells of those that are new.
func (s *Scheduler) mourn(ctx context.Context, k *keeper, found []finding) {
	var fresh []*rotation.Credential
	s.keeping.Lock()
	for _, f := range found {
		switch {
		case !f.gone:
			delete(k.deleted, f.Cred.ID)
		case !k.deleted[f.Cred.ID]:
			k.deleted[f.Cred.ID] = true
			fresh = append(fresh, f.Cred)
		}
	}
	s.keeping.Unlock()
	if len(fresh) == 0 {
		return
	}
	s.Log.LogAttrs(ctx, slog.LevelWarn, "secrets that keyturn wrote are deleted in Vault: consumers find none until the next rotation",
		slog.String("account", k.account), slog.Int("credentials", len(fresh)), slog.String("first", fresh[0].ID))
	n := rotation.Notice{Kind: rotation.NoticeDeleted, Detail: "the secret is deleted in Vault, or its password is: undelete it, or rotate"}
	var failed errorList
	for _, cred := range fresh {
		failed.add(s.Notices.Note(ctx, cred, n))
	}
	if err := failed.err(); err != nil {
		s.Log.LogAttrs(ctx, slog.LevelWarn, "notices are not given", slog.String("account", k.account), slog.Any("error", err))
	}
}

// Deleted is how many secrets that keyturn wrote are deleted in Vault, by account and as far as this scheduler has read.
func (s *Scheduler) Deleted() map[string]int {
	s.keeping.Lock()
	defer s.keeping.Unlock()
	all := make(map[string]int, len(s.keepers))
	inv := *s.inventory.Load()
	for account, k := range s.keepers {
		for id := range k.deleted {
			if _, ok := lookUp(inv, account, id); ok {
				all[account]++
			}
		}
	}
	return all
}
