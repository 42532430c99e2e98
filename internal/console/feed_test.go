package console

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"keyturn/internal/due"
	"keyturn/internal/operate"
	"keyturn/internal/rotation"
)

func TestIdsOfEventsAreOrderedByTimeAndNumber(t *testing.T) {
	t.Parallel()
	all := []string{"0-0", "9-5", "10-0", "10-2", "10-10", "1796037887366-0", "1796037887366-1"}
	for i, a := range all {
		for j, b := range all {
			if got := after(a, b); got != (i > j) {
				t.Errorf("%s after %s: %v", a, b, got)
			}
		}
	}
}

// chronicle is away the first time that it is asked, and has one event.
type chronicle struct {
	operate.Index
	operate.Chronicle
	asked int
	after chan string
}

func (c *chronicle) EventsBefore(context.Context, string, int64) ([]due.Event, error) {
	if c.asked++; c.asked == 1 {
		return nil, errors.New("away")
	}
	return []due.Event{{ID: "7-1"}}, nil
}

func (c *chronicle) Events(ctx context.Context, after string, _ int64, _ time.Duration) ([]due.Event, error) {
	c.after <- after
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestStreamsBeginWithWhatHappensNextThoughRedisWasAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &chronicle{after: make(chan string, 1)}
		desk := &operate.Desk{Clock: rotation.WallClock{}, Index: c, Chronicle: c}
		ctx, quit := context.WithCancel(t.Context())
		var f feed
		go f.run(ctx, func() *operate.Desk { return desk })
		if after := <-c.after; after != "7-1" {
			t.Errorf("it begins after %s", after)
		}
		quit()
	})
}

func TestAStreamThatFallsBehindEndsAndHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	var f feed
	slow, quick := f.join("a"), f.join("a")
	for i := range behind + 1 {
		f.tell(operate.Event{ID: fmt.Sprintf("1-%d", i)})
		<-quick.events
	}
	select {
	case <-slow.lost:
	default:
		t.Error("it goes on with a gap")
	}
	f.leave(slow)
	for range maxOwnStreams - 1 {
		if f.join("a") == nil {
			t.Fatal("too few streams")
		}
	}
	if f.join("a") != nil || f.join("b") == nil {
		t.Error("one caller's streams are not bounded, or hold up another's")
	}
}
