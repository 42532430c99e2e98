package due

import "time"

// maxMissed is how many missed slots of one credential are gone over one by one.
const maxMissed = 1000

// Collapse makes one slot of all that were missed by now: the last of them, so that serving it leaves nothing in the past.
// next returns the slot after one. The result is the same for a scheduler that claims the credential again before another
// slot has passed.
func Collapse(slot, now time.Time, next func(time.Time) time.Time) time.Time {
	for range maxMissed {
		after := next(slot)
		if after.After(now) {
			return slot
		}
		slot = after.Truncate(time.Millisecond) // as the index would hold it
	}
	return now
}
