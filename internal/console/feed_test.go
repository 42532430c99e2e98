package console

import (
	"fmt"
	"testing"

	"keyturn/internal/operate"
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
