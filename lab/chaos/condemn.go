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
	f := e.Fault
	c, ok := t.condemnable(s.fleet, f.Provider, e.Who, reasons[f.Kind])
	if !ok {
		return nil // all of them are in quarantine
	}
	f.Target = c.Target
	return s.Box.Inject(ctx, f)
}

// condemnable is one of a provider's credentials that was not condemned before: else it is unknown which time its quarantine is
// from.
func (t *tally) condemnable(fleet []credential, provider string, who int, why string) (c credential, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []credential
	for _, c := range fleet {
		if _, before := t.causes[c.ID]; !before && c.Provider == provider && c.busy() && c.strategy() == "replace" {
			all = append(all, c)
		}
	}
	if len(all) == 0 {
		return c, false
	}
	c = all[who%len(all)]
	t.causes[c.ID] = cause{why: why, since: time.Now()}
	return c, true
}

// reasons are what a journal in quarantine begins its reason with, by fault.
var reasons = map[string]string{"not_found": "target:", "reject": "rule:"}
