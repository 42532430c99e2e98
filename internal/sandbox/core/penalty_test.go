package core

import (
	"slices"
	"testing"
	"time"
)

func TestSMTPHoldsAnswersBackMoreWithEachRefusal(t *testing.T) {
	t.Parallel()
	g, f := newGuard(time.Now), Fault{Delay: Duration(2 * time.Second)}
	var got []time.Duration
	for range 9 {
		got = append(got, g.penalty("a", f)/time.Second)
		g.note("a", false, nil)
	}
	if !slices.Equal(got, []time.Duration{0, 2, 4, 6, 8, 10, 12, 14, 15}) {
		t.Errorf("penalties %v", got)
	}
	if g.note("a", true, nil); g.penalty("a", f) != 0 || g.penalty("b", f) != 0 {
		t.Error("a login that works, or another address, is held back")
	}
}
