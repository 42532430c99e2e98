package operate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"keyturn/internal/outbox"
	"keyturn/internal/rotation"
)

// Outbox is what is still to be told elsewhere. Safe for concurrent use; returns soon after ctx ends.
type Outbox interface {
	Counts(ctx context.Context, sinks ...string) ([]outbox.Count, error)
	Dead(ctx context.Context, sink string) ([]outbox.Dead, error)
	// Revive puts something dead back, and has it asked for; false: there is no such thing.
	Revive(ctx context.Context, p outbox.Place, id string, ask func() error) (bool, error)
	Next(ctx context.Context, p outbox.Place, n int64) ([]string, error)
}

// Teller asks for jobs that deliver.
type Teller interface {
	// EnqueueTell asks for a delivery; with wake, also of what sleeps after a failure.
	EnqueueTell(ctx context.Context, sink, subject string, wake bool) error
}

// Delivery is how a webhook, a command or the restarts stand.
type Delivery struct {
	To      string        `json:"to"`      // webhook.NAME, command.NAME or restart.kubernetes
	Waiting int           `json:"waiting"` // events that are still to be told
	Dead    []Undelivered `json:"dead"`    // those that were given up
}

// Undelivered is an event that could not be told for a day, or that its receiver refused for good.
type Undelivered struct {
	Event string    `json:"event"` // its id
	About string    `json:"about"` // a credential, an account or a workload
	Since time.Time `json:"since"`
	Cause string    `json:"cause"`
}

// Deliveries tells how the deliveries to sinks stand, in their order.
func (d *Desk) Deliveries(ctx context.Context, sinks []string) ([]Delivery, error) {
	counts, err := d.Outbox.Counts(ctx, sinks...)
	if err != nil {
		return nil, err
	}
	all := make([]Delivery, len(sinks))
	for i, sink := range sinks {
		all[i] = Delivery{To: sink, Waiting: counts[i].Waiting, Dead: []Undelivered{}}
		if counts[i].Dead == 0 {
			continue
		}
		dead, err := d.Outbox.Dead(ctx, sink)
		if err != nil {
			return nil, err
		}
		for _, one := range dead {
			all[i].Dead = append(all[i].Dead, Undelivered{one.Event, one.Subject, one.Since, Plain(one.Cause)})
		}
	}
	return all, nil
}

// Untold is what is still to follow the rotations of a credential somewhere, or never did.
type Untold struct {
	To      string `json:"to"`
	Waiting int    `json:"waiting"` // events; 100 stands for more
	GivenUp int    `json:"given_up"`
}

const mostUntold = 100

// Untold tells what is still to be told of a credential, or was given up; nothing where all was told.
func (d *Desk) Untold(ctx context.Context, cred *rotation.Credential) ([]Untold, error) {
	if d.Outbox == nil || d.ToldOf == nil {
		return nil, nil
	}
	var all []Untold
	for _, p := range d.ToldOf(cred) {
		waiting, err := d.Outbox.Next(ctx, p, mostUntold)
		if err != nil {
			return nil, err
		}
		dead, err := d.Outbox.Dead(ctx, p.Sink)
		if err != nil {
			return nil, err
		}
		u := Untold{To: p.Sink, Waiting: len(waiting)}
		for _, one := range dead {
			if one.Subject == p.Subject {
				u.GivenUp++
			}
		}
		if u.Waiting+u.GivenUp > 0 {
			all = append(all, u)
		}
	}
	return all, nil
}

// Resend has what could not be told to a sink tried once more: the events of these ids, or all of them where none is given. It returns
// how many.
func (d *Desk) Resend(ctx context.Context, sink string, ids ...string) (int, error) {
	dead, err := d.Outbox.Dead(ctx, sink)
	if err != nil {
		return 0, err
	}
	unknown := slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
		return slices.ContainsFunc(dead, func(one outbox.Dead) bool { return one.Event == id })
	})
	if len(unknown) > 0 {
		return 0, &Error{Absent, fmt.Errorf("%s has no event that could not be delivered of the id %s", sink, strings.Join(unknown, ", "))}
	}
	resent := 0
	for _, one := range dead {
		if len(ids) > 0 && !slices.Contains(ids, one.Event) {
			continue
		}
		ask := func() error { return d.Teller.EnqueueTell(ctx, sink, one.Subject, true) }
		found, err := d.Outbox.Revive(ctx, outbox.Place{Sink: sink, Subject: one.Subject}, one.Event, ask)
		if err != nil {
			return resent, err
		}
		if found {
			resent++
		}
	}
	return resent, nil
}
