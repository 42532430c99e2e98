package explore

import "fmt"

// rule is one of docs/protocol.md that a schedule can be seen to break.
type rule uint8

const (
	pJournalFirst rule = iota
	pKeep
	pProven
	pOneOpen
	pClaim
	pOurs
	pShown
	pSecret
	pResume
	pServed
	pClose
	pQuarantine
	pLive
	pAdopt
	pPairTarget
	pPairProven
	pPairGrace
	pPairLive
	pOverlapLive
	pOverlapNamed
	pOverlapGrace
	pOverlapKept
	pOverlapQuiet
	pOverlapPhases
	pOverlapKeys
	pBounded
	rules
)

var ruleNames = [rules]string{
	"P-journal-first", "P-keep", "P-proven", "P-one-open", "P-claim", "P-ours", "P-shown", "P-secret", "P-resume", "P-served",
	"P-close", "P-quarantine", "P-live", "P-adopt", "P-pair-target", "P-pair-proven", "P-pair-grace", "P-pair-live", "P-overlap-live",
	"P-overlap-named", "P-overlap-grace", "P-overlap-kept", "P-overlap-quiet", "P-overlap-phases", "P-overlap-keys",
	"P-bounded",
}

// Rules lists the names that a violation can begin with.
func Rules() []string { return ruleNames[:] }

// fail notes the first rule that does not hold.
func (s *state) fail(r rule, format string, args ...any) {
	if s.failed == "" {
		s.failed = ruleNames[r] + ": " + fmt.Sprintf(format, args...)
	}
}
