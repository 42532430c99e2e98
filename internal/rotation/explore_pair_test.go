package rotation_test

import (
	"flag"
	"testing"

	"keyturn/internal/rotation/rotationtest/explore"
)

var pairDepth = flag.Int("explore.pairdepth", defaultDepth-1, "how many faults one schedule of a pair has; see make explore for 3")

// pairModes are the ways in which a pair is rotated.
var pairModes = map[string]explore.Exploration{
	"setter":          {Pair: true, Strict: true},
	"setter verified": {Pair: true, Strict: true, Verified: true},
	"issuer":          {Pair: true, Strict: true, Issuer: true},
	"issuer verified": {Pair: true, Strict: true, Issuer: true, Verified: true},
}

// TestExploreEveryScheduleOfAPair holds that what consumers read logs in at every moment, whatever happens to the rotation
// of the other target.
func TestExploreEveryScheduleOfAPair(t *testing.T) {
	t.Parallel()
	for name, e := range pairModes {
		e.Depth = *pairDepth
		next := e
		next.Again, next.Depth = true, max(*pairDepth-1, 1)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, e := range []explore.Exploration{e, next} {
				explored(t, e)
			}
		})
	}
}

// TestExploreAPersonAtAPair lets a person put an earlier version of current back, or leave a password that they brought in
// an open journal.
func TestExploreAPersonAtAPair(t *testing.T) {
	t.Parallel()
	for name, e := range pairModes {
		e.PutBack, e.Depth = true, *pairDepth
		left := e
		left.Adopted, left.PutBack = true, false
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, e := range []explore.Exploration{e, left} {
				explored(t, e)
			}
		})
	}
}

// TestExploreNodesThatLagAtAPair adds to a pair's faults stale reads, and verifiers that fall sick.
func TestExploreNodesThatLagAtAPair(t *testing.T) {
	t.Parallel()
	for name, e := range pairModes {
		e.Stale, e.Sick, e.Again, e.Everywhere, e.Depth = true, e.Verified, true, true, *pairDepth-1
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			explored(t, e)
		})
	}
}
