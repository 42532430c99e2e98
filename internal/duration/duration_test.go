package duration

import (
	"testing"
	"time"
)

func TestWeeksAndDaysStandBeforeGosOwnUnits(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"30d": 30 * day, "1w": week, "2w3d": 2*week + 3*day, "1d12h30m": 36*time.Hour + 30*time.Minute,
		"90s": 90 * time.Second, "0d": 0, "0": 0, "32850d": longest,
	} {
		if got, err := Parse(text); err != nil || got != want {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", " ", "d", "1", "-1d", "+1d", "1d-2h", "1d+2h", "-0s", "1.5d", "1d1w", "30 d", "30days", "32851d",
		"32850d1ns", "4692w32850d788400h", "99999999999999999999d", "4294967295w", "2562047h", "1e3d",
	} {
		if got, err := Parse(text); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"30d", "1w2d3h", "1.5h", "-1d", "9999999w", "d", "1d1d"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if d, err := Parse(text); err == nil && (d < 0 || d > longest) {
			t.Fatalf("%q is read as %v", text, d)
		}
	})
}
