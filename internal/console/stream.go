package console

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"keyturn/internal/operate"
)

// maxStreams bounds the streams of this process: each holds a connection, here and at Redis.
const maxStreams = 200

// quietMost is how long a stream says nothing: proxies close what is silent.
const quietMost = 15 * time.Second

// streams counts those that are open.
type streams struct{ open atomic.Int64 }

// stream is GET /v1/events/stream: what happens, as Server-Sent Events. A client that comes back sends the id of the last event that it
// has, and misses nothing that is still kept.
func (c *Console) stream(w http.ResponseWriter, r *http.Request) {
	q := operate.EventQuery{Since: time.Now(), Follow: true, After: r.Header.Get("Last-Event-ID")}
	if desk := c.Desk(); q.After == "" {
		q.Since = desk.Clock.Now()
	}
	if c.streams.open.Add(1) > maxStreams {
		c.streams.open.Add(-1)
		w.Header().Set("Retry-After", "10")
		problem(w, http.StatusServiceUnavailable, "too many streams are open: ask /v1/events instead")
		return
	}
	defer c.streams.open.Add(-1)
	if err := q.Valid(); err != nil {
		problem(w, http.StatusUnprocessableEntity, "Last-Event-ID is not the id of an event")
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	out := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	if _, err := fmt.Fprint(w, "retry: 3000\n\n"); err != nil || out.Flush() != nil {
		return
	}
	happened := make(chan operate.Event)
	go func() {
		defer cancel()
		_, _ = c.Desk().Events(ctx, q, func(e operate.Event) error {
			select {
			case happened <- e:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}, func(error) {}) // it goes on where it was, as soon as Redis answers
	}()
	c.feed(ctx, w, happened)
}

// feed writes events until the client or the process goes.
func (c *Console) feed(ctx context.Context, w http.ResponseWriter, happened <-chan operate.Event) {
	out := http.NewResponseController(w)
	quiet := time.NewTicker(quietMost)
	defer quiet.Stop()
	for {
		_ = out.SetWriteDeadline(time.Now().Add(quietMost))
		text := ": still here\n\n"
		select {
		case <-ctx.Done():
			return
		case <-quiet.C:
		case e := <-happened:
			data, err := json.Marshal(e)
			if err != nil {
				return
			}
			text = fmt.Sprintf("id: %s\nevent: %s\ndata: %s\n\n", e.ID, lineOf(e.Type), data)
		}
		if _, err := fmt.Fprint(w, text); err != nil || out.Flush() != nil {
			return
		}
	}
}

// lineOf is a text without what would end a line of a stream.
func lineOf(text string) string {
	line := []rune{}
	for _, r := range text {
		if r >= ' ' {
			line = append(line, r)
		}
	}
	return string(line)
}
