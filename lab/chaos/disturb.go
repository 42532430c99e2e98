package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"keyturn/internal/devenv"
)

// tally is what was done, and to whom.
type tally struct {
	watcher   *watcher
	consumers *consumers
	asked     int // rotations

	mu     sync.Mutex
	done   map[kind]int
	causes map[string]cause // by credential

	restless int // credentials that did not come to rest
}

func (t *tally) did(k kind) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done[k]++
}

func (t *tally) count(kinds ...kind) (n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, k := range kinds {
		n += t.done[k]
	}
	return n
}

const (
	// atOnce is how many faults may last at the same time, and pausesAtOnce how many pauses beside them: they last so
	// long that they would hold up all others.
	atOnce       = 5
	pausesAtOnce = 2
	// backLimit is how long a server may take to come back.
	backLimit = 30 * time.Second
	// patience is how long the fleet may go without a single rotation.
	patience = 3 * time.Minute
)

var errStalled = errors.New("nothing rotates any more")

// disturb lets the events happen as the rotations pass, until there were enough of both.
func (s *stage) disturb(ctx context.Context, rotations int, events []event) (*tally, error) {
	t := &tally{asked: rotations, done: map[kind]int{}, causes: map[string]cause{}, watcher: newWatcher(s), consumers: startConsumers(ctx, s)}
	defer t.watcher.start(ctx)()
	var pauses, others []event
	for _, e := range events {
		if e.Kind.pauses() {
			pauses = append(pauses, e)
		} else {
			others = append(others, e)
		}
	}
	others = append(others, event{At: rotations, Kind: enough})
	group, during := errgroup.WithContext(ctx)
	group.Go(func() error { return s.let(during, t, pauses, pausesAtOnce) })
	group.Go(func() error { return s.let(during, t, others, atOnce) })
	return t, group.Wait()
}

// let lets events happen, each in its time, or later if too many last.
func (s *stage) let(ctx context.Context, t *tally, events []event, atOnce int) error {
	group, during := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, e := range events {
		if err := s.reach(during, t.watcher, e.At); err != nil {
			return errors.Join(group.Wait(), err)
		}
		group.Go(func() error {
			s.timeline.note("begin: %v", e)
			if err := s.happen(during, t, e); err != nil {
				return fmt.Errorf("%s: %w", e.Kind, err)
			}
			t.did(e.Kind)
			s.timeline.note("end: %v", e)
			return nil
		})
	}
	return group.Wait()
}

// reach waits until there were so many rotations.
func (s *stage) reach(ctx context.Context, w *watcher, rotations int) error {
	last, since := w.rotations(), time.Now()
	for last < rotations {
		if err := devenv.Pause(ctx, watchInterval); err != nil {
			return err
		}
		for _, m := range s.members() {
			if err := m.alive(); err != nil {
				return err
			}
		}
		if now := w.rotations(); now > last {
			last, since = now, time.Now()
		}
		if time.Since(since) > patience {
			return fmt.Errorf("%w: %d rotations, and no other for %v", errStalled, last, patience)
		}
	}
	return nil
}

// happen makes one event happen and makes good what has to be made good.
func (s *stage) happen(ctx context.Context, t *tally, e event) error {
	switch e.Kind {
	case killWorker:
		return s.kill(ctx, t, take(s.workers, e.Who), e)
	case killScheduler:
		return s.kill(ctx, t, take(s.scheduler, e.Who), e)
	case killCaller:
		m, err := s.caller(ctx, e)
		if err != nil {
			return err
		}
		return s.kill(ctx, t, m, e)
	case pauseWorker:
		return s.freeze(ctx, take(s.workers, e.Who), e)
	case pauseCaller:
		m, err := s.caller(ctx, e)
		if err != nil {
			return err
		}
		return s.freeze(ctx, m, e)
	case lateWrite:
		return s.lateWrite(ctx, t, e)
	case restartRedis:
		return s.outage(ctx, "redis", e, s.Redis.Kill, s.Redis.Restart)
	case killVault:
		return s.outage(ctx, "vault", e, s.Vault.Kill, s.Vault.Restart)
	case sealVault:
		return s.outage(ctx, "vault", e, func() error { return s.Vault.Seal(ctx) }, s.Vault.Unseal)
	case flushRedis:
		return s.flush(ctx)
	case fillRedis:
		return s.instruct(ctx, e, "CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0")
	case demoteRedis:
		return s.instruct(ctx, e, "REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE")
	case lagVault:
		return s.lag(ctx, e)
	case cutOff, slowDown, swallow:
		return s.disturbWire(ctx, e)
	case misbehave, mailTrouble:
		return s.Box.Inject(ctx, e.Fault)
	case condemn:
		return s.condemn(ctx, t, e)
	case enough:
		fmt.Println("chaos: waiting for the last faults to end")
		return s.configure(never, checkEvery.String())
	default:
		return fmt.Errorf("no such kind of event: %q", e.Kind)
	}
}

