package rotation

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"keyturn/internal/secret"
)

// said is a verifier that answers so, and counts.
type said struct {
	verdict Verdict
	asked   int
}

func (s *said) Verify(context.Context, string, secret.Value) (Verdict, error) {
	s.asked++
	return s.verdict, nil
}

// unobserved is an Observer of nothing.
type unobserved struct{ Observer }

func (unobserved) Verified(*Credential, Verdict, time.Duration) {}

func atRest() *Machine {
	return &Machine{Clock: stands(time.Unix(0, 0)), Observer: unobserved{}, Log: slog.New(slog.DiscardHandler), Timing: Timing{MinInterval: time.Minute}}
}

func TestConsumersAreServedByWhatLogsInAndIsAskedAboutOnlyWhereThatIsPossible(t *testing.T) {
	t.Parallel()
	some := secret.New("p")
	for name, tt := range map[string]struct {
		current Entry
		overlap *Overlap
		verdict Verdict
		asked   int
		works   bool
	}{
		"a password that works":              {Entry{Password: some}, nil, Works, 1, true},
		"one that is refused":                {Entry{Password: some}, nil, Refused, 1, false},
		"none":                               {Entry{}, nil, Works, 0, false},
		"an identity":                        {Entry{Password: some, Username: "key"}, &Overlap{}, Works, 1, true},
		"an identity without a name":         {Entry{Password: some}, &Overlap{}, Works, 0, false},
		"a password with a name, of no such": {Entry{Password: some, Username: "key"}, nil, Works, 1, true},
	} {
		v := &said{verdict: tt.verdict}
		r := &run{Machine: atRest(), Subject: Subject{Credential: &Credential{Verify: &Verification{}, Overlap: tt.overlap}, Verifier: v}, base: tt.current}
		if works, err := r.consumersServed(t.Context()); works != tt.works || v.asked != tt.asked || err != nil {
			t.Errorf("%s: %v after %d questions, %v", name, works, v.asked, err)
		}
		r.Verifier = nil
		if works, err := r.consumersServed(t.Context()); works || err != nil {
			t.Errorf("%s, without a verifier: %v, %v", name, works, err)
		}
	}
}

func TestOnlyAPairWaitsUntilAllIsQuietAndOnlyWhereALateCallCouldUndoIt(t *testing.T) {
	t.Parallel()
	m := atRest()
	two := []Candidate{{Number: 1}, {Number: 2}}
	for name, tt := range map[string]struct {
		rec   Record
		issue bool
		left  time.Duration
		waits time.Duration
	}{
		"a pair that has sent two":          {Record{Strategy: StrategyPair, Candidates: two}, false, time.Minute, time.Minute},
		"a pair that has sent one":          {Record{Strategy: StrategyPair, Candidates: two[:1]}, false, time.Minute, 0},
		"a pair whose provider makes them":  {Record{Strategy: StrategyPair, Candidates: two[:1]}, true, time.Minute, time.Minute},
		"a pair, a moment before":           {Record{Strategy: StrategyPair, Candidates: two}, false, 1, 5 * time.Second},
		"a pair, when it is over":           {Record{Strategy: StrategyPair, Candidates: two}, false, 0, 0},
		"a pair, long after":                {Record{Strategy: StrategyPair, Candidates: two}, false, -time.Hour, 0},
		"what replaces what consumers have": {Record{Strategy: StrategyReplace, Candidates: two}, false, time.Minute, 0},
	} {
		r := &run{Machine: m, Subject: Subject{Credential: &Credential{}}, rec: tt.rec, quietAt: m.Clock.Now().Add(tt.left)}
		r.rec.QuietAt = r.quietAt
		if tt.issue {
			r.Client.Issuer = issuers{}
		}
		err := r.quietFor(t.Context(), 5*time.Second)
		waits := time.Duration(0)
		if ended := (*stop)(nil); errors.As(err, &ended) {
			waits = ended.After
		}
		if waits != tt.waits {
			t.Errorf("%s: waits for %s, want %s (%v)", name, waits, tt.waits, err)
		}
	}
}

type issuers struct{ Issuer }

func TestOnlyAnIntentWithoutAValueIsOpen(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		c    Candidate
		open bool
	}{
		"an intent":             {Candidate{State: Intent}, true},
		"one with a value":      {Candidate{State: Accepted, Value: secret.New("p")}, false},
		"one that was given up": {Candidate{State: Dead}, false},
	} {
		if tt.c.open() != tt.open {
			t.Errorf("%s: want %v", name, tt.open)
		}
	}
}

func TestACredentialHasItsTargetAndThoseOfItsPair(t *testing.T) {
	t.Parallel()
	single := &Credential{Target: "a"}
	pair := &Credential{Target: "a", Pair: &Pair{Targets: [2]Access{{Target: "a"}, {Target: "b"}}}}
	for target, want := range map[string][2]bool{"a": {true, true}, "b": {false, true}, "c": {false, false}} {
		if got := [2]bool{single.has(target), pair.has(target)}; got != want {
			t.Errorf("%s: %v, want %v", target, got, want)
		}
	}
}

