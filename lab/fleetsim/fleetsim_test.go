//go:debug tlsmlkem=0
package fleetsim

import (
	"context"
	"flag"
	"fmt"
	"testing"
	"testing/synctest"
)

var (
	seeds = flag.Int("fleetsim.seeds", defaultSeeds, "how many seeds")
	first = flag.Uint64("fleetsim.seed", 1, "the first seed")
	days  = flag.Int("fleetsim.days", 30, "how many days")
	often = flag.Int("fleetsim.faults", 2, "faults that begin in a day")
	each  = flag.Int("fleetsim.each", defaultEach, "credentials of each account")
)

// live runs one run in a bubble of its own.
func live(t *testing.T, run Run) (report Report) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s, err := New(ctx, run)
		if err == nil {
			report, err = s.Live()
		}
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		s.Wait()
	})
	return report
}

func TestAFleetIsWellThoughItsWorldIsNot(t *testing.T) {
	t.Parallel()
	rotations, violations := 0, 0
	for i := range *seeds {
		report := live(t, Run{Seed: *first + uint64(i), Days: *days, Credentials: *each, FaultsADay: *often})
		rotations += report.Rotations
		violations += len(report.Violations)
		for _, v := range report.Violations {
			t.Error(v)
		}
	}
	fmt.Printf("fleetsim seeds=%d days=%d credentials=%d rotations=%d violations=%d\n", *seeds, *days, 5**each, rotations, violations)
}

func TestTheSameSeedIsTheSameRun(t *testing.T) {
	t.Parallel()
	run := Run{Seed: 7, Days: 5, Credentials: 5, FaultsADay: 4}
	one, two := live(t, run), live(t, run)
	run.Seed = 8
	other := live(t, run)
	if one.Digest != two.Digest || one.Rotations != two.Rotations {
		t.Errorf("%d rotations (%x), and again %d (%x)", one.Rotations, one.Digest, two.Rotations, two.Digest)
	}
	if one.Digest == other.Digest {
		t.Error("another seed is the same run")
	}
}