// kill kills a member that take or caller has locked, and starts it again after a while.
func (s *stage) kill(ctx context.Context, t *tally, m *member, e event) error {
	defer m.busy.Unlock()
	pid := m.running().PID()
	s.timeline.note("kill %s, process %d", m.name, pid)
	if err := m.running().Kill(); err != nil {
		return err
	}
	t.watcher.died(ctx, pid)
	if err := devenv.Pause(ctx, e.For); err != nil {
		return err
	}
	return m.start(ctx)
}

// freeze pauses a member that take or caller has locked, and lets it go on.
func (s *stage) freeze(ctx context.Context, m *member, e event) error {
	defer m.busy.Unlock()
	s.timeline.note("pause %s, process %d", m.name, m.running().PID())
	if err := m.running().Pause(); err != nil {
		return err
	}
	return errors.Join(devenv.Pause(ctx, e.For), m.running().Resume())
}

// caller holds a provider's call up and returns the worker that waits for it, locked; another one if none calls.
func (s *stage) caller(ctx context.Context, e event) (*member, error) {
	if err := s.Box.Inject(ctx, e.Fault); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(8 * time.Second); time.Now().Before(deadline); {
		holds, err := s.Box.Holds(ctx)
		if err != nil {
			return nil, err
		}
		for _, held := range holds {
			if m := s.ownerOf(ctx, held.Provider, held.Target); m != nil {
				return m, nil
			}
		}
		if err := devenv.Pause(ctx, 20*time.Millisecond); err != nil {
			return nil, err
		}
	}
	return take(s.workers, e.Who), nil
}

// ownerOf returns the worker that has claimed a credential's journal, locked; nil if there is none that can be had.
func (s *stage) ownerOf(ctx context.Context, provider, target string) *member {
	for _, c := range s.fleet {
		if c.Provider != provider || c.Target != target && (c.Second == "" || c.Second != target) {
			continue
		}
		rec, err := s.Vault.Journal(ctx, c.ID, 0)
		if err != nil || rec.State != "open" {
			continue // of the identities of a domain, another one's may be the call
		}
		for _, m := range s.workers {
			if ownedBy(&rec, m.running().PID()) && m.busy.TryLock() {
				return m
			}
		}
	}
	return nil
}

// outage takes a server away and brings it back.
func (s *stage) outage(ctx context.Context, name string, e event, away func() error, back func(context.Context) error) error {
	lock := s.wires.busy[name]
	lock.Lock()
	defer lock.Unlock()
	defer s.away.begin()()
	if err := away(); err != nil {
		return err
	}
	return errors.Join(devenv.Pause(ctx, e.For), insist(ctx, back))
}

// insist brings a server back, again and again for a while: another program on the machine may have taken its port.
func insist(ctx context.Context, back func(context.Context) error) error {
	ctx = context.WithoutCancel(ctx)
	for began := time.Now(); ; {
		err := back(ctx)
		if err == nil || time.Since(began) > backLimit {
			return err
		}
		if err := devenv.Pause(ctx, watchInterval); err != nil {
			return err
		}
	}
}

func (s *stage) disturbWire(ctx context.Context, e event) error {
	lock := s.wires.busy[e.Where]
	lock.Lock()
	defer lock.Unlock()
	end, err := s.wires.disturb(ctx, e.Where, e)
	if err != nil {
		return err
	}
	if e.Where == "redis" || e.Where == "vault" {
		defer s.away.begin()()
	}
	return errors.Join(devenv.Pause(ctx, e.For), end())
}

// ownedBy tells whether a process of ours has the claim.
func ownedBy(r *devenv.Journal, pid int) bool {
	return strings.HasSuffix(r.Owner, fmt.Sprintf("/%d", pid))
}
