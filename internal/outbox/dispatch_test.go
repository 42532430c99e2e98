package outbox

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/redisx"
)

// post is a stream of events and a queue.
type post struct {
	mu       sync.Mutex // of rung
	events   []Event
	readErr  error
	ringErr  error
	rung     []Place
	unserved int
	now      time.Time
}

func (p *post) Now() time.Time { return p.now }

func (p *post) Sleep(ctx context.Context, _ time.Duration) error { return ctx.Err() }

func (p *post) read(_ context.Context, after string, n int64, _ time.Duration) ([]Event, error) {
	i := slices.IndexFunc(p.events, func(e Event) bool {
		return Happened(e.ID).After(Happened(after)) || e.ID > after && Happened(e.ID).Equal(Happened(after))
	})
	if i < 0 || p.readErr != nil {
		return nil, p.readErr
	}
	return p.events[i:min(len(p.events), i+int(n))], nil
}

func (p *post) dispatcher(b *Box) *Dispatcher {
	return &Dispatcher{
		Box: b, Clock: p, Log: slog.New(slog.DiscardHandler), Read: p.read,
		Ring: func(_ context.Context, place Place) error {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.rung = append(p.rung, place)
			return p.ringErr
		},
		Sinks:    func() []string { return []string{pager.Sink, "command.reload"} },
		Commands: func() []string { return []string{"command.reload"} },
		Unserved: func(context.Context) error { p.unserved++; return nil },
	}
}

func waiting(t *testing.T, b *Box, p Place) []string {
	t.Helper()
	ids, err := b.Next(t.Context(), p, 100)
	must(t, err)
	return ids
}

func TestEachEventIsHandedOnOnceToWhereItGoes(t *testing.T) {
	t.Parallel()
	b, p := newBox(t), &post{now: time.Now()}
	p.events = []Event{{event(time.Minute, 0), []Place{pager}}, {event(time.Second, 0), nil}, {event(0, 0), []Place{pager, {"webhook.other", "shop"}}}}
	d := p.dispatcher(b)
	d.looked = p.now
	if mine, err := d.pass(t.Context()); err != nil || !mine {
		t.Fatal(mine, err)
	}
	if got := waiting(t, b, pager); !slices.Equal(got, []string{p.events[0].ID, p.events[2].ID}) {
		t.Errorf("%v", got)
	}
	if len(p.rung) != 2 {
		t.Errorf("rang for %v", p.rung)
	}
	for _, id := range waiting(t, b, pager) {
		must(t, b.Remove(t.Context(), pager, id))
	}
	if _, err := d.pass(t.Context()); err != nil || len(waiting(t, b, pager)) > 0 {
		t.Errorf("handed on twice: %v", err)
	}
}

func TestNothingCountsAsHandedOnBeforeItIs(t *testing.T) {
	t.Parallel()
	b, p := newBox(t), &post{now: time.Now(), ringErr: errors.New("redis is away")}
	p.events = []Event{{event(time.Minute, 0), []Place{pager}}}
	d := p.dispatcher(b)
	d.looked = p.now
	if _, err := d.pass(t.Context()); err == nil {
		t.Fatal("it counts as done")
	}
	p.rung, p.ringErr = nil, nil
	if _, err := d.pass(t.Context()); err != nil || len(p.rung) != 1 || len(waiting(t, b, pager)) != 1 {
		t.Errorf("%v, rang %v", err, p.rung)
	}
}

func TestOneSchedulerHandsOnAtATime(t *testing.T) {
	t.Parallel()
	b, p := newBox(t), &post{now: time.Now()}
	must(t, b.rdb.Set(t.Context(), redisx.Telling, "another", time.Minute).Err())
	if mine, err := p.dispatcher(b).pass(t.Context()); err != nil || mine {
		t.Fatal(mine, err)
	}
	must(t, b.rdb.Del(t.Context(), redisx.Telling).Err())
	for range 2 {
		if mine, err := p.dispatcher(b).pass(t.Context()); err != nil || !mine {
			t.Fatal(mine, err) // the first gave its lease back
		}
	}
}

func TestWhatIsOlderThanAnyDeliveryIsNotHandedOn(t *testing.T) {
	t.Parallel()
	b, p := newBox(t), &post{now: time.Now()}
	p.events = []Event{{event(25*time.Hour, 0), []Place{pager}}, {event(23*time.Hour, 0), []Place{pager}}}
	for _, told := range []string{"", "1-0"} {
		if told != "" {
			must(t, b.rdb.Set(t.Context(), redisx.Told, told, 0).Err())
		}
		d := p.dispatcher(b)
		d.looked = p.now // or it gives up what is that old
		_, err := d.pass(t.Context())
		must(t, err)
		if got := waiting(t, b, pager); !slices.Equal(got, []string{p.events[1].ID}) {
			t.Errorf("%v", got)
		}
		must(t, b.Remove(t.Context(), pager, p.events[1].ID))
	}
}

