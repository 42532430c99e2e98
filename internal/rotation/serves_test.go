package rotation

import (
	"testing"
	"time"
)

func TestARotationGrantsOnlyOlderWishesAndOnlyByAClockThatIsBelieved(t *testing.T) {
	t.Parallel()
	at := func(hours int) time.Time { return time.Date(2026, 1, 1, hours, 0, 0, 0, time.UTC) }
	for name, tt := range map[string]struct {
		slot, created, wish, now time.Time
		want                     bool
	}{
		"an older wish":                       {at(10), at(10), at(9), at(11), true},
		"its own wish":                        {at(10), at(10), at(10), at(11), true},
		"a later wish":                        {at(10), at(10), at(10).Add(1), at(11), false},
		"a slot that is yet to come":          {at(12), at(12), at(9), at(11), false},
		"a slot far ahead of Vault":           {at(10), at(2), at(9), at(11), false},
		"a slot a little ahead of Vault":      {at(10), at(10).Add(-59 * time.Minute), at(9), at(11), true},
		"a store that does not tell its time": {at(10), time.Time{}, at(9), at(11), true},
	} {
		e := Entry{Slot: tt.slot, CreatedAt: tt.created}
		if got := e.Serves(tt.wish, tt.now); got != tt.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}
