package outbox

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/redisx"
)

const (
	// lookEvery is how often a scheduler looks around for what was lost on its way.
	lookEvery = 30 * time.Second
	// walkMost is how many subjects of each outbox it looks at then.
	walkMost = 200
	// overdue is how much longer than Patience an event waits that no worker has given up: none serves its sink.
	overdue = time.Hour
)

var errUnserved = errors.New("no worker has taken it")

// lookAround makes up for what a failure left behind: the jobs of entries that wait, and events that left the stream before they
// were handed on.
func (d *Dispatcher) lookAround(ctx context.Context) error {
	now := d.Clock.Now()
	if now.Sub(d.looked) < lookEvery {
		return nil
	}
	d.looked = now
	errs := []error{d.lookAtStream(ctx), d.lookAtCommands(ctx, now)}
	for _, sink := range d.Sinks() {
		errs = append(errs, d.Box.Keep(ctx, sink), d.walk(ctx, sink, now))
	}
	return errors.Join(errs...)
}

// walk rings for the next subjects of which something waits, and gives up what no worker has.
func (d *Dispatcher) walk(ctx context.Context, sink string, now time.Time) error {
	if d.walked == nil {
		d.walked = map[string]string{}
	}
	for range walkMost {
		subject, oldest, err := d.Box.Subject(ctx, sink, d.walked[sink])
		if err != nil {
			return err
		}
		d.walked[sink] = subject
		if subject == "" {
			return nil
		}
		p := Place{sink, subject}
		if now.Sub(Happened(oldest)) > Patience+overdue {
			d.Log.LogAttrs(ctx, slog.LevelError, "what happened cannot be told, and is given up", slog.String("to", sink), slog.String("about", subject),
				slog.Any("cause", errUnserved))
			if err := d.Box.Bury(ctx, p, oldest, errUnserved.Error(), now); err != nil {
				return err
			}
		}
		if err := d.Ring(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// missed says that events left the stream before they were handed on: the one that was the last to be is not there any more.
func (d *Dispatcher) missed(ctx context.Context, told string, next Event) error {
	_, err := d.Box.rdb.Get(ctx, redisx.Told).Result()
	if errors.Is(err, redis.Nil) {
		return nil // it begins, or Redis was emptied
	}
	found, there := d.Box.rdb.XRangeN(ctx, redisx.Events, told, told, 1).Result()
	if err := errors.Join(err, there); err != nil {
		return wrap(err)
	}
	if len(found) == 0 {
		d.Log.LogAttrs(ctx, slog.LevelError, "events were dropped before they could be told: too many at once, or no scheduler ran",
			slog.String("after", told), slog.String("before", next.ID))
	}
	return nil
}

// lookAtStream goes back where the stream ends before what was told: a Redis that took over from another one may lack its last events.
func (d *Dispatcher) lookAtStream(ctx context.Context) error {
	told, err := d.Box.told(ctx, d.Clock.Now())
	if err != nil {
		return err
	}
	last, err := d.Box.rdb.XRevRangeN(ctx, redisx.Events, "+", "-", 1).Result()
	if err != nil || len(last) == 0 || !before(last[0].ID, told) || d.Clock.Now().Sub(Happened(told)) >= Patience {
		return wrap(err)
	}
	return wrap(d.Box.rdb.Set(ctx, redisx.Told, last[0].ID, 0).Err())
}

// before tells whether an event's id comes before another one.
func before(id, other string) bool { return member("", id) < member("", other) }
