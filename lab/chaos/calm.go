package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"
)

const (
	// rest is longer than timing.recheck_after: by then every recheck that was asked for has been asked for in vain.
	rest = 8 * time.Second
	// calmLimit bounds the wait for quiet; the longest wait of a job that failed again and again is shorter.
	calmLimit = 4 * time.Minute
	// checkRounds is how often each credential is checked before it is counted: the first check may have begun before.
	checkRounds = 2
)

// state is what the sandbox knows of a target.
type state struct {
	Live  string // the password that the provider regards as set
	Asked struct{ OK, Refused int }
}

// live returns the state of all targets, by provider and target.
func (s *stage) live(ctx context.Context) (map[string]map[string]state, error) {
	var answer struct {
		Providers map[string]map[string]state
	}
	err := getJSON(ctx, s.sandbox.Admin+"/state", "", &answer)
	return answer.Providers, err
}

// calm ends the faults and the rotations, and waits until drift checks have found every credential in order: what a
// late call of a paused process has overwritten is repaired by then.
func (s *stage) calm(ctx context.Context, t *tally) error {
	s.timeline.note("calm")
	fmt.Println("chaos: waiting for quiet")
	if err := call(ctx, http.MethodDelete, s.sandbox.Admin+"/faults", "", nil, nil); err != nil {
		return err
	}
	if err := call(ctx, http.MethodPost, s.sandbox.Admin+"/release", "", map[string]string{}, nil); err != nil {
		return err
	}
	if err := s.configure(never, "2s"); err != nil {
		return err
	}
	began := time.Now()
	var base map[string]map[string]state
	for {
		if err := pause(ctx, watchInterval); err != nil {
			return err
		}
		t.watcher.look(ctx)
		now, err := s.live(ctx)
		if err != nil {
			return err
		}
		open, changed := t.watcher.open()
		if base == nil || open > 0 || time.Since(changed) < rest || s.refused(base, now) {
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
func (s *stage) refused(base, now map[string]map[string]state) bool {
	return slices.ContainsFunc(s.fleet, func(c credential) bool {
		return now[c.Provider][c.Target].Asked.Refused > base[c.Provider][c.Target].Asked.Refused
	})
}

// unchecked are the credentials that drift checks have not found in order since base, quarantined ones left out.
func (s *stage) unchecked(w *watcher, base, now map[string]map[string]state) (waiting []string) {
	for _, c := range s.fleet {
		rounds := now[c.Provider][c.Target].Asked.OK - base[c.Provider][c.Target].Asked.OK
		if rounds < checkRounds && w.record(c).State != "quarantined" {
			waiting = append(waiting, c.ID)
		}
	}
	return waiting
}
