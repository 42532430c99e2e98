package ratelimit

import (
	"strings"
	"testing"
	"time"

	"keyturn/internal/rotation"
)

func TestARateThatIsChangedCountsFromTheNextCallOn(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, newRedis(t), newVirtual(), perSecond20)
	take(t, l)
	before, err := l.Take(t.Context(), "a", 1, false)
	if err != nil {
		t.Fatal(err)
	}
	use := func(rates map[string][]rotation.Rate) {
		if err := l.Use(rates, 0); err != nil {
			t.Fatal(err)
		}
	}
	use(map[string][]rotation.Rate{"a": {{Requests: 2, Per: time.Second}}, "new": {perSecond20}})
	if err := before.Await(t.Context(), 0); err != nil {
		t.Errorf("a call that asked before: %v", err)
	}
	take(t, l) // a window of the same length goes on from where it was
	for range 5 {
		if gap := take(t, l); gap != 500*time.Millisecond {
			t.Errorf("two calls are %s apart, want 500ms", gap)
		}
	}
	if _, err := l.Take(t.Context(), "new", 1, false); err != nil {
		t.Errorf("an account that is new: %v", err)
	}
	use(map[string][]rotation.Rate{"new": {perSecond20}})
	if gap := take(t, l); gap != 500*time.Millisecond {
		t.Errorf("runs of an account that is gone are %s apart, want 500ms", gap)
	}
}

func TestARateThatCannotBeKeptToChangesNothing(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, newRedis(t), newVirtual(), perSecond20)
	take(t, l)
	err := l.Use(map[string][]rotation.Rate{"a": {{Requests: 1, Per: time.Hour}}, "b": nil, "c": {{Requests: 0, Per: time.Second}}}, 0)
	if err == nil || !strings.Contains(err.Error(), `"b"`) || !strings.Contains(err.Error(), `"c"`) {
		t.Errorf("%v", err)
	}
	if gap := take(t, l); gap != 50*time.Millisecond {
		t.Errorf("two calls are %s apart, want 50ms", gap)
	}
}
