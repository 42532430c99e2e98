package operate

import (
	"time"

	"keyturn/internal/freeze"
)

// size is how much there is of an account.
type size struct {
	credentials int
	calls       int // of a rotation of each
}

// backlogEnds is when what waits at an account, and what is overdue there, will have had its calls; nil where that is not known or
// nothing does.
func (d *Desk) backlogEnds(a *AccountOverview, frozen freeze.Set, now time.Time) *time.Time {
	n, of := a.Backlog+a.Overdue, d.sizes()[a.Account]
	perCall, err := spacing(d.Accounts[a.Account])
	if n == 0 || of.credentials == 0 || a.unasked || a.Breaker != nil || a.Stopped || err != nil {
		return nil
	}
	at := now
	if a.Paused != nil && a.Paused.After(now) {
		at = *a.Paused
	}
	at = frozen.Of(a.Account, d.Accounts[a.Account].Marks).Thaw(at)
	calls := float64(n) * float64(of.calls) / float64(of.credentials)
	at = at.Add(time.Duration(calls * float64(perCall)))
	return &at
}
