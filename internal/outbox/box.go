package outbox

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/redisx"
)

const (
	// keptFor is how long an outbox stays whose sink is configured no more.
	keptFor  = 48 * time.Hour
	maxDead  = 1000 // of one sink; the oldest go
	maxCause = 256  // bytes
)

// Box is all outboxes. Safe for concurrent use.
type Box struct{ rdb redis.UniversalClient }

// New makes a Box on a connection that the caller closes.
func New(rdb redis.UniversalClient) *Box { return &Box{rdb} }

// Place is where an event goes: the queue of a sink, and what the event is about there.
type Place struct{ Sink, Subject string }

// Add puts an event in the outboxes of places. One that is there already stays one.
func (b *Box) Add(ctx context.Context, id string, to ...Place) error {
	return b.AddAll(ctx, []Event{{id, to}})
}

// AddAll puts events in the outboxes where they go.
func (b *Box) AddAll(ctx context.Context, events []Event) error {
	_, err := b.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, e := range events {
			for _, place := range e.To {
				p.ZAdd(ctx, redisx.Key(place.Sink, redisx.Outbox), redis.Z{Member: member(place.Subject, e.ID)})
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("keep what is to be told: %w", err)
	}
	return nil
}

// Next returns the ids of up to n events that wait for a subject, the oldest first.
func (b *Box) Next(ctx context.Context, p Place, n int64) ([]string, error) {
	span := span(p.Subject)
	span.Count = n
	found, err := b.rdb.ZRangeByLex(ctx, redisx.Key(p.Sink, redisx.Outbox), span).Result()
	if err != nil {
		return nil, fmt.Errorf("ask what is to be told: %w", err)
	}
	ids := make([]string, 0, len(found))
	for _, m := range found {
		if _, id, ok := parse(m); ok {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// Ends are the oldest and the newest event that wait for a subject; "" where none does.
func (b *Box) Ends(ctx context.Context, p Place) (oldest, newest string, err error) {
	some, err := b.Next(ctx, p, 1)
	if err != nil || len(some) == 0 {
		return "", "", err
	}
	span := span(p.Subject)
	found, err := b.rdb.ZRevRangeByLex(ctx, redisx.Key(p.Sink, redisx.Outbox), &redis.ZRangeBy{Min: span.Min, Max: span.Max, Count: 1}).Result()
	if err != nil || len(found) == 0 {
		return "", "", wrap(err)
	}
	_, newest, _ = parse(found[0])
	return some[0], newest, nil
}

// span is where the entries of a subject stand. '0' follows '/'.
func span(subject string) *redis.ZRangeBy {
	return &redis.ZRangeBy{Min: "[" + subject + "/", Max: "(" + subject + "0"}
}

// RemoveUpTo takes the events of a subject out of an outbox, from the oldest to this one.
func (b *Box) RemoveUpTo(ctx context.Context, p Place, id string) error {
	err := b.rdb.ZRemRangeByLex(ctx, redisx.Key(p.Sink, redisx.Outbox), span(p.Subject).Min, "["+member(p.Subject, id)).Err()
	if err != nil {
		return fmt.Errorf("note what was told: %w", err)
	}
	return nil
}

// Remove takes an event out of an outbox.
func (b *Box) Remove(ctx context.Context, p Place, id string) error {
	if err := b.rdb.ZRem(ctx, redisx.Key(p.Sink, redisx.Outbox), member(p.Subject, id)).Err(); err != nil {
		return fmt.Errorf("note what was told: %w", err)
	}
	return nil
}

// Bury takes an event out of an outbox that cannot be delivered, and keeps it to be looked at.
func (b *Box) Bury(ctx context.Context, p Place, id, cause string, now time.Time) error {
	m := member(p.Subject, id)
	dead, causes := redisx.Key(p.Sink, redisx.Dead), redisx.Key(p.Sink, redisx.Causes)
	var oldest *redis.StringSliceCmd
	_, err := b.rdb.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.ZAdd(ctx, dead, redis.Z{Score: float64(now.UnixMilli()), Member: m})
		pipe.HSet(ctx, causes, m, cut(cause))
		pipe.ZRem(ctx, redisx.Key(p.Sink, redisx.Outbox), m)
		oldest = pipe.ZRange(ctx, dead, 0, -maxDead-1)
		return nil
	})
	if err != nil {
		return fmt.Errorf("note what cannot be told: %w", err)
	}
	if gone := oldest.Val(); len(gone) > 0 {
		return b.forget(ctx, p.Sink, gone)
	}
	return nil
}

// Dead is an event that could not be delivered.
type Dead struct {
	Subject string
	Event   string // its id
	Since   time.Time
	Cause   string
}

// Dead returns what could not be delivered to a sink, the oldest first.
func (b *Box) Dead(ctx context.Context, sink string) ([]Dead, error) {
	found, err := b.rdb.ZRangeWithScores(ctx, redisx.Key(sink, redisx.Dead), 0, -1).Result()
	if err != nil || len(found) == 0 {
		return nil, wrap(err)
	}
	causes, err := b.rdb.HGetAll(ctx, redisx.Key(sink, redisx.Causes)).Result()
	if err != nil {
		return nil, wrap(err)
	}
	all := make([]Dead, 0, len(found))
	for _, z := range found {
		m, _ := z.Member.(string)
		if subject, id, ok := parse(m); ok {
			all = append(all, Dead{subject, id, time.UnixMilli(int64(z.Score)).UTC(), causes[m]})
		}
	}
	return all, nil
}

// Revive puts something dead back to be delivered at once, and has it asked for. It is dead no more when that is done. It is
// false where there is no such thing.
func (b *Box) Revive(ctx context.Context, p Place, id string, ask func() error) (bool, error) {
	m := member(p.Subject, id)
	if _, err := b.rdb.ZScore(ctx, redisx.Key(p.Sink, redisx.Dead), m).Result(); errors.Is(err, redis.Nil) {
		return false, nil
	} else if err != nil {
		return false, wrap(err)
	}
	if err := b.Add(ctx, id, p); err != nil {
		return false, err
	}
	if err := b.rdb.Del(ctx, redisx.Turn(p.Sink, p.Subject)).Err(); err != nil { // it may rest for an hour
		return false, wrap(err)
	}
	if err := ask(); err != nil {
		return false, err
	}
	return true, b.forget(ctx, p.Sink, []string{m})
}

func (b *Box) forget(ctx context.Context, sink string, members []string) error {
	_, err := b.rdb.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		for _, m := range members {
			pipe.ZRem(ctx, redisx.Key(sink, redisx.Dead), m)
			pipe.HDel(ctx, redisx.Key(sink, redisx.Causes), m)
		}
		return nil
	})
	return wrap(err)
}

