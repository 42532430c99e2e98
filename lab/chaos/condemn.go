package main

import (
	"context"
	"strings"
	"time"

	"keyturn/internal/devenv"
)

// cause is what was injected that may put a credential into quarantine.
type cause struct {
	why   string // what the reason in the journal begins with
	since time.Time
}

// explains tells whether a credential is in quarantine for what was done to it.
func (t *tally) explains(c credential, rec devenv.Journal) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	known, ok := t.causes[c.ID]
	return ok && strings.HasPrefix(rec.Why, known.why) && rec.Since.After(known.since)
}

// condemn has a provider refuse one credential, and notes it, so that the quarantine can be told from one without a
// cause.
func (s *stage) condemn(ctx context.Context, t *tally, e event) error {
	var all []credential
	for _, c := range s.fleet {
		if c.Provider == e.Fault.Provider && c.busy() && c.strategy() == "replace" {
			all = append(all, c)
		}
	}
	c, f := all[e.Who%len(all)], e.Fault
	f.Target = c.Target
	t.mu.Lock()
	t.causes[c.ID] = cause{why: reasons[f.Kind], since: time.Now()}
	t.mu.Unlock()
	return s.Box.Inject(ctx, f)
}

// reasons are what a journal in quarantine begins its reason with, by fault.
var reasons = map[string]string{"not_found": "target:", "reject": "rule:"}
