package due

import (
	"testing"
	"time"

	"keyturn/internal/rotation"
)

func TestWhatIsShownIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	for _, s := range []Shown{
		{Known: true},
		{Known: true, Version: 12, RotatedAt: time.UnixMilli(1_796_037_887_366).UTC(), Verified: rotation.VerifiedYes},
		{Known: true, Version: 1, Verified: rotation.VerifiedNo},
		{Known: true, Version: 3, RotatedAt: time.UnixMilli(1).UTC(), Deleted: true},
	} {
		if text := s.text(); parseShown(text) != s || len(text) > 40 {
			t.Errorf("%+v stands as %q and is read as %+v", s, text, parseShown(text))
		}
	}
	for _, text := range []string{"", "1", "1 2", "x 2 yes", "1 x yes", "-1 2 yes", "1 99999999999999999999 yes"} {
		if got := parseShown(text); got.Known {
			t.Errorf("%q says %+v", text, got)
		}
	}
}