// Subject returns the first subject after another one of which something waits, and its oldest event; "" where there is none.
func (b *Box) Subject(ctx context.Context, sink, after string) (subject, oldest string, err error) {
	from := "-"
	if after != "" {
		from = "[" + after + "0"
	}
	found, err := b.rdb.ZRangeByLex(ctx, redisx.Key(sink, redisx.Outbox), &redis.ZRangeBy{Min: from, Max: "+", Count: 1}).Result()
	if err != nil || len(found) == 0 {
		return "", "", wrap(err)
	}
	subject, oldest, _ = parse(found[0])
	return subject, oldest, nil
}

// Keep has what waits for a sink, and what is dead of it, stay for as long as it is called now and then.
func (b *Box) Keep(ctx context.Context, sink string) error {
	_, err := b.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, name := range []string{redisx.Outbox, redisx.Dead, redisx.Causes} {
			p.Expire(ctx, redisx.Key(sink, name), keptFor)
		}
		return nil
	})
	return wrap(err)
}

// Count is how much of a sink waits, and how much is dead.
type Count struct{ Waiting, Dead int }

// Counts are those of sinks, in their order.
func (b *Box) Counts(ctx context.Context, sinks ...string) ([]Count, error) {
	waiting, dead := make([]*redis.IntCmd, len(sinks)), make([]*redis.IntCmd, len(sinks))
	_, err := b.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, sink := range sinks {
			waiting[i] = p.ZCard(ctx, redisx.Key(sink, redisx.Outbox))
			dead[i] = p.ZCard(ctx, redisx.Key(sink, redisx.Dead))
		}
		return nil
	})
	if err != nil {
		return nil, wrap(err)
	}
	counts := make([]Count, len(sinks))
	for i := range sinks {
		counts[i] = Count{int(waiting[i].Val()), int(dead[i].Val())}
	}
	return counts, nil
}

func wrap(err error) error {
	if err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	return nil
}

func cut(text string) string {
	if len(text) > maxCause {
		text = strings.ToValidUTF8(text[:maxCause], "")
	}
	return text
}

// member is an entry as the sorted set has it: the order of members is that of subjects, and then that of events.
func member(subject, id string) string {
	ms, n, _ := strings.Cut(id, "-")
	a, _ := strconv.ParseUint(ms, 10, 64)
	b, _ := strconv.ParseUint(n, 10, 64)
	return fmt.Sprintf("%s/%015d-%020d", subject, a, b)
}

func parse(m string) (subject, id string, ok bool) {
	subject, id, ok = strings.Cut(m, "/")
	ms, n, two := strings.Cut(id, "-")
	a, errA := strconv.ParseUint(ms, 10, 64)
	b, errB := strconv.ParseUint(n, 10, 64)
	return subject, fmt.Sprintf("%d-%d", a, b), ok && two && errA == nil && errB == nil
}

// Happened is when an event was noted: an event's id begins with it.
func Happened(id string) time.Time {
	ms, _, _ := strings.Cut(id, "-")
	at, _ := strconv.ParseInt(ms, 10, 64)
	return time.UnixMilli(at).UTC()
}
