package rotation

import (
	"testing"
	"time"
)

func TestPausesGrowAndEndSomewhere(t *testing.T) {
	t.Parallel()
	const s, m, h = time.Second, time.Minute, time.Hour
	for name, tt := range map[string]struct {
		pause func(since time.Duration) time.Duration
		want  map[time.Duration]time.Duration
	}{
		"for a verifier": {parkFor, map[time.Duration]time.Duration{
			0: m, m - 1: m, m: 5 * m, 5*m - 1: 5 * m, 5 * m: 15 * m, 15*m - 1: 15 * m, 15 * m: h, 23 * h: h,
		}},
		"for a provider": {retryFor, map[time.Duration]time.Duration{
			-h: 10 * s, 0: 10 * s, 10 * s: 10 * s, 40 * s: 40 * s, 10 * m: 10 * m, 23 * h: 10 * m,
		}},
		"within a run": {func(d time.Duration) time.Duration { return longer(d, s) }, map[time.Duration]time.Duration{
			50 * time.Millisecond: 100 * time.Millisecond, 400 * time.Millisecond: 800 * time.Millisecond, 800 * time.Millisecond: s, s: s,
		}},
	} {
		for since, want := range tt.want {
			if got := tt.pause(since); got != want {
				t.Errorf("%s, after %s: %s, want %s", name, since, got, want)
			}
		}
	}
}

// parkFor has its runs an hour apart by then, so that one of them comes within the second hour, and two at most.
func TestAPersonIsToldInTheSecondHour(t *testing.T) {
	t.Parallel()
	for since, want := range map[time.Duration]bool{
		0: false, time.Hour: false, time.Hour + 1: true, 2 * time.Hour: true, 2*time.Hour + 1: false, 23 * time.Hour: false,
	} {
		if tells(since) != want {
			t.Errorf("after %s: want %v", since, want)
		}
	}
}

func TestEveryKindOfAnswerHasAName(t *testing.T) {
	t.Parallel()
	for kind, want := range map[Kind]string{
		InDoubt: "in doubt", Full: "full", -1: "Kind(-1)", Full + 1: "Kind(10)",
	} {
		if got := kind.String(); got != want {
			t.Errorf("%d is %q, want %q", int(kind), got, want)
		}
	}
}

func TestAClockIsBelievedThatIsAnHourAhead(t *testing.T) {
	t.Parallel()
	vault := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for ahead, believed := range map[time.Duration]bool{0: true, time.Hour: true, time.Hour + 1: false} {
		e := Entry{Slot: vault.Add(ahead), RotatedAt: vault.Add(ahead), CreatedAt: vault}
		if got := e.Serves(vault, vault.Add(2*time.Hour)); got != believed {
			t.Errorf("%s ahead: its slot counts: %v", ahead, got)
		}
		if got := e.rotatedAt().Equal(e.RotatedAt); got != believed {
			t.Errorf("%s ahead: its time counts: %v", ahead, got)
		}
	}
	if e := (Entry{RotatedAt: vault}); !e.rotatedAt().Equal(vault) {
		t.Error("a store that does not tell its time: the clock that wrote it counts")
	}
}
