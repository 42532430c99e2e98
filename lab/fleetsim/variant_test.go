package fleetsim

import (
	"strings"
	"testing"
)

// TestEveryFaultOfAnEarlierKeyturnIsNoticed brings each back in a fleet that is well without it.
func TestEveryFaultOfAnEarlierKeyturnIsNoticed(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		variant Variant
		only    []trouble // that make it matter
		each    int       // credentials of each account
		says    string    // what has to be noticed
	}{
		{RefusedRecheckRotates, []trouble{mistyped}, 20, "P-bounded"},
		{JournalLeftOpen, []trouble{throttled}, 60, "P-bounded"},
		{ChecksCounted, []trouble{mailAway}, 200, "it is due since"},
		{FirstUnreadableEnds, []trouble{unreadable, redisEmptied}, 100, "in which nothing was wrong"},
		{SlotBelieved, []trouble{redisAhead}, 20, "P-served"},
		{AcceptanceBelieved, []trouble{slowSpread}, 20, "P-bounded"},
		{MissedSlotServed, []trouble{vaultAway, providerAway}, 100, "outside its window"},
		{QuestionsSpent, []trouble{slowSpread}, 20, "consumers have not got it"},
		{EveryRefusal, []trouble{forbidden}, 20, "P-drift"},
	} {
		t.Run(string(test.variant), func(t *testing.T) {
			t.Parallel()
			run := Run{Seed: 1, Days: 10, Credentials: test.each, FaultsADay: 4, Only: test.only}
			if !raced { // which adds nothing to a race
				if report := live(t, run); len(report.Violations) > 0 {
					t.Fatalf("it is seen without the fault:\n%s", report.Violations[0])
				}
			}
			run.Variant, run.Until = test.variant, test.says
			found := live(t, run).Violations
			for _, v := range found {
				if first, _, _ := strings.Cut(v, "\n"); strings.Contains(first, test.says) {
					t.Log(first)
					return
				}
			}
			for _, v := range found {
				first, _, _ := strings.Cut(v, "\n")
				t.Log(first)
			}
			t.Errorf("of %d violations none says %q", len(found), test.says)
		})
	}
}
