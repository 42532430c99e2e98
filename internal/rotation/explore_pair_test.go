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
	exploredInEachMode(t, pairModes, andAnother)
}

// andAnother is a mode with all faults, and with one less where another rotation falls due soon after.
func andAnother(e explore.Exploration) []explore.Exploration {
	e.Depth = *pairDepth
	next := e
	next.Again, next.Depth = true, max(*pairDepth-1, 1)
	return []explore.Exploration{e, next}
}

// TestExploreAPersonAtAPair lets a person put an earlier version of current back, or leave a password that they brought in
// an open journal.
func TestExploreAPersonAtAPair(t *testing.T) {
	t.Parallel()
	exploredInEachMode(t, pairModes, func(e explore.Exploration) []explore.Exploration {
		e.PutBack, e.Depth = true, *pairDepth
		left := e
		left.Adopted, left.PutBack = true, false
		return []explore.Exploration{e, left}
	})
}

// TestExploreNodesThatLagAtAPair adds to a pair's faults stale reads, and verifiers that fall sick.
func TestExploreNodesThatLagAtAPair(t *testing.T) {
	t.Parallel()
	exploredInEachMode(t, pairModes, behindAndSick)
}

// behindAndSick is a mode in which Vault's nodes lag and the verifier may fall sick, also for what heals.
func behindAndSick(e explore.Exploration) []explore.Exploration {
	e.Stale, e.Sick, e.Again, e.Everywhere, e.Depth = true, e.Verified, true, true, *pairDepth-1
	return []explore.Exploration{e}
}
