package due

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/redisx"
	"keyturn/internal/rotation"
)

const (
	maxEvents = 100_000 // some 30 MB
)

// The types of the events of a rotation's end.
const (
	EventRotated     = "rotated"     // consumers have another password
	EventQuarantined = "quarantined" // it needs a person
)

// addEvent appends what happened to the stream.
func addEvent(ctx context.Context, rdb redis.Cmdable, cred *rotation.Credential, end rotation.Ending) *redis.StringCmd {
	return rdb.XAdd(ctx, &redis.XAddArgs{Stream: redisx.Events, MaxLen: maxEvents, Approx: true, Values: eventOf(cred, end)})
}

// eventOf is the event of an end. None of it is a secret.
func eventOf(cred *rotation.Credential, end rotation.Ending) []any {
	kind := EventRotated
	if end.State == rotation.Quarantined {
		kind = EventQuarantined
	}
	return []any{
		"type", kind, "credential", cred.ID, "account", cred.Account, "rotation_id", end.RotationID,
		"slot", end.Slot.UTC().Format(time.RFC3339Nano), "reason", string(end.Reason), "attempt", end.Attempt,
		"version", end.Version, "verified", string(end.Verified), "why", end.Why, "requested_by", end.RequestedBy,
	}
}

// tell appends the event of an end on its own, unless it is that of a rotation before the one that is shown.
func (x *Index) tell(ctx context.Context, cred *rotation.Credential, end rotation.Ending) error {
	if end.State != rotation.Quarantined {
		if shown, err := x.shown(ctx, cred); err != nil || shown.after(end) {
			return err
		}
	}
	return addEvent(ctx, x.rdb, cred, end).Err()
}

// Reminder is how a credential stands, noted again as what brought it about.
type Reminder struct {
	Cred *rotation.Credential
	Type string // EventRotated or EventQuarantined
	// RotationID and what follows are as in the event that was lost, as far as Vault tells.
	RotationID string
	Reason     rotation.Reason
	Version    int
	Verified   rotation.Verified
	Why        string
}

// Remind notes again what happened.
func (x *Index) Remind(ctx context.Context, all []Reminder) error {
	_, err := x.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, r := range all {
			p.XAdd(ctx, &redis.XAddArgs{Stream: redisx.Events, MaxLen: maxEvents, Approx: true, Values: []any{
				"type", r.Type, "credential", r.Cred.ID, "account", r.Cred.Account, "rotation_id", r.RotationID, "reason", string(r.Reason),
				"version", r.Version, "verified", string(r.Verified), "why", r.Why, "again", 1,
			}})
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("note events again: %w", err)
	}
	return nil
}

// Note implements rotation.Notices: a notice is an event.
func (x *Index) Note(ctx context.Context, cred *rotation.Credential, n rotation.Notice) error {
	err := x.rdb.XAdd(ctx, &redis.XAddArgs{Stream: redisx.Events, MaxLen: maxEvents, Approx: true, Values: []any{
		"type", string(n.Kind), "credential", cred.ID, "account", cred.Account, "rotation_id", n.RotationID,
		"reason", string(n.Reason), "requested_by", n.RequestedBy, "why", n.Detail,
	}}).Err()
	if err != nil {
		return fmt.Errorf("note an event: %w", err)
	}
	return nil
}

// The types of the events of a mail server.
const (
	EventMailServerSick = "mail_server_sick" // it refuses logins that worked before: nothing is repaired
	EventMailServerWell = "mail_server_well" // it lets logins in again
)

// NoteMailServer notes that a mail server fell sick, or is well again.
func (x *Index) NoteMailServer(ctx context.Context, address string, sick bool) error {
	kind := EventMailServerWell
	if sick {
		kind = EventMailServerSick
	}
	err := x.rdb.XAdd(ctx, &redis.XAddArgs{
		Stream: redisx.Events, MaxLen: maxEvents, Approx: true, Values: []any{"type", kind, "server", address},
	}).Err()
	if err != nil {
		return fmt.Errorf("note an event: %w", err)
	}
	return nil
}

// EventUnserved is that commands wait, and no worker runs any.
const EventUnserved = "commands_unserved"

// NoteUnserved notes that.
func (x *Index) NoteUnserved(ctx context.Context) error {
	err := x.rdb.XAdd(ctx, &redis.XAddArgs{Stream: redisx.Events, MaxLen: maxEvents, Approx: true, Values: []any{"type", EventUnserved}}).Err()
	if err != nil {
		return fmt.Errorf("note an event: %w", err)
	}
	return nil
}

