package operate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"keyturn/internal/due"
	"keyturn/internal/rotation"
)

// Event is something that happened. It holds no secret.
type Event struct {
	ID         string    `json:"id"` // of the stream; grows with the time
	At         time.Time `json:"at"` // by Redis's clock
	Type       string    `json:"type"`
	Credential string    `json:"credential,omitempty"`
	Account    string    `json:"account,omitempty"`
	Server     string    `json:"server,omitempty"` // a mail server's address
	RotationID string    `json:"rotation_id,omitempty"`
	Slot       string    `json:"slot,omitempty"` // RFC 3339
	Reason     string    `json:"reason,omitempty"`
	Attempt    int       `json:"attempt,omitempty"`
	Version    int       `json:"version,omitempty"` // of the secret in Vault
	Verified   string    `json:"verified,omitempty"`
	Why        string    `json:"why,omitempty"`
	AskedBy    string    `json:"requested_by,omitempty"`
	Again      bool      `json:"again,omitempty"` // noted again, because it may never have been told
	// Owner and Labels are those of the credential or account as the configuration has them when the event is read.
	Owner  string            `json:"owner,omitempty"`
	Labels map[string]string `json:"labels,omitempty"`
}

// EventAsked is the type of what a person asked for through the console.
const EventAsked = due.EventAsked

// EventTypes are the types of events, in the order in which docs/events.md has them.
func EventTypes() []string {
	types := []string{due.EventRotated, due.EventQuarantined, due.EventReleased, due.EventAbandoned}
	for _, kind := range rotation.NoticeKinds {
		types = append(types, string(kind))
	}
	return append(types, due.EventMailServerSick, due.EventMailServerWell, due.EventSearched, due.EventFrozen, due.EventThawed, EventAsked, due.EventUnserved)
}

// EventQuery is which events are wanted. All conditions must hold.
type EventQuery struct {
	IDs      []string        // of credentials, also of those that the configuration has no more; nil: all
	Accounts []string        // nil: all
	Types    []string        // nil: all
	Marks    *rotation.Marks // owner and labels; nil: whatever they are
	Since    time.Time
	Follow   bool   // go on with what happens until the context ends
	After    string // instead of Since: go on after the event of this id
}

// Wants tells whether an event answers to the query.
func (q *EventQuery) Wants(e *Event) bool {
	in := func(all []string, one string) bool { return len(all) == 0 || slices.Contains(all, one) }
	marks := &rotation.Marks{Owner: e.Owner, Labels: e.Labels}
	return in(q.IDs, e.Credential) && in(q.Accounts, e.Account) && in(q.Types, e.Type) && marks.Has(q.Marks)
}

// Valid refuses what no event can answer to.
func (q *EventQuery) Valid() error {
	for _, t := range q.Types {
		if !slices.Contains(EventTypes(), t) {
			return invalid("type %s: want one of %s", t, strings.Join(EventTypes(), ", "))
		}
	}
	if q.After != "" && !eventID.MatchString(q.After) {
		return invalid("after: is not the id of an event")
	}
	return nil
}

// eventID is the id of an entry of a stream.
var eventID = regexp.MustCompile(`^[0-9]{1,15}-[0-9]{1,20}$`)

// LastEvent is the id of the newest event; that of none where there is none.
func (d *Desk) LastEvent(ctx context.Context) (string, error) {
	some, err := d.Chronicle.EventsBefore(ctx, "+", 1)
	if err != nil || len(some) == 0 {
		return "0-0", err
	}
	return some[0].ID, nil
}

// EventsAfter returns what happened after the event of an id, as soon as there is something or the wait is over.
func (d *Desk) EventsAfter(ctx context.Context, id string, wait time.Duration) ([]Event, error) {
	some, err := d.Index.Events(ctx, id, eventsAtOnce, wait)
	events := make([]Event, len(some))
	for i, e := range some {
		events[i] = d.Event(e)
	}
	return events, err
}

// recentMost bounds how many events are read for a list of those that a query wants.
const recentMost = 5000

