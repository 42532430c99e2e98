package due

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/schedule"
)

const (
	// batch is how many credentials one round trip looks at or writes.
	batch = 1000
	// syncEvery is how often the index's keys and the inventory are looked at: a reload waits at most so long.
	syncEvery = time.Second
)

// sync has each account's part of the index brought up to the inventory and to what Redis has lost. It waits for none
// of them: an account whose part takes long, or cannot be brought up at all, delays no other. It returns how all stand.
func (s *Scheduler) sync(ctx context.Context) error {
	load := s.load.Load() // before the inventory, which Use stores later: an account that goes must not be missed
	inv := *s.inventory.Load()
	names := s.tended(load, inv)
	now, found, err := s.Index.Glance(ctx, names)
	if err != nil {
		return err
	}
	// Before anything is added that another scheduler's prune could take out. What Redis lost, it lost with this too.
	lost := slices.ContainsFunc(found, func(g Glance) bool { return !g.Built })
	if s.self != nil && (lost || !s.self.told(inv)) {
		if err := s.announce(ctx, s.self); err != nil {
			return err
		}
	}
	var todo errands
	var failed errorList
	for i, g := range found {
		failed.add(g.Err)
		k := s.keeper(names[i])
		if g.Err == nil && s.begin(k, now, g.Built, inv) {
			s.errand(ctx, k, todo.of(k, inv, g.Built, names), now)
		}
		s.readAgain(ctx, k, now)
		failed.add(s.remove(ctx, k))
	}
	failed.add(s.trouble())
	return failed.err()
}

// errand is what brings an account's part of the index up to an inventory.
type errand struct {
	inv     Inventory
	lost    bool // Redis has nothing of the account
	all     []*rotation.Credential
	gone    []string               // ids that the account no longer has
	changed []*rotation.Credential // new, or with another due time
	whole   bool                   // all is to be looked at
}

// errands goes over inventories once for all accounts.
type errands struct {
	all   map[string][]*rotation.Credential // by account
	diffs map[Inventory]difference          // to the inventory in force
}

type difference struct {
	gone    map[string][]string
	changed map[string][]*rotation.Credential
}

func (e *errands) of(k *keeper, inv Inventory, built bool, accounts []string) errand {
	known := k.known
	if known != nil && built {
		d, ok := e.diffs[known]
		if !ok {
			if e.diffs == nil {
				e.diffs = map[Inventory]difference{}
			}
			d = differ(known, inv)
			e.diffs[known] = d
		}
		return errand{inv: inv, gone: d.gone[k.account], changed: d.changed[k.account]}
	}
	if e.all == nil {
		e.all = make(map[string][]*rotation.Credential, len(accounts))
		for cred := range inv.Credentials() {
			e.all[cred.Account] = append(e.all[cred.Account], cred)
		}
	}
	return errand{inv: inv, whole: true, lost: !built, all: e.all[k.account]}
}

// differ tells what the index has to forget and to read again.
func differ(old, inv Inventory) difference {
	d := difference{gone: map[string][]string{}, changed: map[string][]*rotation.Credential{}}
	for cred := range old.Credentials() {
		if next, ok := inv.Credential(cred.ID); !ok || next.Account != cred.Account {
			d.gone[cred.Account] = append(d.gone[cred.Account], cred.ID)
		}
	}
	same := sameSchedules()
	for cred := range inv.Credentials() {
		was, ok := old.Credential(cred.ID)
		if ok && was.Account == cred.Account && was.Place == cred.Place && was.First == cred.First && same(was.Schedule, cred.Schedule) {
			continue
		}
		d.changed[cred.Account] = append(d.changed[cred.Account], cred)
	}
	return d
}

// sameSchedules compares schedules by their text, once per pair: a million credentials share a few.
func sameSchedules() func(a, b *schedule.Schedule) bool {
	type pair struct{ a, b *schedule.Schedule }
	known := map[pair]bool{}
	return func(a, b *schedule.Schedule) bool {
		same, ok := known[pair{a, b}]
		if !ok {
			same = a.String() == b.String()
			known[pair{a, b}] = same
		}
		return same
	}
}

// remove takes what the configuration no longer has out of an account's index, as soon as no scheduler that lives has
// it: until then another one would miss it.
func (s *Scheduler) remove(ctx context.Context, k *keeper) error {
	s.keeping.Lock()
	inv := *s.inventory.Load()
	k.gone = slices.DeleteFunc(k.gone, func(id string) bool { // what came back meanwhile
		_, ok := lookUp(inv, k.account, id)
		return ok
	})
	gone := slices.Clone(k.gone)
	s.keeping.Unlock()
	if len(gone) == 0 {
		return nil
	}
	agreed, err := s.agreed(ctx, inv)
	if err != nil || !agreed {
		return err
	}
	for ids := range slices.Chunk(gone, batch) {
		if err := s.Index.Remove(ctx, k.account, ids...); err != nil {
			return fmt.Errorf("account %s: %w", k.account, err)
		}
	}
	s.Log.LogAttrs(ctx, slog.LevelInfo, "no longer configured: taken out of the index, journal and secret stay in Vault",
		slog.String("account", k.account), slog.Int("credentials", len(gone)), slog.String("first", gone[0]))
	s.keeping.Lock()
	defer s.keeping.Unlock()
	k.gone = k.gone[len(gone):] // what came meanwhile stands behind
	return nil
}