func TestAPersonIsToldWhyARotationRests(t *testing.T) {
	t.Parallel()
	for grace, want := range map[time.Duration]string{time.Hour: "its grace of", time.Minute: "a late call", time.Second: "a late call"} {
		r := &run{Machine: atRest(), Subject: Subject{Credential: &Credential{Pair: &Pair{Grace: grace}}}}
		if got := r.whyRest().Error(); !strings.Contains(got, want) {
			t.Errorf("with a grace of %s: %s", grace, got)
		}
	}
}

func TestQuestionsComeAtTimesThatDoubleUpToASixthOfThePropagation(t *testing.T) {
	t.Parallel()
	for since, want := range map[time.Duration]time.Duration{0: 250 * time.Millisecond, time.Second: time.Second, time.Minute: time.Minute, 5 * time.Minute: 100 * time.Second} {
		r := &run{Machine: atRest(), Subject: Subject{Credential: &Credential{Verify: &Verification{Propagation: 10 * time.Minute}}}, rec: Record{Candidates: []Candidate{{Number: 1}}}}
		if got := r.nap(since); got != want {
			t.Errorf("%s after the acceptance: %s, want %s", since, got, want)
		}
	}
}

func TestAnIdentityThatAPersonPutIntoCurrentIsSeen(t *testing.T) {
	t.Parallel()
	overlap := Record{Strategy: StrategyOverlap, Identities: Identities{Used: "used"}, Candidates: []Candidate{{ID: "first"}, {ID: "made"}}}
	replaces := overlap
	replaces.Strategy = StrategyReplace
	for name, tt := range map[string]struct {
		rec  Record
		id   string
		want bool
	}{
		"the base's":              {overlap, "used", false},
		"the first of a rotation": {overlap, "first", false},
		"the last of a rotation":  {overlap, "made", false},
		"another one":             {overlap, "other", true},
		"none":                    {overlap, "", false},
		"of no overlap":           {replaces, "other", false},
	} {
		r := &run{rec: tt.rec, base: Entry{ID: tt.id}}
		if got := r.movedOn(); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestAnIdentityMayBeProvenWhereItIsKnownEverywhereOrCanBeAskedAbout(t *testing.T) {
	t.Parallel()
	some := secret.New("p")
	for name, tt := range map[string]struct {
		made     Candidate
		verifier Verifier
		want     bool
	}{
		"synced":                      {Candidate{Value: some, Synced: true}, nil, true},
		"not synced":                  {Candidate{Value: some}, nil, false},
		"not synced, with a verifier": {Candidate{Value: some}, &said{}, true},
		"refused before":              {Candidate{Value: some, Synced: true, Sends: 1}, &said{}, false},
		"not known":                   {Candidate{Synced: true}, &said{}, false},
	} {
		r := &run{Subject: Subject{Verifier: tt.verifier}, rec: Record{Strategy: StrategyOverlap, Candidates: []Candidate{tt.made}}}
		if got := r.promotable(); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestEnoughIdentitiesAreThoseThatOneRotationAsksForAtMost(t *testing.T) {
	t.Parallel()
	var made []Candidate
	for n := range maxIssues + 1 {
		r := &run{rec: Record{Strategy: StrategyOverlap, Candidates: made}}
		if got := r.exhausted(); got != (n >= maxIssues) {
			t.Errorf("after %d: %v", n, got)
		}
		made = append(made, Candidate{Value: secret.New("p")})
	}
}

// noted are the notices that were given.
type noted struct{ kinds []NoticeKind }

func (n *noted) Note(_ context.Context, _ *Credential, notice Notice) error {
	n.kinds = append(n.kinds, notice.Kind)
	return nil
}

func TestAMissingPasswordIsNewsWhereKeyturnWroteOne(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		rec     Record
		deleted bool
		gone    bool
	}{
		"never rotated":                        {Record{}, false, false},
		"deleted, and never rotated":           {Record{}, true, false},
		"written under a journal of schema 1":  {Record{RotationID: "r"}, true, true},
		"a rotation that came to nothing":      {Record{RotationID: "r"}, false, false},
		"written":                              {Record{RotationID: "r", CurrentVersion: 3}, true, true},
		"written, and only its password taken": {Record{RotationID: "r", CurrentVersion: 3}, false, true},
	} {
		n := &noted{}
		m := atRest()
		m.Notices = n
		r := &run{Machine: m, Subject: Subject{Credential: &Credential{}}, rec: tt.rec, base: Entry{Deleted: tt.deleted}}
		if err := r.checkMissing(t.Context()); (err != nil) != tt.gone || (len(n.kinds) > 0) != tt.gone {
			t.Errorf("%s: %v, told %q", name, err, n.kinds)
		}
	}
}

func TestAJournalOfAnEarlierSchemaIsBroughtUpToTodays(t *testing.T) {
	t.Parallel()
	old := secret.New("old")
	for schema, account := range map[int]string{1: "own", 2: "opened", Schema: "opened"} {
		rec := Record{Schema: schema, Account: "opened", BaseVersion: 4, BasePassword: old}
		if schema == 1 {
			rec.Account, rec.BasePassword = "", secret.Value{}
		}
		r := &run{Subject: Subject{Credential: &Credential{Account: "own"}}, rec: rec, base: Entry{Version: 4, Password: old}}
		got, err := r.upgraded(t.Context())
		if err != nil || got.Schema != Schema || got.Account != account || !got.BasePassword.Equal(old) {
			t.Errorf("schema %d: %+v, %v", schema, got, err)
		}
	}
}
