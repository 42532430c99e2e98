package queue

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
)

// heap is a queue whose tasks came back together. A dequeue takes a millisecond.
type heap struct {
	redis.UniversalClient

	mu   sync.Mutex
	left int
}

func (h *heap) EvalSha(ctx context.Context, _ string, _ []string, _ ...any) *redis.Cmd {
	<-time.After(time.Millisecond)
	h.mu.Lock()
	defer h.mu.Unlock()
	cmd := redis.NewCmd(ctx)
	if h.left == 0 {
		cmd.SetErr(redis.Nil)
		return cmd
	}
	h.left--
	return cmd
}

// take is asynq's processor: it takes tasks of a queue until the heap is gone, and looks again after a while where it finds none.
func (h *heap) take(d *door, queue string) (taken int) {
	for d.EvalSha(context.Background(), "", []string{engineKey(queue, "pending"), engineKey(queue, "paused")}).Err() == nil {
		taken++
	}
	return taken
}

func every(apart time.Duration) func() time.Duration { return func() time.Duration { return apart } }

// asynq rounds to whole seconds, so that a second's tasks come back at once.
func TestWorkersShareWhatComesBackTogetherWhereTheRateIsUsedUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &heap{left: 20}
		shares := make(chan int, 2)
		for _, late := range []time.Duration{0, 40 * time.Millisecond} { // the second one looks a little later
			go func() {
				<-time.After(late)
				shares <- h.take(newDoor(h, every(50*time.Millisecond)), "a")
			}()
		}
		if first, second := <-shares, <-shares; min(first, second) < 8 || first+second != 20 {
			t.Errorf("they took %d and %d", first, second)
		}
	})
}

func TestAWorkerAloneTakesMoreThanTheRateLetsGo(t *testing.T) {
	t.Parallel()
	for _, apart := range []time.Duration{0, 2 * time.Millisecond, 53 * time.Millisecond, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			start, h := time.Now(), &heap{left: 100}
			h.take(newDoor(h, every(apart)), "a")
			if took, most := time.Since(start), 100*min(max(apart, time.Millisecond), pollEvery+time.Millisecond)+pollEvery; took > most {
				t.Errorf("%s apart: 100 tasks took %s, want at most %s", apart, took, most)
			}
		})
	}
}

func TestAnUrgentTaskIsLeftToNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start, h := time.Now(), &heap{left: 3}
		d := newDoor(h, every(time.Hour))
		h.take(d, nowQueue("a"))
		if took := time.Since(start); took > 4*time.Millisecond {
			t.Errorf("three urgent tasks took %s", took)
		}
	})
}
