package operate

import (
	"context"
	"iter"
	"time"

	"keyturn/internal/due"
	"keyturn/internal/rotation"
)

// Estimate is what the rotation of all credentials of an account will be like.
type Estimate struct {
	Account          string  `json:"account"`
	Credentials      int     `json:"credentials"`          // 0: there is nothing to rotate, and no figure below says anything
	CallsPerSecond   float64 `json:"calls_per_second"`     // the account's rate
	CallsPerRotation float64 `json:"calls_per_rotation"`   // on average
	PerSecond        float64 `json:"rotations_per_second"` // a tenth of the rate is left to other work
	Seconds          float64 `json:"seconds"`              // with what goes first
	Urgent           int     `json:"urgent_jobs"`          // wait or run, and go first
	Others           int     `json:"other_jobs"`           // wait, and have the rest of the rate
	NeverRotated     int     `json:"never_rotated"`        // wait for a person: their programs must read from Vault by now
	// Never are the first of those, MaxNever at most.
	Never       []string `json:"never_rotated_ids,omitempty"`
	Quarantined int      `json:"quarantined"`      // at the account; they will not be rotated
	Frozen      int      `json:"frozen,omitempty"` // will not be rotated either
	IndexBuilt  bool     `json:"index_built"`      // false: what was never rotated and what is in quarantine is not known
	// Breaker is the account's open breaker: nothing is rotated before it closes.
	Breaker *Breaker `json:"breaker,omitempty"`
}

// MaxNever is how many credentials that were never rotated an estimate names, and the others it counts.
const MaxNever = 20

// manyAtOnce is how many rotations are more than one asks for in passing.
const manyAtOnce = 100

// Surprises tells whether what is about to happen may surprise the person who asks: a front wants consent then.
func (e Estimate) Surprises() bool {
	return e.Credentials > manyAtOnce || e.NeverRotated > 0 || !e.IndexBuilt
}

// Estimate tells what RotateAll would be like. It changes nothing.
func (d *Desk) Estimate(ctx context.Context, r BulkRequest) (Estimate, error) {
	creds, err := d.Select(r.query())
	if err != nil {
		return Estimate{}, err
	}
	return d.estimate(ctx, r.Account, creds)
}

// estimate is what the rotation of some credentials of an account will be like.
func (d *Desk) estimate(ctx context.Context, account string, creds iter.Seq[*rotation.Credential]) (Estimate, error) {
	l, err := d.load(account, creds)
	if err != nil {
		return Estimate{}, err
	}
	e := Estimate{Account: account, Credentials: l.credentials, CallsPerSecond: 1 / l.perCall.Seconds(), PerSecond: l.pace()}
	counts, err := d.Index.Counts(ctx, account)
	if err != nil {
		return e, err
	}
	e.IndexBuilt, e.Quarantined = counts[0].Built, counts[0].Quarantined
	depths, err := d.Queue.Depths(ctx, account)
	if err != nil {
		return e, err
	}
	for _, q := range depths {
		if n := q.Pending + q.Active + q.Scheduled + q.Retry; q.Urgent {
			e.Urgent += n
		} else {
			e.Others += n
		}
	}
	if e.Breaker, err = d.breaker(ctx, account); err != nil {
		return e, err
	}
	if l.credentials > 0 {
		e.CallsPerRotation = float64(l.calls) / float64(l.credentials)
		e.Seconds = float64(l.credentials+e.Urgent) / e.PerSecond
	}
	c, err := d.calendar(ctx)
	if err != nil {
		return e, err
	}
	now := d.Clock.Now()
	return e, d.eachStanding(ctx, creds, func(cred *rotation.Credential, s due.Standing) {
		if cred.First == rotation.FirstManual && s.Waits() {
			if e.NeverRotated++; e.NeverRotated <= MaxNever {
				e.Never = append(e.Never, cred.ID)
			}
		}
		if c.of(d, cred).At(now) != nil {
			e.Frozen++
		}
	})
}

// share of the account's rate that a bulk takes. What a person asks for always goes before scheduled work, so the rest is
// what scheduled work has while it goes on.
const share = 0.9

// load is what the rotation of some credentials of an account takes of its rate.
type load struct {
	credentials, calls int
	perCall            time.Duration
}

func (d *Desk) load(account string, creds iter.Seq[*rotation.Credential]) (l load, err error) {
	for cred := range creds {
		l.credentials++
		l.calls += cred.Calls()
	}
	l.perCall, err = spacing(d.Accounts[account])
	return l, err
}

// pace is how many rotations a second a bulk asks for; 0 where there is nothing to rotate.
func (l load) pace() float64 {
	if l.calls == 0 {
		return 0
	}
	return share / l.perCall.Seconds() * float64(l.credentials) / float64(l.calls)
}
