package rotation_test

import (
	"strings"
	"testing"
	"time"

	"keyturn/internal/rotation/rotationtest/explore"
)

// Each variant in broken_variants_test.go behaves as an earlier draft of the protocol or a peer did.

// maxBreak is the depth at which every broken variant has been caught.
const maxBreak = 3

// checkCaught explores deeper and deeper until a violation shows up, which has to begin with want: the exploration must
// catch what is broken for the right reason. That the real machine violates nothing is TestExploreEverySchedule's.
func checkCaught(t *testing.T, e explore.Exploration, want string) {
	t.Helper()
	e.First = true
	most := max(e.Depth, maxBreak)
	for e.Depth = 0; e.Depth <= most; e.Depth++ {
		r := e.Run()
		if len(r.Violations) == 0 {
			continue
		}
		v := r.Violations[0]
		if !strings.HasPrefix(v.What, want) {
			t.Errorf("caught for another reason than %q", want)
		}
		t.Logf("caught with %d faults: %s:\n%s", e.Depth, v.What, v)
		schedule, err := explore.ParseSchedule(v.Schedule.String())
		if err != nil {
			t.Fatal(err)
		}
		schedule.Mode.Break = e.Break
		if _, replayed, err := schedule.Replay(); replayed != v.What {
			t.Errorf("what it prints shows %q: %v", replayed, err)
		}
		return
	}
	t.Errorf("not caught with %d faults", most)
}

func TestExploreCatchesAJournalThatIsDroppedOnTheSecondFailure(t *testing.T) {
	t.Parallel()
	checkCaught(t, explore.Exploration{Break: dropOnSecondFailure}, "P-keep: the live password is neither in current nor in the journal")
}

func TestExploreCatchesAPromotionBeforeVerification(t *testing.T) {
	t.Parallel()
	checkCaught(t, explore.Exploration{Verified: true, Break: promoteBeforeVerify}, "P-proven: consumers read as verified what was not")
}

func TestExploreCatchesARegenerationOnResume(t *testing.T) {
	t.Parallel()
	checkCaught(t, explore.Exploration{Break: regenerateOnResume}, "P-keep: the live password is neither in current nor in the journal")
}

func TestExploreCatchesAnAdoptionWithoutAWrite(t *testing.T) {
	t.Parallel()
	checkCaught(t, explore.Exploration{Break: adoptWithoutAWrite}, "P-one-open: setter.set without a claim")
}

func TestExploreCatchesACloseByDelete(t *testing.T) {
	t.Parallel()
	checkCaught(t, explore.Exploration{Verified: true, Break: closeByDelete}, "P-keep: the live password is neither in current nor in the journal")
}

func TestExploreCatchesAPromotionJudgedByRotationIDAlone(t *testing.T) {
	t.Parallel()
	checkCaught(t, explore.Exploration{Break: judgeByRotationID}, "P-keep: the live password is neither in current nor in the journal")
}

func TestExploreCatchesARefusalTakenAsProofOnResume(t *testing.T) {
	t.Parallel()
	checkCaught(t, explore.Exploration{Break: takeRefusalsAsProof}, "P-keep: the live password is neither in current nor in the journal")
}

func TestExploreCatchesAnIssuersLateReplyThatIsDropped(t *testing.T) {
	t.Parallel()
	checkCaught(t, explore.Exploration{Issuer: true, Break: dropLateReplies}, "P-shown: a run ended with an issued password that it never journalled")
}

func TestExploreCatchesASlotFromACallersClock(t *testing.T) {
	t.Parallel()
	checkCaught(t, explore.Exploration{Exact: true, Skew: -time.Hour}, "P-served: a wish was granted by a rotation that is older")
}

func TestExploreCatchesAPromotionWithoutALookAtTheJournal(t *testing.T) {
	t.Parallel()
	checkCaught(t, explore.Exploration{Break: promoteBlindly}, "P-claim: secrets.write on a claim that was not confirmed")
}

func TestExploreCatchesADriftRepairThatWritesCurrentDirectly(t *testing.T) {
	t.Parallel()
	checkCaught(t, explore.Exploration{Verified: true, Exact: true, Break: repairDirectly}, "P-one-open: secrets.write without a claim")
}

// Two workers of one rotation promote one candidate each, because a run that was replaced can still write current.
func TestExploreCatchesARunThatPromotesAfterItWasReplaced(t *testing.T) {
	t.Parallel()
	checkCaught(t, explore.Exploration{Strict: true, Only: stops, Break: withoutAFence}, "P-quarantine: a person has to look although nothing misbehaved")
}

// stops are the faults that show in which order two runs may write.
var stops = []explore.Fault{explore.Pause, explore.HoldLost, explore.Rejected}

func TestExploreCatchesAFenceBeforeTheClaim(t *testing.T) {
	t.Parallel()
	checkCaught(t, explore.Exploration{Strict: true, Only: stops, Depth: 5, Break: fenceBeforeClaim}, "P-quarantine: a person has to look although nothing misbehaved")
}

// A run that was replaced promotes and dies, and the next rotation opens before a late call of the adopter can have
// arrived: its closing record knows of no recheck.
func TestExploreCatchesALateCallThatIsNotLookedFor(t *testing.T) {
	t.Parallel()
	checkCaught(t, explore.Exploration{Again: true, Break: forgetRechecks}, "P-live: consumers do not read the live password")
}

func TestExploreCatchesAStaleReadThatIsBelieved(t *testing.T) {
	t.Parallel()
	checkCaught(t, explore.Exploration{Strict: true, Stale: true, Break: forgetVersions}, "P-quarantine: a person has to look although nothing misbehaved")
}

func TestExploreCatchesARepairThatAsksForAnother(t *testing.T) {
	t.Parallel()
	checkCaught(t, explore.Exploration{Break: repairWithoutEnd}, "P-bounded: it goes round in circles")
}
