package outbox

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"testing"
	"time"

	"keyturn/internal/redisx"
)

// post is a stream of events and a queue.
type post struct {
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
		Ring:     func(_ context.Context, place Place) error { p.rung = append(p.rung, place); return p.ringErr },
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
	if mine, err := d.pass(t.Context()); err != nil || !mine {
		t.Fatal(mine, err)
	}
	if got := waiting(t, b, pager); !slices.Equal(got, []string{p.events[0].ID, p.events[2].ID}) {
		t.Errorf("%v", got)
	}
	if len(p.rung) != 2 {
		t.Errorf("rang for %v", p.rung)
	}
	must(t, b.Remove(t.Context(), pager, waiting(t, b, pager)...))
	if _, err := d.pass(t.Context()); err != nil || len(waiting(t, b, pager)) > 0 {
		t.Errorf("handed on twice: %v", err)
	}
}

func TestNothingCountsAsHandedOnBeforeItIs(t *testing.T) {
	t.Parallel()
	b, p := newBox(t), &post{now: time.Now(), ringErr: errors.New("redis is away")}
	p.events = []Event{{event(time.Minute, 0), []Place{pager}}}
	d := p.dispatcher(b)
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
		_, err := p.dispatcher(b).pass(t.Context())
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