// Event returns one event; nil if it is not kept any more.
func (x *Index) Event(ctx context.Context, id string) (*Event, error) {
	found, err := x.rdb.XRangeN(ctx, redisx.Events, id, id, 1).Result()
	if err != nil {
		return nil, fmt.Errorf("read an event: %w", err)
	}
	events, err := eventsOf(found)
	if err != nil || len(events) == 0 {
		return nil, err
	}
	return &events[0], nil
}

// EventSearched is that a person looked for the credential of a leaked password.
const EventSearched = "leak_searched"

// NoteSearch notes who looked for the credential of a leaked password, and never what that was.
func (x *Index) NoteSearch(ctx context.Context, by string) error {
	err := x.rdb.XAdd(ctx, &redis.XAddArgs{
		Stream: redisx.Events, MaxLen: maxEvents, Approx: true, Values: []any{"type", EventSearched, "requested_by", by},
	}).Err()
	if err != nil {
		return fmt.Errorf("note an event: %w", err)
	}
	return nil
}

// The types of the events of what a person did to a journal. Its rotation has none then.
const (
	EventReleased  = "released"  // it is out of quarantine, with all that it has
	EventAbandoned = "abandoned" // its candidates are forgotten
)

// EventAsked is that a person asked for something through the console.
const EventAsked = "asked"

// NoteAsked notes who asked for what, and about what more than one credential. A cred of nil is an account as a whole, or
// what why says.
func (x *Index) NoteAsked(ctx context.Context, cred *rotation.Credential, account, what, by, why string) error {
	values := []any{"type", EventAsked, "account", account, "reason", what, "requested_by", by, "why", why}
	if cred != nil {
		values = append(values, "credential", cred.ID)
	}
	if err := x.rdb.XAdd(ctx, &redis.XAddArgs{Stream: redisx.Events, MaxLen: maxEvents, Approx: true, Values: values}).Err(); err != nil {
		return fmt.Errorf("note an event: %w", err)
	}
	return nil
}

// The types of the events of a change freeze that a person asked for.
const (
	EventFrozen = "frozen" // scheduled rotations wait
	EventThawed = "thawed" // they go on
)

// NoteFreeze notes who froze or thawed what.
func (x *Index) NoteFreeze(ctx context.Context, kind, account, by, why string) error {
	err := x.rdb.XAdd(ctx, &redis.XAddArgs{
		Stream: redisx.Events, MaxLen: maxEvents, Approx: true, Values: []any{"type", kind, "account", account, "requested_by", by, "why", why},
	}).Err()
	if err != nil {
		return fmt.Errorf("note an event: %w", err)
	}
	return nil
}

// Event is one entry of the stream.
type Event struct {
	ID     string    // the stream's; the next read starts after it
	At     time.Time // by Redis's clock
	Fields map[string]string
}

// Events returns what happened after the entry with this id, at most n entries, and waits up to block for the first
// one; a negative block does not wait. "0" is the beginning of what is kept, "$" is now.
func (x *Index) Events(ctx context.Context, after string, n int64, block time.Duration) ([]Event, error) {
	streams, err := x.rdb.XRead(ctx, &redis.XReadArgs{Streams: []string{redisx.Events, after}, Count: n, Block: block}).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	var events []Event
	for _, s := range streams {
		some, err := eventsOf(s.Messages)
		if err != nil {
			return nil, err
		}
		events = append(events, some...)
	}
	return events, nil
}

// EventsBefore returns what happened before the entry with this id, the newest first and at most n entries. "+" is the end.
func (x *Index) EventsBefore(ctx context.Context, before string, n int64) ([]Event, error) {
	if before != "+" {
		before = "(" + before
	}
	found, err := x.rdb.XRevRangeN(ctx, redisx.Events, before, "-", n).Result()
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	return eventsOf(found)
}

func eventsOf(messages []redis.XMessage) ([]Event, error) {
	events := make([]Event, 0, len(messages))
	for _, m := range messages {
		e := Event{ID: m.ID, Fields: make(map[string]string, len(m.Values))}
		ms, _, _ := strings.Cut(m.ID, "-")
		at, err := strconv.ParseInt(ms, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("read events: id %s: %w", m.ID, err)
		}
		e.At = time.UnixMilli(at).UTC()
		for k, v := range m.Values {
			e.Fields[k] = fmt.Sprint(v)
		}
		events = append(events, e)
	}
	return events, nil
}
