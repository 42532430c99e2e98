package due

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"keyturn/internal/rotation"
)

const (
	// claimPush is how long a claim waits for its job to end before it is claimed again. Longer than Capacity takes to
	// be served, so that work that only waits its turn is not claimed in vain.
	claimPush = 5 * time.Minute
	claimSize = 500
	// tickLimit bounds a tick: a Redis client that retries for long must not keep Ready from saying so.
	tickLimit = 20 * time.Second
	// tickRest is the rest after a tick that found nothing due soon. An on-demand job does not wait for it.
	tickRest = time.Second
	// busyRest is the rest after a tick that found something: there may be more, or the account is full for now.
	busyRest = 200 * time.Millisecond
	minRest  = 10 * time.Millisecond
	// atOnce is how many accounts are served at the same time.
	atOnce = 8
)

// tick enqueues what is due at each account, and returns how long nothing will be. An account where something went wrong
// is left alone for a moment, and no other waits for it.
func (s *Scheduler) tick(ctx context.Context) (rest time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, tickLimit)
	defer cancel()
	load := s.load.Load()
	now, found, err := s.Index.Glance(ctx, load.names())
	if err != nil {
		return 0, err
	}
	inv := *s.inventory.Load()
	rest = tickRest
	errs := make([]error, len(found))
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i, g := range found {
		errs[i] = g.Err
		frozen := s.Freezes.AllFrozen(load.Accounts[i].Name, now)
		if frozen {
			g.Due = time.Time{} // it waits in the index, and costs nothing
		}
		next := g.next()
		if next.IsZero() {
			continue
		}
		if until := s.paused[load.Accounts[i].Name]; until.After(next) && !until.After(now.Add(backOff)) {
			next = until
		}
		if next.After(now) {
			rest = min(rest, next.Sub(now))
			continue
		}
		rest = min(rest, busyRest)
		group.Go(func() error {
			errs[i] = errors.Join(g.Err, s.resume(ctx, inv, load.Accounts[i], now, load.Resume))
			if !frozen {
				errs[i] = errors.Join(errs[i], s.admit(ctx, inv, load.Accounts[i], now))
			}
			return nil
		})
	}
	_ = group.Wait() // the errors of all accounts count, not the first one
	for i, err := range errs {
		if err != nil {
			s.pause(load.Accounts[i].Name, now.Add(backOff))
		}
	}
	return s.Jitter(max(rest, minRest)), errors.Join(errs...)
}

func (s *Scheduler) pause(account string, until time.Time) {
	if s.paused == nil {
		s.paused = map[string]time.Time{}
	}
	s.paused[account] = until
}

// next is when something is due or open; zero if nothing is.
func (g Glance) next() time.Time {
	if g.Open.IsZero() || (!g.Due.IsZero() && g.Due.Before(g.Open)) {
		return g.Due
	}
	return g.Open
}

// Jitter spreads a rest by 10 % either way, so that schedulers which were started together do not tick together.
func Jitter(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5) //nolint:gosec // there is nothing to gain from guessing it
}

// resume enqueues open journals that no run has touched for long enough: they go before new work.
func (s *Scheduler) resume(ctx context.Context, inv Inventory, a Account, now time.Time, within time.Duration) error {
	open, err := s.Index.ClaimOpen(ctx, a.Name, claimSize, within)
	if err != nil {
		return err
	}
	var failed errorList
	for _, d := range open {
		cred, ok := lookUp(inv, a.Name, d.ID)
		if !ok {
			continue
		}
		if err := s.Queue.Enqueue(ctx, a.Name, d.ID, collapse(cred, d.Slot, now), rotation.ReasonResume, true); err != nil {
			failed.add(fmt.Errorf("account %s: %w", a.Name, err)) // it comes again like one that was not taken up
			continue
		}
		s.Log.LogAttrs(ctx, slog.LevelInfo, "resuming", slog.String("credential", d.ID), slog.String("account", a.Name))
	}
	return failed.err()
}

// maxClaims bounds what a tick does for one account, for the sake of the others.
const maxClaims = 20

// admit enqueues what is due, the longest overdue first, as far as the account's rate can serve it soon. What has missed
// its window waits for the next one. What cannot be enqueued goes behind all that is due already, and holds none of it up.
func (s *Scheduler) admit(ctx context.Context, inv Inventory, a Account, now time.Time) error {
	backlog, err := s.Queue.Backlog(ctx, a.Name)
	if err != nil {
		return err
	}
	room := a.Capacity - backlog
	var failed errorList
	for claims := 0; room > 0 && claims < maxClaims; claims++ {
		due, err := s.Index.Claim(ctx, a.Name, min(room, claimSize), claimPush)
		if err != nil || len(due) == 0 {
			failed.add(err)
			break
		}
		var back []Moved
		for _, d := range due {
			cred, ok := lookUp(inv, a.Name, d.ID)
			if !ok {
				back = append(back, Moved{Due: d, At: now.Add(backOff)}) // another scheduler may know it
				continue
			}
			if s.Freezes.Frozen(cred, now) {
				continue // its claim lapses: then it is looked at again, with the slot that it has
			}
			if at := cred.Schedule.Serve(d.Slot, now, d.ID); at.After(now) {
				back = append(back, Moved{Due: d, At: at, Forget: d.First}) // its window is over
				continue
			}
			if err := s.Queue.Enqueue(ctx, a.Name, d.ID, collapse(cred, d.Slot, now), rotation.ReasonScheduled, false); err != nil {
				failed.add(fmt.Errorf("account %s: %w", a.Name, err))
				back = append(back, Moved{Due: d, At: now.Add(backOff)})
				continue
			}
			room--
		}
		failed.add(s.Index.Move(ctx, a.Name, back))
	}
	return failed.err()
}

// collapse makes one slot of all that a credential has missed by now. A zero slot stays so.
func collapse(cred *rotation.Credential, slot, now time.Time) time.Time {
	if slot.IsZero() {
		return slot
	}
	return Collapse(slot, now, func(last time.Time) time.Time { return cred.Schedule.Next(last, cred.ID) })
}

// lookUp finds a credential that the index names in our configuration. Another scheduler's may be newer and know it;
// where none does, the sweep takes it out of the index.
func lookUp(inv Inventory, account, id string) (*rotation.Credential, bool) {
	cred, ok := inv.Credential(id)
	return cred, ok && cred.Account == account
}
