package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"keyturn/internal/devenv"
)

const (
	// rest is longer than timing.recheck_after: by then every recheck that was asked for has been asked for in vain.
	rest = 8 * time.Second
	// calmLimit bounds the wait for quiet; the longest wait of a job that failed again and again is shorter.
	calmLimit = 4 * time.Minute
	// checkRounds is how often each credential is checked before it is counted: the first check may have begun before.
	checkRounds = 2
)

// calm ends the faults and the rotations, and waits until drift checks have found every credential in order: what a
// late call of a paused process has overwritten is repaired by then.
func (s *stage) calm(ctx context.Context, t *tally) error {
	s.timeline.note("calm")
	s.receiver.settle()
	t.consumers.end() // a check is told by its login
	fmt.Println("chaos: waiting for quiet")
	if err := s.Box.Ask(ctx, http.MethodDelete, "/faults", nil, nil); err != nil {
		return err
	}
	if err := s.Box.Release(ctx, devenv.Held{}); err != nil {
		return err
	}
	if err := s.configure(never, "2s"); err != nil {
		return err
	}
	began := time.Now()
	var base map[string]map[string]devenv.TargetState
	for {
		if err := devenv.Pause(ctx, watchInterval); err != nil {
			return err
		}
		t.watcher.look(ctx)
		t.watcher.amplify(ctx)
		now, err := s.Box.State(ctx)
		if err != nil {
			return err
		}
		open, changed := t.watcher.open()
		if base == nil || open > 0 || time.Since(changed) < rest || s.refused(t.watcher, base, now) {
			base = now
		}
		waiting := s.unchecked(t.watcher, base, now)
		if len(waiting) == 0 {
			return nil
		}
		if time.Since(began) > calmLimit {
			fmt.Printf("chaos: the fleet does not come to rest: %d journals are open, the last change was %v ago, not in order since: %v\n",
				open, time.Since(changed).Round(time.Second), waiting)
			t.restless = len(waiting)
			return nil
		}
	}
}

// refused tells whether a drift check has found anything out of order since base.
func (s *stage) refused(w *watcher, base, now map[string]map[string]devenv.TargetState) bool {
	return slices.ContainsFunc(s.fleet, func(c credential) bool {
		_, before := w.logins(c, base)
		_, after := w.logins(c, now)
		return after > before
	})
}

// logins is how often a credential's passwords were accepted and refused.
func (w *watcher) logins(c credential, state map[string]map[string]devenv.TargetState) (ok, refused int) {
	for _, target := range c.targets(w.record(c).Identities.Used) {
		ok += state[c.Provider][target].Asked.OK
		refused += state[c.Provider][target].Asked.Refused
	}
	return ok, refused
}

// unchecked are the credentials that drift checks have not found in order since base, quarantined ones left out.
func (s *stage) unchecked(w *watcher, base, now map[string]map[string]devenv.TargetState) (waiting []string) {
	for _, c := range s.fleet {
		if c.Mute {
			continue
		}
		before, _ := w.logins(c, base)
		after, _ := w.logins(c, now)
		rec := w.record(c)
		if rec.State != "quarantined" && (after-before < checkRounds || len(rec.Identities.Retire) > 0) {
			waiting = append(waiting, c.ID)
		}
	}
	for _, c := range s.managed {
		if rec := w.record(c); rec.State != "quarantined" && len(rec.Identities.Retire) > 0 {
			waiting = append(waiting, c.ID)
		}
	}
	return waiting
}
