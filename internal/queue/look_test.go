package queue

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// A timer goes off when the last millisecond of a pause begins: Redis says that none is left, and has the pause still.
func TestAPauseInItsLastMillisecondIsLookedAtAgain(t *testing.T) {
	t.Parallel()
	none := redis.NewZSliceCmdResult(nil, nil)
	q := queueLook{
		pending: redis.NewIntResult(1, nil), active: redis.NewIntResult(0, nil), archived: redis.NewIntResult(0, nil), blocked: redis.NewIntResult(0, nil),
		pause: redis.NewSliceResult([]any{byBreaker}, nil), pauseLeft: redis.NewDurationResult(0, nil), scheduled: none, retry: none, lease: none,
	}
	s := standing{next: never}
	if s.add(q, probes{}, time.Now()); s.next <= 0 || s.next > time.Second {
		t.Errorf("it is looked at in %v", s.next)
	}
	q.pauseLeft = redis.NewDurationResult(-1, nil) // a person's, which has no end
	s = standing{next: never}
	if s.add(q, probes{}, time.Now()); s.next != never {
		t.Errorf("a pause without an end is looked at in %v", s.next)
	}
}
