package outbox

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"keyturn/internal/redisx"
)

const (
	leaseTime = 30 * time.Second
	readMost  = 500
	// What was handed on of a batch counts by the chunk, and so is not handed on twice where Redis is slow.
	chunk, ringsAtOnce = 50, 8
	readWait           = time.Second // for the next event
	passMost           = 20 * time.Second
	restTime           = time.Second // while another scheduler is at it, and after an error of Redis
	// UnservedFor is how long commands wait before that is said.
	UnservedFor = 5 * time.Minute
	commandLife = time.Minute // how long a worker's word that it runs commands holds
)

// Event is an entry of the stream of events, and where it is to go.
type Event struct {
	ID string
	To []Place
}

// Clock is Redis's.
type Clock interface {
	Now() time.Time
	Sleep(ctx context.Context, d time.Duration) error
}

// Dispatcher hands events on to outboxes. Any number may run; one at a time does it. Every field is needed.
type Dispatcher struct {
	Box   *Box
	Clock Clock
	Log   *slog.Logger
	// Read returns up to n events after one, as soon as there is one or the wait is over.
	Read func(ctx context.Context, after string, n int64, wait time.Duration) ([]Event, error)
	// Ring has a worker look at an outbox for a subject.
	Ring func(ctx context.Context, p Place) error
	// Sinks are all of them, and Commands those that only some workers serve.
	Sinks    func() []string
	Commands func() []string
	// Unserved is called where commands wait and no worker runs any.
	Unserved func(ctx context.Context) error

	looked time.Time         // around, the last time
	walked map[string]string // the subject up to which each outbox was looked through
}

// Run hands events on until ctx ends. What goes wrong is tried again: nothing counts as handed on before it is.
func (d *Dispatcher) Run(ctx context.Context) {
	late := false
	for ctx.Err() == nil {
		mine, err := d.pass(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil && !late {
			d.Log.WarnContext(ctx, "what happened is told late", "error", err)
		}
		if late = err != nil; late || !mine {
			_ = d.Clock.Sleep(ctx, restTime)
		}
	}
}

// pass hands on what there is. It is false where another scheduler does.
func (d *Dispatcher) pass(ctx context.Context) (mine bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, passMost)
	defer cancel()
	token := rand.Text()
	mine, err = d.Box.rdb.SetNX(ctx, redisx.Telling, token, leaseTime).Result()
	if err != nil || !mine {
		return false, wrap(err)
	}
	defer d.Box.letGo(ctx, token)
	after, err := d.Box.told(ctx, d.Clock.Now())
	if err != nil {
		return true, err
	}
	events, err := d.Read(ctx, after, readMost, readWait)
	if err != nil {
		return true, err
	}
	if len(events) > 0 {
		if err := d.missed(ctx, after, events[0]); err != nil {
			return true, err
		}
	}
	for some := range slices.Chunk(events, chunk) {
		if err := d.handOn(ctx, some); err != nil {
			return true, err
		}
		if err := d.Box.rdb.Set(ctx, redisx.Told, some[len(some)-1].ID, 0).Err(); err != nil {
			return true, wrap(err)
		}
	}
	return true, d.lookAround(ctx)
}

// handOn keeps events in the outboxes before it rings: a worker that is rung for finds them.
func (d *Dispatcher) handOn(ctx context.Context, events []Event) error {
	if err := d.Box.AddAll(ctx, events); err != nil {
		return err
	}
	rung := map[Place]bool{}
	var group errgroup.Group
	group.SetLimit(ringsAtOnce)
	for _, e := range events {
		for _, p := range e.To {
			if rung[p] {
				continue
			}
			rung[p] = true
			group.Go(func() error {
				if err := d.Ring(ctx, p); err != nil {
					return fmt.Errorf("ask for a delivery to %s: %w", p.Sink, err)
				}
				return nil
			})
		}
	}
	return group.Wait()
}

// told is the event up to which all have been handed on. What is older than any delivery is tried, is not handed on any more;
// and where nothing was handed on yet, or Redis was emptied, that is where it begins.
func (b *Box) told(ctx context.Context, now time.Time) (string, error) {
	id, err := b.rdb.Get(ctx, redisx.Told).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return "", wrap(err)
	}
	if oldest := now.Add(-Patience); Happened(id).Before(oldest) {
		id = strconv.FormatInt(oldest.UnixMilli(), 10) + "-0"
	}
	return id, nil
}

var letGoScript = redis.NewScript(`if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0`)

func (b *Box) letGo(ctx context.Context, token string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = letGoScript.Run(ctx, b.rdb, []string{redisx.Telling}, token).Err() // it ends by itself
}

// Commanding says that a worker runs commands. It is called every few seconds while that is so.
func (b *Box) Commanding(ctx context.Context) error {
	return wrap(b.rdb.Set(ctx, redisx.Commanding, "1", commandLife).Err())
}

// lookAtCommands finds out whether commands wait for a worker that there is not.
func (d *Dispatcher) lookAtCommands(ctx context.Context, now time.Time) error {
	sinks := d.Commands()
	if len(sinks) == 0 {
		return nil
	}
	counts, err := d.Box.Counts(ctx, sinks...)
	if err != nil {
		return err
	}
	waiting := 0
	for _, c := range counts {
		waiting += c.Waiting
	}
	there, err := d.Box.rdb.Exists(ctx, redisx.Commanding).Result()
	if err != nil {
		return wrap(err)
	}
	if waiting == 0 || there > 0 {
		return wrap(d.Box.rdb.Del(ctx, redisx.Unserved).Err())
	}
	return d.missing(ctx, now)
}

// missing says once that commands have waited for long.
func (d *Dispatcher) missing(ctx context.Context, now time.Time) error {
	const said = "said"
	first, err := d.Box.rdb.SetNX(ctx, redisx.Unserved, now.UnixMilli(), Patience).Result()
	if err != nil || first {
		return wrap(err)
	}
	since, err := d.Box.rdb.Get(ctx, redisx.Unserved).Result()
	if err != nil || since == said {
		return wrap(err)
	}
	if now.Sub(Happened(since)) < UnservedFor {
		return nil
	}
	if err := d.Unserved(ctx); err != nil {
		return err
	}
	return wrap(d.Box.rdb.Set(ctx, redisx.Unserved, said, Patience).Err())
}
