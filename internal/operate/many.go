package operate

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

// ManyRequest asks for the rotation of several credentials, of any accounts: those with an id, or those of the configuration to
// which all that it says applies.
type ManyRequest struct {
	IDs     []string
	Account string          // ""
	Marks   *rotation.Marks // nil: whatever they are
	After   string          // begin after this credential: where an earlier request ended
}

// Many is what a ManyRequest is about and, once it was made, what was asked for. It is for one use.
type Many struct {
	Credentials int    `json:"credentials"`
	More        int    `json:"more,omitempty"` // match as well and come in a later request, which begins after Last
	Last        string `json:"last,omitempty"`
	// Accounts are what the rotations will be like, in the order of the accounts' names.
	Accounts []Estimate `json:"accounts"`
	Asked    int        `json:"asked"`
	// Failures are the first of those that could not be asked for, MaxFailures at most.
	Failures []Verdict `json:"failures,omitempty"`

	creds map[string][]*rotation.Credential // by account
}

// MaxMany is how many credentials one ManyRequest is about at most: a slip must not rotate a whole fleet, and a caller waits for
// the answer.
const MaxMany = 1000

// Surprises tells whether what is about to happen may surprise the person who asks: a front wants consent then.
func (m *Many) Surprises() bool {
	return m.Credentials > manyAtOnce || slices.ContainsFunc(m.Accounts, Estimate.Surprises)
}

// Many finds out what a request is about, and what it will be like. It changes nothing.
func (d *Desk) Many(ctx context.Context, r ManyRequest) (*Many, error) {
	q := Query{IDs: slices.Compact(slices.Sorted(slices.Values(r.IDs))), Marks: r.Marks, After: r.After}
	if r.Account != "" {
		q.Accounts = []string{r.Account}
	}
	switch {
	case len(r.IDs) == 0 && r.Account == "" && r.Marks == nil:
		return nil, invalid("name credentials, an account, an owner or a label")
	case len(r.IDs) > 0 && (r.Account != "" || r.Marks != nil):
		return nil, invalid("name credentials, or what they are filed under: not both")
	case len(r.IDs) > MaxMany:
		return nil, invalid("%d credentials: want at most %d in a request", len(r.IDs), MaxMany)
	}
	creds, err := d.Select(q)
	if err != nil {
		return nil, err
	}
	m := &Many{Accounts: []Estimate{}, creds: map[string][]*rotation.Credential{}}
	for cred := range creds {
		if m.Credentials == MaxMany {
			m.More++
			continue
		}
		m.Credentials++
		m.Last = cred.ID
		m.creds[cred.Account] = append(m.creds[cred.Account], cred)
	}
	if m.More == 0 {
		m.Last = ""
	}
	for _, account := range slices.Sorted(maps.Keys(m.creds)) {
		e, err := d.estimate(ctx, account, slices.Values(m.creds[account]))
		if err != nil {
			return nil, err
		}
		m.Accounts = append(m.Accounts, e)
	}
	return m, nil
}

// RotateMany asks for the rotations that a Many is about, before all scheduled work. They are queued for the times at which the
// rate of their account can serve them, behind what people asked for before: whatever a person asks for meanwhile does not
// wait behind all of them, and they go on without the process that asked. What was asked for is there beside an error.
func (d *Desk) RotateMany(ctx context.Context, m *Many, by string) error {
	for _, e := range m.Accounts {
		apart := time.Duration(float64(time.Second) / e.PerSecond)
		after := time.Duration(e.Urgent) * apart
		for _, cred := range m.creds[e.Account] {
			err := d.demandIn(ctx, cred, after, by)
			switch {
			case err == nil:
				m.Asked++
			case !errors.Is(err, queue.ErrBusy):
				return err
			case len(m.Failures) < MaxFailures:
				m.Failures = append(m.Failures, Verdict{Credential: cred.ID, Outcome: Failed, Why: err.Error()})
			}
			after += apart
		}
	}
	return nil
}

// demandIn asks for a rotation after a time. The queue reckons in whole seconds.
func (d *Desk) demandIn(ctx context.Context, cred *rotation.Credential, after time.Duration, by string) (err error) {
	if job := (rotation.Job{RequestedBy: by}); after < time.Second {
		_, err = d.Queue.Demand(ctx, cred.Account, queue.KindRotate, cred.ID, job)
	} else {
		_, err = d.Queue.DemandLater(ctx, cred.Account, queue.KindRotate, cred.ID, job, after)
	}
	return err
}
