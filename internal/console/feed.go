package console

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"keyturn/internal/operate"
)

// feed tells streams what happens: one reader of Redis for all of them, because each that waits there holds a connection.
type feed struct {
	mu      sync.Mutex
	readers map[*reader]struct{}
}

// reader is an open stream.
type reader struct {
	by     string // id of its caller
	events chan operate.Event
	lost   chan struct{} // closed when it fell too far behind
}

const (
	feedWait = 5 * time.Second // for the next event, before the configuration in force is asked again
	feedRest = time.Second     // after an error of Redis
	behind   = 256             // events that a stream may fall behind
)

// run reads what happens until ctx ends. What happens while Redis is away is told when it is back.
func (f *feed) run(ctx context.Context, desk func() *operate.Desk) {
	for last, begun := "", false; ctx.Err() == nil; {
		d := desk()
		var events []operate.Event
		var err error
		if begun {
			events, err = d.EventsAfter(ctx, last, feedWait)
		} else {
			last, err = d.LastEvent(ctx)
			begun = err == nil // else all that is kept would be told as if it happened now
		}
		if err != nil {
			_ = d.Clock.Sleep(ctx, feedRest)
		}
		for _, e := range events {
			last = e.ID
			f.tell(e)
		}
	}
}

func (f *feed) tell(e operate.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for r := range f.readers {
		select {
		case r.events <- e:
		default:
			close(r.lost)
			delete(f.readers, r)
		}
	}
}

// join adds a stream; nil where there are too many, of one caller or in all.
func (f *feed) join(by string) *reader {
	f.mu.Lock()
	defer f.mu.Unlock()
	own := 0
	for r := range f.readers {
		if r.by == by {
			own++
		}
	}
	if own >= maxOwnStreams || len(f.readers) >= maxStreams {
		return nil
	}
	r := &reader{by: by, events: make(chan operate.Event, behind), lost: make(chan struct{})}
	if f.readers == nil {
		f.readers = map[*reader]struct{}{}
	}
	f.readers[r] = struct{}{}
	return r
}

func (f *feed) leave(r *reader) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.readers, r)
}

// after tells whether an event's id comes after another: both are a time and a number.
func after(id, other string) bool {
	parts := func(id string) []string {
		ms, n, _ := strings.Cut(id, "-")
		return []string{ms, n}
	}
	return slices.CompareFunc(parts(id), parts(other), func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	}) > 0
}
