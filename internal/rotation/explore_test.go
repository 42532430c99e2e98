package rotation_test

import (
	"flag"
	"sync"
	"testing"

	"keyturn/internal/rotation/rotationtest/explore"
)

var exploreDepth = flag.Int("explore.depth", defaultDepth, "how many faults one schedule of TestExplore has; see make explore for 4")

// modes are the ways in which a credential is rotated.
var modes = map[string]explore.Exploration{
	"setter":          {Strict: true},
	"setter verified": {Strict: true, Verified: true},
	"issuer":          {Strict: true, Issuer: true},
	"issuer verified": {Strict: true, Issuer: true, Verified: true},
}

// TestExploreEverySchedule runs two workers through all schedules of so many faults. A schedule goes on until all is
// quiet; then consumers read the live password, or a person who looks finds it. The same with two faults where another
// rotation falls due soon after.
func TestExploreEverySchedule(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var coverage explore.Coverage
	t.Cleanup(func() {
		t.Logf("how often each call suffered each fault:\n%s", &coverage)
		for _, missing := range coverage.Missing() {
			t.Errorf("never explored: %s", missing)
		}
	})
	for name, e := range modes {
		e.Depth = *exploreDepth
		next := e
		next.Again, next.Depth = true, 2
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, e := range []explore.Exploration{e, next} {
				r := explored(t, e)
				mu.Lock()
				coverage.Add(&r.Coverage)
				mu.Unlock()
			}
		})
	}
}

// exploredInEachMode explores, for each mode, what of makes of it.
func exploredInEachMode(t *testing.T, modes map[string]explore.Exploration, of func(explore.Exploration) []explore.Exploration) {
	t.Helper()
	for name, mode := range modes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, e := range of(mode) {
				explored(t, e)
			}
		})
	}
}

// TestExploreFaultsOfWhatHeals lets the checks and rotations that other runs asked for suffer faults as well.
func TestExploreFaultsOfWhatHeals(t *testing.T) {
	t.Parallel()
	exploredInEachMode(t, modes, func(e explore.Exploration) []explore.Exploration {
		e.Everywhere, e.Depth = true, *exploreDepth-1
		return []explore.Exploration{e}
	})
}

// TestExploreNodesThatLagAndVerifiersThatFallSick adds to the faults reads that are stale, writes that a standby refuses
// falsely, verifiers that refuse everybody or fall silent, and a rotation that follows. With one fault less, checks and
// repairs suffer them as well.
func TestExploreNodesThatLagAndVerifiersThatFallSick(t *testing.T) {
	t.Parallel()
	exploredInEachMode(t, modes, func(e explore.Exploration) []explore.Exploration {
		e.Stale, e.Sick, e.Again, e.Depth = true, e.Verified, true, *exploreDepth-1
		everywhere := e
		everywhere.Everywhere, everywhere.Depth = true, *exploreDepth-2
		return []explore.Exploration{e, everywhere}
	})
}

// TestExploreWithoutRenaming takes no two states for the same that differ in anything at all.
func TestExploreWithoutRenaming(t *testing.T) {
	t.Parallel()
	exploredInEachMode(t, modes, func(e explore.Exploration) []explore.Exploration {
		e.Exact, e.Depth = true, *exploreDepth-1
		return []explore.Exploration{e}
	})
}

func explored(t *testing.T, e explore.Exploration) *explore.Report {
	t.Helper()
	r := e.Run()
	t.Logf("depth %d: %d states visited, %d schedules, %d steps, %d violations; %d runs differ; the longest schedule has %d steps",
		e.Depth, r.States, r.Schedules, r.Steps, len(r.Violations), r.Runs, r.Longest)
	t.Logf("quiet in %d states, in quarantine in %d of them; not promised: in %d a late process died unheard, in %d the provider had "+
		"lied, in %d the issued password was never seen, in %d an issuer never told its servers",
		r.Finals, r.Quarantined, r.Silent, r.Lied, r.Unseen, r.Unproven)
	t.Logf("in quarantine: %s", r.Causes)
	for _, v := range r.Violations {
		t.Errorf("%s:\n%s", v.What, v)
	}
	return r
}