func TestCommandsThatNoWorkerRunsAreSaidToBeOnce(t *testing.T) {
	t.Parallel()
	b, p := newBox(t), &post{now: time.Now()}
	d := p.dispatcher(b)
	after := func(rest time.Duration) {
		t.Helper()
		p.now = p.now.Add(rest)
		_, err := d.pass(t.Context())
		must(t, err)
	}
	after(0)
	must(t, b.Add(t.Context(), event(0, 0), Place{"command.reload", "shop"}))
	after(time.Minute)
	after(UnservedFor - time.Second)
	if p.unserved != 0 {
		t.Error("it is said too early")
	}
	after(time.Minute)
	after(time.Hour)
	if p.unserved != 1 {
		t.Errorf("it is said %d times", p.unserved)
	}
	must(t, b.Commanding(t.Context()))
	after(time.Minute)
	must(t, b.rdb.Del(t.Context(), redisx.Commanding).Err())
	after(time.Minute)
	after(UnservedFor)
	if p.unserved != 2 {
		t.Errorf("after a worker came and went it is said %d times", p.unserved)
	}
}

func TestTheDispatcherEndsWithItsContext(t *testing.T) {
	t.Parallel()
	b, p := newBox(t), &post{now: time.Now()}
	ctx, cancel := context.WithCancel(t.Context())
	d := p.dispatcher(b)
	passes := 0
	d.Read = func(context.Context, string, int64, time.Duration) ([]Event, error) {
		if passes++; passes == 3 {
			cancel()
		}
		return nil, errors.New("pass " + strconv.Itoa(passes))
	}
	d.Run(ctx)
}

// A worker or a person may take a job away, and a failover may lose one.
func TestWhatWaitsWithoutAJobIsRungForAgain(t *testing.T) {
	t.Parallel()
	b, p := newBox(t), &post{now: time.Now()}
	for _, subject := range []string{"a", "b", "b-2"} {
		must(t, b.Add(t.Context(), event(time.Minute, 0), Place{pager.Sink, subject}))
		must(t, b.Add(t.Context(), event(0, 0), Place{pager.Sink, subject}))
	}
	_, err := p.dispatcher(b).pass(t.Context())
	must(t, err)
	want := []Place{{pager.Sink, "a"}, {pager.Sink, "b-2"}, {pager.Sink, "b"}}
	if !slices.Equal(p.rung, want) {
		t.Errorf("rang for %v", p.rung)
	}
}

func TestWhatNoWorkerTakesIsGivenUpInTheEnd(t *testing.T) {
	t.Parallel()
	b, p := newBox(t), &post{now: time.Now()}
	sink := "command.reload"
	must(t, b.Add(t.Context(), event(26*time.Hour, 0), Place{sink, "shop"}))
	must(t, b.Add(t.Context(), event(time.Hour, 0), Place{sink, "shop"}))
	_, err := p.dispatcher(b).pass(t.Context())
	must(t, err)
	dead, err := b.Dead(t.Context(), sink)
	must(t, err)
	if len(dead) != 1 || dead[0].Cause != errUnserved.Error() || len(waiting(t, b, Place{sink, "shop"})) != 1 {
		t.Errorf("%+v", dead)
	}
}

// stream notes n events and leaves the last ones.
func stream(t *testing.T, b *Box, n int, left int64) (ids []string) {
	t.Helper()
	for range n {
		id, err := b.rdb.XAdd(t.Context(), &redis.XAddArgs{Stream: redisx.Events, Values: []any{"type", "rotated"}}).Result()
		must(t, err)
		ids = append(ids, id)
	}
	must(t, b.rdb.XTrimMaxLen(t.Context(), redisx.Events, left).Err())
	return ids
}

func TestEventsThatLeftTheStreamBeforeTheyWereToldAreSaidToBe(t *testing.T) {
	t.Parallel()
	b, p := newBox(t), &post{now: time.Now()}
	ids := stream(t, b, 5, 2)
	for _, id := range ids[3:] {
		p.events = append(p.events, Event{ID: id})
	}
	must(t, b.rdb.Set(t.Context(), redisx.Told, ids[0], 0).Err())
	var log strings.Builder
	d := p.dispatcher(b)
	d.Log = slog.New(slog.NewTextHandler(&log, nil))
	for range 3 {
		p.now = p.now.Add(time.Minute)
		_, err := d.pass(t.Context())
		must(t, err)
	}
	if n := strings.Count(log.String(), "events were dropped before they could be told"); n != 1 {
		t.Errorf("it is said %d times:\n%s", n, log.String())
	}
}

// A Redis that took over may lack what the one before it had noted last, and its clock may be behind.
func TestEventsOfARedisThatTookOverAreTold(t *testing.T) {
	t.Parallel()
	b, p := newBox(t), &post{now: time.Now()}
	ids := stream(t, b, 1, 1)
	must(t, b.rdb.Set(t.Context(), redisx.Told, event(-time.Hour, 0), 0).Err())
	_, err := p.dispatcher(b).pass(t.Context())
	must(t, err)
	if told := b.rdb.Get(t.Context(), redisx.Told).Val(); told != ids[0] {
		t.Errorf("told up to %s, and the stream ends at %s", told, ids[0])
	}
	stream(t, b, 1, 2) // which this scheduler has not read
	_, err = p.dispatcher(b).pass(t.Context())
	must(t, err)
	if told := b.rdb.Get(t.Context(), redisx.Told).Val(); told != ids[0] {
		t.Errorf("told up to %s, though nothing was", told)
	}
}
