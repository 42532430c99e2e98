package due

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
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

// sync brings the index up to the inventory and to what Redis has lost. It returns at once where there is nothing to do.
func (s *Scheduler) sync(ctx context.Context) error {
	inv := *s.inventory.Load()
	now, found, err := s.Index.glance(ctx, s.names())
	if err != nil {
		return err
	}
	var built, unbuilt []string
	for i, g := range found {
		if g.err != nil {
			return g.err
		}
		if g.built {
			built = append(built, s.Accounts[i].Name)
		} else {
			unbuilt = append(unbuilt, s.Accounts[i].Name)
		}
	}
	for _, account := range unbuilt {
		if err := s.build(ctx, inv, account, now); err != nil {
			return err
		}
	}
	if s.synced == inv {
		return nil
	}
	starting := s.synced == nil
	if starting {
		// What changed while no scheduler ran: new credentials are found now, changed ones by the sweep.
		err = s.complete(ctx, inv, among(built), now, false)
	} else {
		err = s.reload(ctx, s.synced, inv, now)
	}
	if err != nil {
		return err
	}
	s.synced = inv
	if starting {
		close(s.first)
	}
	return nil
}

// among tells whether an account is one of names.
func among(names []string) func(account string) bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return func(account string) bool { return set[account] }
}

// build fills the keys of an account that Redis has lost, or never had, unless another scheduler is at it.
func (s *Scheduler) build(ctx context.Context, inv Inventory, account string, now time.Time) error {
	building, held, err := s.Index.acquire(ctx, key(account, "building"))
	if err != nil || held == nil {
		return err
	}
	s.Log.InfoContext(ctx, "building the index", "account", account)
	err = s.complete(building, inv, func(name string) bool { return name == account }, now, true)
	if err != nil {
		_, lost := held.release(ctx)
		return errors.Join(err, lost)
	}
	whole, err := held.release(ctx, key(account, "epoch"))
	if err == nil && !whole {
		err = errLeaseLost // Redis was emptied meanwhile: what was written at first is gone again
	}
	if err != nil {
		return fmt.Errorf("build the index of account %s: %w", account, err)
	}
	s.Log.InfoContext(ctx, "index built", "account", account)
	return nil
}

// complete brings what the index lacks into it, for those accounts that are wanted: first all open journals, then the
// ages. With lost, what else Redis held is asked for again.
func (s *Scheduler) complete(ctx context.Context, inv Inventory, wanted func(account string) bool, now time.Time, lost bool) (err error) {
	journals := func(ctx context.Context, f *finding) error { return s.Truth.readJournal(ctx, f, s.Resume) }
	ages := func(ctx context.Context, f *finding) error { return s.Truth.readAge(ctx, f, now) }
	for pass, read := range []func(context.Context, *finding) error{journals, ages} {
		var survey survey
		for some := range batches(inv.Credentials(), wanted) {
			unread := findings(some)
			if pass > 0 || !lost { // that a credential is scheduled does not say that its journal was read
				if unread, err = s.Index.missing(ctx, some); err != nil {
					return err
				}
			}
			found, err := survey.each(ctx, unread, read)
			if err := errors.Join(err, s.Index.add(ctx, found)); err != nil {
				return err
			}
			if lost && pass == 0 {
				if err := s.recheck(ctx, found, now); err != nil {
					return err
				}
			}
		}
		if err := survey.err(); err != nil {
			return err
		}
		if survey.failed > 0 {
			s.Log.LogAttrs(ctx, slog.LevelWarn, "credentials could not be read: the sweep will try them again",
				slog.Int("failed", survey.failed), slog.Any("error", survey.last))
		}
	}
	return nil
}

// recheckTime is for how long after its time a recheck that may have been lost is asked for again.
const recheckTime = time.Hour

// recheck asks again for the rechecks that went with the queue.
func (s *Scheduler) recheck(ctx context.Context, found []finding, now time.Time) error {
	for _, f := range found {
		if f.recheck.IsZero() || f.recheck.Add(recheckTime).Before(now) {
			continue
		}
		after := max(f.recheck.Sub(now), 0)
		if err := s.Queue.Ask(ctx, f.cred.Account, f.cred.ID, rotation.ReasonRecheck, after); err != nil {
			return err
		}
	}
	return nil
}

// missing returns those credentials of which the index says nothing.
func (x *Index) missing(ctx context.Context, creds []*rotation.Credential) ([]finding, error) {
	standing, err := x.Look(ctx, creds)
	if err != nil {
		return nil, err
	}
	var missing []finding
	for i, cred := range creds {
		if standing[i].Due.IsZero() && !standing[i].Quarantined {
			missing = append(missing, finding{cred: cred})
		}
	}
	return missing, nil
}

// reload applies what differs between two inventories.
func (s *Scheduler) reload(ctx context.Context, old, inv Inventory, now time.Time) error {
	removed := map[string][]string{}
	for cred := range old.Credentials() {
		if next, ok := inv.Credential(cred.ID); !ok || next.Account != cred.Account {
			removed[cred.Account] = append(removed[cred.Account], cred.ID)
		}
	}
	total := 0
	for account, ids := range removed {
		for len(ids) > 0 {
			n := min(batch, len(ids))
			if err := s.Index.Remove(ctx, account, ids[:n]...); err != nil {
				return err
			}
			ids, total = ids[n:], total+n
		}
	}
	changed, err := s.renew(ctx, old, inv, now)
	if err != nil {
		return err
	}
	s.Log.LogAttrs(ctx, slog.LevelInfo, "configuration applied to the index", slog.Int("removed", total), slog.Int("added_or_changed", changed))
	return nil
}

// renew reads the credentials that are new or whose due time may have changed, and returns how many there were.
func (s *Scheduler) renew(ctx context.Context, old, inv Inventory, now time.Time) (int, error) {
	same := sameSchedules()
	differs := func(yield func(*rotation.Credential) bool) {
		for cred := range inv.Credentials() {
			was, ok := old.Credential(cred.ID)
			if ok && was.Account == cred.Account && was.Place == cred.Place && was.First == cred.First && same(was.Schedule, cred.Schedule) {
				continue
			}
			if !yield(cred) {
				return
			}
		}
	}
	var survey survey
	for some := range batches(differs, func(string) bool { return true }) {
		found, err := survey.each(ctx, findings(some), func(ctx context.Context, f *finding) error {
			return errors.Join(s.Truth.readJournal(ctx, f, s.Resume), s.Truth.readAge(ctx, f, now))
		})
		if err := errors.Join(err, s.Index.replace(ctx, found)); err != nil {
			return 0, err
		}
	}
	return survey.read, survey.err()
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

func findings(creds []*rotation.Credential) []finding {
	all := make([]finding, len(creds))
	for i, cred := range creds {
		all[i].cred = cred
	}
	return all
}

// batches cuts the credentials of those accounts that are wanted into slices that are reused.
func batches(creds iter.Seq[*rotation.Credential], wanted func(account string) bool) iter.Seq[[]*rotation.Credential] {
	return func(yield func([]*rotation.Credential) bool) {
		some := make([]*rotation.Credential, 0, batch)
		for cred := range creds {
			if !wanted(cred.Account) {
				continue
			}
			if some = append(some, cred); len(some) == batch {
				if !yield(some) {
					return
				}
				some = some[:0]
			}
		}
		if len(some) > 0 {
			yield(some)
		}
	}
}
