package console

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"keyturn/internal/operate"
)

const (
	maxStreams    = 500 // of this process
	maxOwnStreams = 50  // of one caller
	// quietMost is how long a stream says nothing: proxies close what is silent.
	quietMost = 15 * time.Second
	// streamTime is how long one lasts: then its client comes back, and shows again that it may.
	streamTime = 5 * time.Minute
)

// stream is GET /v1/events/stream: what happens, as Server-Sent Events. A client that comes back sends the id of the last event
// that it has, and misses nothing that is still kept.
func (c *Console) stream(w http.ResponseWriter, r *http.Request) {
	last := r.Header.Get("Last-Event-ID")
	if err := (&operate.EventQuery{After: last}).Valid(); err != nil {
		problem(w, http.StatusUnprocessableEntity, "Last-Event-ID is not the id of an event")
		return
	}
	reader := c.feed.join(callerOf(r.Context()).id)
	if reader == nil {
		w.Header().Set("Retry-After", "10")
		problem(w, http.StatusServiceUnavailable, "too many streams are open: ask /v1/events instead")
		return
	}
	defer c.feed.leave(reader)
	ctx, cancel := context.WithTimeout(r.Context(), streamTime)
	defer cancel()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	s := sender{w, http.NewResponseController(w)}
	if s.send("retry: 3000\n\n") != nil {
		return
	}
	if last != "" {
		// It has joined already: what happens meanwhile comes after this.
		_, err := c.Desk().Events(ctx, operate.EventQuery{After: last}, func(e operate.Event) error {
			last = e.ID
			return s.event(e)
		}, nil)
		if err != nil {
			return
		}
	}
	s.feed(ctx, reader, last)
}

// sender writes to the client of a stream.
type sender struct {
	w   http.ResponseWriter
	out *http.ResponseController
}

func (s sender) send(text string) error {
	_ = s.out.SetWriteDeadline(time.Now().Add(quietMost)) //nolint:forbidigo // of a connection of this machine
	if _, err := fmt.Fprint(s.w, text); err != nil {
		return err
	}
	return s.out.Flush()
}

func (s sender) event(e operate.Event) error {
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return s.send(fmt.Sprintf("id: %s\nevent: %s\ndata: %s\n\n", e.ID, oneLine(e.Type), data))
}

// feed sends what comes after the event of an id, until the client, its time or the process goes.
func (s sender) feed(ctx context.Context, r *reader, last string) {
	quiet := time.NewTicker(quietMost)
	defer quiet.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-r.lost:
			return // it comes back, and hears of the rest then
		case <-quiet.C:
			err = s.send(": still here\n\n")
		case e := <-r.events:
			if last == "" || after(e.ID, last) {
				err = s.event(e)
			}
		}
		if err != nil {
			return
		}
	}
}

// oneLine is a text without what would end a line of a stream.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' {
			return -1
		}
		return r
	}, text)
}
