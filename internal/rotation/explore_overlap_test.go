package rotation_test

import (
	"testing"

	"keyturn/internal/rotation/rotationtest/explore"
)

// overlapModes are the ways in which identities follow each other.
var overlapModes = map[string]explore.Exploration{
	"unverified": {Overlap: true, Issuer: true, Strict: true},
	"verified":   {Overlap: true, Issuer: true, Strict: true, Verified: true},
	"full":       {Overlap: true, Issuer: true, Strict: true, Verified: true, Quota: 2},
	"disabled":   {Overlap: true, Issuer: true, Strict: true, Verified: true, Disables: true, Quota: 2},
	"keys":       {Overlap: true, Issuer: true, Strict: true, Verified: true, Disables: true, Keys: true},
	"keys, full": {Overlap: true, Issuer: true, Strict: true, Disables: true, Keys: true, Quota: 2},
	"found":      {Overlap: true, Issuer: true, Strict: true, Verified: true, Found: true},
}

// TestExploreEveryScheduleOfAnOverlap holds that what consumers read logs in at every moment, that nothing is retired which
// they may still use, and that when all is quiet the provider has no unknown identity.
func TestExploreEveryScheduleOfAnOverlap(t *testing.T) {
	t.Parallel()
	exploredInEachMode(t, overlapModes, andAnother)
}

// TestExploreAPersonAtAnOverlap lets a person put an earlier version of current back.
func TestExploreAPersonAtAnOverlap(t *testing.T) {
	t.Parallel()
	exploredInEachMode(t, overlapModes, func(e explore.Exploration) []explore.Exploration {
		if e.Keys {
			return nil // a person who has all processes call with a key that is gone leaves nothing to call with
		}
		e.PutBack, e.Again, e.Depth = true, true, min(*pairDepth, 2) // a person and the next rotation make for many states
		return []explore.Exploration{e}
	})
}

// TestExploreAGraceThatAPersonExtends lets a person hold what waits to be retired.
func TestExploreAGraceThatAPersonExtends(t *testing.T) {
	t.Parallel()
	exploredInEachMode(t, overlapModes, func(e explore.Exploration) []explore.Exploration {
		e.Extend, e.Depth = true, min(*pairDepth, 2)
		return []explore.Exploration{e}
	})
}

// TestExploreNodesThatLagAtAnOverlap adds stale reads and verifiers that fall sick, also to what heals.
func TestExploreNodesThatLagAtAnOverlap(t *testing.T) {
	t.Parallel()
	exploredInEachMode(t, overlapModes, behindAndSick)
}
