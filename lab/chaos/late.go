package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"keyturn/internal/devenv"
)

const (
	// askAgain is how long a wish may take before it is taken for lost, as after FLUSHALL.
	askAgain = 20 * time.Second
	// lateLimit bounds each wait of a late write, so that one that cannot be had is reported.
	lateLimit = patience
)

// lateWrite holds a call up on its way to the provider, pauses its sender for longer than its lease, has the others
// finish that rotation and make another one, and only then lets the call arrive: the provider goes back to a password
// that consumers no longer read, and only the drift check can know.
func (s *stage) lateWrite(ctx context.Context, t *tally, e event) error {
	s.late.Lock()
	defer s.late.Unlock()
	c := s.quiet()[e.Who%len(s.quiet())]
	m, err := s.sender(ctx, c)
	if err != nil {
		return err
	}
	defer m.busy.Unlock()
	s.timeline.note("pause %s, process %d, whose call for %s is on its way", m.name, m.running().PID(), c.ID)
	if err := m.running().Pause(); err != nil {
		return err
	}
	began := time.Now()
	err = errors.Join(s.overtake(ctx, t.watcher, c), s.served(ctx, t.watcher, c))
	err = errors.Join(err, devenv.Pause(ctx, e.For-time.Since(began)))
	if err == nil {
		err = s.land(ctx, t.watcher, c)
	}
	return errors.Join(err, m.running().Resume())
}

// quiet are the credentials that rotate on demand only.
func (s *stage) quiet() []credential {
	var all []credential
	for _, c := range s.fleet {
		if c.Quiet {
			all = append(all, c)
		}
	}
	return all
}

// sender asks for a rotation and returns the worker whose call for it is being held up, locked.
func (s *stage) sender(ctx context.Context, c credential) (*member, error) {
	hold := fault{Provider: c.Provider, Target: c.Target, Kind: "hold", When: "before", Count: 1, Delay: "5m"}
	armed := false
	for deadline := time.Now().Add(lateLimit); time.Now().Before(deadline); {
		if !armed {
			if err := s.Box.Inject(ctx, hold); err != nil {
				return nil, err
			}
			armed = true
		}
		s.demand(ctx, c)
		for asked := time.Now(); time.Since(asked) < askAgain; {
			held, err := s.holds(ctx, c)
			if err != nil {
				return nil, err
			}
			if held {
				armed = false
				if m := s.ownerOf(ctx, c.Provider, c.Target); m != nil {
					return m, nil
				}
			}
			if err := devenv.Pause(ctx, 20*time.Millisecond); err != nil {
				return nil, err
			}
		}
		if err := s.release(ctx, c); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("no worker rotates %s, though it was asked for", c.ID)
}

// holds tells whether a call for a credential is being held up.
func (s *stage) holds(ctx context.Context, c credential) (bool, error) {
	held, err := s.Box.Holds(ctx)
	return slices.Contains(held, devenv.Held{Provider: c.Provider, Target: c.Target}), err
}

func (s *stage) release(ctx context.Context, c credential) error {
	return s.Box.Release(ctx, devenv.Held{Provider: c.Provider, Target: c.Target})
}

// demand asks for a rotation as an operator does. While Redis is away that does not succeed.
func (s *stage) demand(ctx context.Context, c credential) {
	limited, cancel := context.WithTimeout(ctx, askAgain/2)
	defer cancel()
	answer, status, err := s.Rotatectl(limited, "", "rotate", c.ID)
	s.timeline.note("rotatectl rotate %s: %s(exit status %d, %v)", c.ID, answer, status, err)
}

// overtake waits until others have finished a credential's open rotation, asks for another and waits for that too.
func (s *stage) overtake(ctx context.Context, w *watcher, c credential) error {
	held := w.last(c)
	if err := s.promotes(ctx, w, c, held, false); err != nil {
		return err
	}
	return s.promotes(ctx, w, c, w.last(c), true)
}

// served waits until no wish of the rig's own is left that would rotate after the late write, in the drift check's place:
// one that was taken for lost and asked for again waits for the least interval of two rotations.
func (s *stage) served(ctx context.Context, w *watcher, c credential) error {
	last, since := w.last(c), time.Now()
	for time.Since(since) < rest {
		if err := devenv.Pause(ctx, watchInterval); err != nil {
			return err
		}
		if now := w.last(c); now != last {
			last, since = now, time.Now()
		}
	}
	return nil
}

// promotes waits until a credential's last rotation is another one than before.
func (s *stage) promotes(ctx context.Context, w *watcher, c credential, before string, ask bool) error {
	var asked time.Time
	for began := time.Now(); w.last(c) == before; {
		if time.Since(began) > lateLimit {
			return fmt.Errorf("%s does not rotate", c.ID)
		}
		if ask && time.Since(asked) > askAgain {
			s.demand(ctx, c)
			asked = time.Now()
		}
		if err := devenv.Pause(ctx, watchInterval); err != nil {
			return err
		}
	}
	return nil
}

// land lets the call arrive that was held up, and sees to it that it did change the password.
func (s *stage) land(ctx context.Context, w *watcher, c credential) error {
	before, err := s.Box.State(ctx)
	if err != nil {
		return err
	}
	w.hit(c)
	if err := s.release(ctx, c); err != nil {
		return err
	}
	for began := time.Now(); time.Since(began) < lateLimit; {
		now, err := s.Box.State(ctx)
		if err != nil {
			return err
		}
		if now[c.Provider][c.Target].Live != before[c.Provider][c.Target].Live {
			s.timeline.note("the late call for %s has landed", c.ID)
			return nil
		}
		if err := devenv.Pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	return fmt.Errorf("the call for %s that was held up did not land", c.ID)
}
