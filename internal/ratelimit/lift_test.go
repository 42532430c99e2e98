package ratelimit

import (
	"testing"
	"time"

	"keyturn/internal/rotation"
)

func TestAPauseThatIsLiftedHoldsNoCallBack(t *testing.T) {
	t.Parallel()
	rdb := newRedis(t)
	l, err := New(rdb, rotation.WallClock{}, map[string][]rotation.Rate{"a": {perSecond20}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	p := NewPauses(rdb)
	if at, err := p.Lift(t.Context(), "a"); err != nil || !at.IsZero() {
		t.Errorf("lifted what ended at %v, %v", at, err)
	}
	// An instant that was meant as seconds.
	if err := l.Penalise(t.Context(), "a", 24*time.Hour); err != nil {
		t.Fatal(err)
	}
	for range 5 { // all of whom would come back tomorrow, one after the other
		_ = waitOf(t, once(t, l, false))
	}
	lifted, err := p.Lift(t.Context(), "a")
	if err != nil || time.Until(lifted) < 23*time.Hour {
		t.Errorf("lifted what ended at %v, %v", lifted, err)
	}
	if at, err := p.Until(t.Context(), "a"); err != nil || !at.IsZero() {
		t.Errorf("still paused until %v, %v", at, err)
	}
	for _, urgent := range []bool{true, false} {
		if err := once(t, l, urgent); err != nil {
			t.Errorf("urgent %t: %v", urgent, err)
		}
	}
	// The line that ended tomorrow is gone too.
	if err := l.Penalise(t.Context(), "a", time.Minute); err != nil {
		t.Fatal(err)
	}
	if wait := waitOf(t, once(t, l, false)); wait.After > time.Minute {
		t.Errorf("sent away for %s by a pause of a minute", wait.After)
	}
}