// Recent returns the events of a query, the newest first and at most n of them, and where the list goes on: "" at its end.
// It reads a bounded number of events, so that a page may have fewer than n.
func (d *Desk) Recent(ctx context.Context, q EventQuery, older string, n int) (all []Event, next string, err error) {
	if err := errors.Join(q.Valid(), (&EventQuery{After: older}).Valid()); err != nil {
		return nil, "", err
	}
	next = cmp.Or(older, "+")
	for read := 0; read < recentMost; read += eventsAtOnce {
		some, err := d.Chronicle.EventsBefore(ctx, next, eventsAtOnce)
		if err != nil {
			return nil, "", err
		}
		for _, e := range some {
			if next = e.ID; e.At.Before(q.Since) {
				return all, "", nil
			}
			if told := d.Event(e); q.Wants(&told) {
				if all = append(all, told); len(all) == n {
					return all, next, nil
				}
			}
		}
		if len(some) < eventsAtOnce {
			return all, "", nil
		}
	}
	return all, next, nil
}

const (
	eventsAtOnce = 1000
	eventWait    = 5 * time.Second // for the next event, before the context is asked again
	eventRest    = time.Second     // after an error of Redis, while events are followed
)

// Events calls show with each event of a query, the oldest first. It returns when the stream that Redis keeps begins, where
// that is after the query's Since: what was before is not kept. While events are followed, trouble hears of each time that
// Redis could not be asked, and nothing is left out that is still kept. An error of show ends it and is returned.
func (d *Desk) Events(ctx context.Context, q EventQuery, show func(Event) error, trouble func(error)) (begins time.Time, err error) {
	if err := q.Valid(); err != nil {
		return begins, err
	}
	first, err := d.Index.Events(ctx, "0", 1, -1)
	if err != nil {
		return begins, err
	}
	if len(first) > 0 && first[0].At.After(q.Since) {
		begins = first[0].At
	}
	for after, wait := cmp.Or(q.After, before(q.Since)), time.Duration(-1); ; {
		some, err := d.Index.Events(ctx, after, eventsAtOnce, wait)
		switch {
		case ctx.Err() != nil:
			return begins, nil //nolint:nilerr // who follows has seen enough
		case err != nil && !q.Follow:
			return begins, err
		case err != nil:
			trouble(err)
			_ = d.Clock.Sleep(ctx, eventRest)
			continue
		}
		for _, e := range some {
			after = e.ID
			if told := d.Event(e); q.Wants(&told) {
				if err := show(told); err != nil {
					return begins, err
				}
			}
		}
		if len(some) < eventsAtOnce {
			if !q.Follow {
				return begins, nil
			}
			wait = eventWait
		}
	}
}

// Event is an entry of the stream, filed under what its credential is or, of one that the configuration has no more, its
// account.
func (d *Desk) Event(e due.Event) Event {
	told := eventOf(e)
	var marks *rotation.Marks
	if cred, ok := d.Fleet.Credential(told.Credential); ok {
		marks = d.Fleet.Marks(cred)
	} else if account := d.Accounts[told.Account]; account != nil {
		marks = account.Marks
	}
	if marks != nil {
		told.Owner, told.Labels = marks.Owner, marks.Labels
	}
	return told
}

// before is the id of an entry right before the first one of an instant.
func before(t time.Time) string {
	ms := max(t.UnixMilli(), 1)
	return fmt.Sprintf("%d-%d", ms-1, uint64(math.MaxUint64))
}

func eventOf(e due.Event) Event {
	number := func(name string) int {
		n, _ := strconv.Atoi(e.Fields[name]) // what is no number was not written by keyturn
		return n
	}
	told := Event{
		ID: e.ID, At: e.At, Type: cmp.Or(e.Fields["type"], "unknown"), Credential: e.Fields["credential"], Account: e.Fields["account"],
		Server: e.Fields["server"], RotationID: e.Fields["rotation_id"], Slot: e.Fields["slot"], Reason: e.Fields["reason"],
		Attempt: number("attempt"), Version: number("version"), Verified: e.Fields["verified"], Why: Plain(e.Fields["why"]),
		AskedBy: e.Fields["requested_by"], Again: e.Fields["again"] != "",
	}
	if strings.HasPrefix(told.Slot, "0001-") {
		told.Slot = "" // none
	}
	return told
}
