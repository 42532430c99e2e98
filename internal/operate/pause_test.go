package operate_test

import (
	"context"
	"testing"

	"keyturn/internal/queue"
)

// stopped is an account of which a person paused a queue.
type stopped struct{ *stage }

func (stopped) Depths(context.Context, ...string) ([]queue.Depth, error) {
	return []queue.Depth{{Account: "mail", Urgent: true}, {Account: "mail", Paused: true}}, nil
}

func TestAStoryTellsThatAPersonPausedAQueue(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	d := s.desk()
	for _, want := range []bool{false, true} {
		if want {
			d.Queue = stopped{s}
		}
		if story, err := d.Explain(t.Context(), "alerts"); err != nil || story.Stopped != want {
			t.Errorf("stopped %t, %v; want %t", story.Stopped, err, want)
		}
	}
}
