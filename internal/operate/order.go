package operate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"keyturn/internal/duration"
	"keyturn/internal/freeze"
	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

// Orders have a worker write freezes, where this process has no rights in Vault. Safe for concurrent use; returns soon after ctx
// ends.
type Orders interface {
	// DemandFreeze asks the workers of an account for a freeze or a thaw. It returns the id of its job, for Outcomes.
	DemandFreeze(ctx context.Context, account string, f queue.Freezing, by string) (id string, slot time.Time, err error)
}

// Ordered is a freeze or a thaw that a worker was asked for.
type Ordered struct {
	Scope   freeze.Scope `json:"scope"`
	Until   *time.Time   `json:"until,omitempty"` // missing: a thaw
	Asked   time.Time    `json:"asked_at"`        // by Redis's clock
	Outcome Outcome      `json:"outcome"`
	Why     string       `json:"why,omitempty"`
}

// OrderFreeze is Freeze by a worker. It waits a while for its answer; 0: not at all.
func (d *Desk) OrderFreeze(ctx context.Context, r FreezeRequest, wait time.Duration) (Ordered, error) {
	f, err := d.meant(r)
	if err != nil {
		return Ordered{Scope: r.Scope}, err
	}
	return d.order(ctx, queue.Freezing{Account: f.Account, Owner: f.Owner, Labels: f.Labels, Until: f.Until, Reason: f.Reason}, r.By, wait)
}

// OrderThaw is Thaw by a worker.
func (d *Desk) OrderThaw(ctx context.Context, scope freeze.Scope, by string, wait time.Duration) (Ordered, error) {
	if err := d.KnownAccounts(accountsOf(scope)...); err != nil {
		return Ordered{Scope: scope}, err
	}
	return d.order(ctx, queue.Freezing{Account: scope.Account, Owner: scope.Owner, Labels: scope.Labels}, by, wait)
}

func (d *Desk) order(ctx context.Context, f queue.Freezing, by string, wait time.Duration) (Ordered, error) {
	o := Ordered{Scope: freeze.Scope{Account: f.Account, Owner: f.Owner, Labels: f.Labels}, Outcome: Asked}
	if !f.Until.IsZero() {
		o.Until = &f.Until
	}
	account, err := d.served(ctx)
	if err != nil {
		return o, err
	}
	id, slot, err := d.Orders.DemandFreeze(ctx, account, f, by)
	if errors.Is(err, queue.ErrBusy) {
		err = &Error{Conflict, err}
	}
	if o.Asked = slot; err != nil || wait == 0 {
		return o, err
	}
	w := &wish{cred: &rotation.Credential{ID: id, Account: account}, kind: queue.KindFreeze, slot: slot}
	v := d.await(ctx, []*wish{w}, Request{By: by, Wait: wait})[0]
	switch o.Outcome, o.Why = v.Outcome, v.Why; {
	case w.last.Status == queue.StatusRefused:
		return o, &Error{Conflict, fmt.Errorf("%s: %s", o.Scope, w.last.Text)}
	case v.Outcome == Served && o.Until != nil:
		o.Outcome = Froze
	case v.Outcome == Served:
		o.Outcome = Unfroze
	}
	return o, nil
}

// served is the first account whose workers take jobs: a person may have paused the others. It is the same for a freeze and for
// the thaw that follows, so that the later one counts.
func (d *Desk) served(ctx context.Context) (string, error) {
	names := slices.Sorted(maps.Keys(d.Accounts))
	if len(names) == 0 {
		return "", &Error{Absent, errors.New("the configuration has no account, and nothing to freeze")}
	}
	depths, err := d.Queue.Depths(ctx, names...)
	if err != nil {
		return "", err
	}
	paused := map[string]bool{}
	for _, q := range depths {
		paused[q.Account] = paused[q.Account] || q.Paused && q.Urgent
	}
	if i := slices.IndexFunc(names, func(name string) bool { return !paused[name] }); i >= 0 {
		return names[i], nil
	}
	return names[0], nil
}

// FreezesAhead are the freezes that are not over. What could be read is returned beside an error.
func (d *Desk) FreezesAhead(ctx context.Context) (freeze.Set, error) {
	c, err := d.calendar(ctx)
	return append(freeze.Set{}, c.ahead(d.Clock.Now())...), err
}

// ParseUntil reads when a freeze ends: a time, a date (its first instant in UTC), or so long from now.
func ParseUntil(text string, now time.Time) (time.Time, error) {
	for _, form := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(form, text); err == nil {
			return at, nil
		}
	}
	d, err := duration.Parse(text)
	if err != nil {
		return now, invalid("until %s: want a time such as 2026-01-31T15:04:05Z, a date such as 2026-01-31, or a duration such as 12h or 7d", text)
	}
	return now.Add(d), nil
}
