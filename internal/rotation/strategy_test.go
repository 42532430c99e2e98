package rotation

import (
	"testing"
	"time"

	"keyturn/internal/secret"
)

func TestThePasswordOfAPairBelongsToTheLoginThatCurrentNames(t *testing.T) {
	t.Parallel()
	single := &Credential{Target: "a", Verify: &Verification{}}
	pair := &Credential{Target: "a", Verify: &Verification{}, Pair: &Pair{Targets: [2]Access{{Target: "a"}, {Target: "b", Username: "ub"}}}}
	overlap := &Credential{Target: "a", Verify: &Verification{}, Overlap: &Overlap{}}
	for name, tt := range map[string]struct {
		of      *Credential
		current Entry
		login   string
		ok      bool
	}{
		"a single target": {single, Entry{Username: "other"}, "a", true},
		"the first":       {pair, Entry{Target: "a"}, "a", true},
		"the second":      {pair, Entry{Target: "b"}, "ub", true},
		"by its name":     {pair, Entry{Username: "ub"}, "ub", true},
		"neither":         {pair, Entry{Username: "uc"}, "", false},
		"an identity":     {overlap, Entry{Username: "key-1", ID: "1"}, "key-1", true},
		"of a person":     {overlap, Entry{Username: "key-0"}, "key-0", true},
		"without a name":  {overlap, Entry{}, "", false},
		"what it was":     {single, Entry{Username: "key-1", ID: "1"}, "key-1", true},
	} {
		if login, ok := tt.of.LoginOf(tt.current); login != tt.login || ok != tt.ok {
			t.Errorf("%s: got %q, %v", name, login, ok)
		}
	}
}

func TestTheJournalTellsWhichTargetIsInUseOnlyOfWhatKeyturnWrote(t *testing.T) {
	t.Parallel()
	p := &Pair{Targets: [2]Access{{Target: "a"}, {Target: "b"}}}
	some := secret.New("p")
	promoted := Record{Version: 4, RotationID: "r", Target: "a", CurrentVersion: 7}
	givenUp := Record{Version: 6, RotationID: "s", Target: "b", BaseTarget: "a", CurrentVersion: 7}
	for name, tt := range map[string]struct {
		rec     Record
		current Entry
		want    string
	}{
		"current says":                    {promoted, Entry{Target: "b", Password: some, RotationID: "x", Version: 9}, "b"},
		"the rotation that wrote it":      {promoted, Entry{Password: some, RotationID: "r", Version: 7}, "a"},
		"a rotation that changed nothing": {givenUp, Entry{Password: some, RotationID: "r", Version: 7}, "a"},
		"a fence after it":                {givenUp, Entry{Password: some, RotationID: "r", Version: 8}, "a"},
		"written by keyturn long since":   {givenUp, Entry{Password: some, RotationID: "x", Version: 20}, ""},
		"by a person, with a name":        {promoted, Entry{Password: some, Username: "b", Version: 8}, "b"},
		"by a person, without":            {promoted, Entry{Password: some, Version: 8}, ""},
		"deleted":                         {promoted, Entry{Version: 7, Deleted: true}, "a"},
		"never rotated":                   {Record{}, Entry{}, ""},
	} {
		got := ""
		if a := p.InUse(&tt.rec, &tt.current); a != nil {
			got = a.Target
		}
		if got != tt.want {
			t.Errorf("%s: %q is in use, want %q", name, got, tt.want)
		}
	}
}

func TestACheckAsksAboutTheLoginThatConsumersUse(t *testing.T) {
	t.Parallel()
	single := &Credential{Target: "a", Verify: &Verification{}}
	pair := &Credential{Target: "a", Verify: &Verification{}, Pair: &Pair{Targets: [2]Access{{Target: "a"}, {Target: "b", Username: "ub"}}}}
	overlap := &Credential{Target: "a", Verify: &Verification{}, Overlap: &Overlap{}}
	some := secret.New("p")
	for name, tt := range map[string]struct {
		of            *Credential
		current       Entry
		login, target string
	}{
		"its own":                          {single, Entry{Password: some}, "a", "a"},
		"its own, whatever name stands":    {single, Entry{Password: some, Username: "other"}, "a", "a"},
		"its own, by its target":           {single, Entry{Password: some, Target: "a", Username: "other"}, "a", "a"},
		"of the pair that it was":          {single, Entry{Password: some, Target: "b", Username: "ub"}, "ub", "b"},
		"of a target without a name":       {single, Entry{Password: some, Target: "b"}, "a", "a"},
		"the second of a pair":             {pair, Entry{Password: some, Target: "b"}, "ub", "b"},
		"a person's, of a pair":            {pair, Entry{Password: some, Username: "uc", Target: "c"}, "uc", "c"},
		"a person's, without a name":       {pair, Entry{Password: some, Target: "c"}, "a", "a"},
		"an identity":                      {overlap, Entry{Password: some, ID: "1", Username: "key-1"}, "key-1", "a"},
		"a person's, where identities are": {overlap, Entry{Password: some, Username: "key-0"}, "key-0", "a"},
		"of the overlap that it was":       {single, Entry{Password: some, ID: "1", Username: "key-1"}, "key-1", "a"},
	} {
		r := &run{Subject: Subject{Credential: tt.of}, base: tt.current}
		if login, target := r.loginNow(); login != tt.login || target != tt.target {
			t.Errorf("%s: %q at %q, want %q at %q", name, login, target, tt.login, tt.target)
		}
	}
}

func TestAPairsRotationSeesThatItsTargetWasPutBack(t *testing.T) {
	t.Parallel()
	open := Record{Strategy: StrategyPair, RotationID: "new", Target: "b", Login: "ub"}
	adopted, replaces := open, open
	adopted.Reason, replaces.Strategy = ReasonAdopted, StrategyReplace
	for name, tt := range map[string]struct {
		rec     Record
		current Entry
		want    bool
	}{
		"another target":            {open, Entry{RotationID: "old", Target: "a"}, false},
		"its own":                   {open, Entry{RotationID: "old", Target: "b"}, true},
		"its own, by its name":      {open, Entry{RotationID: "old", Username: "ub"}, true},
		"another name":              {open, Entry{RotationID: "old", Username: "ua"}, false},
		"another target, that name": {open, Entry{RotationID: "old", Target: "a", Username: "ub"}, false},
		"by its own doing":          {open, Entry{RotationID: "new", Target: "b"}, false},
		"an adoption":               {adopted, Entry{RotationID: "old", Target: "b"}, false},
		"no pair":                   {replaces, Entry{RotationID: "old", Target: "b"}, false},
	} {
		r := &run{rec: tt.rec, base: tt.current}
		if got := r.putBack(); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestAWaitThatWasNotedIsBelievedUnlessAClockWasAhead(t *testing.T) {
	t.Parallel()
	const recheck = time.Minute
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	timed := &Machine{Clock: stands(now), Timing: Timing{Recheck: recheck}}
	for noted, want := range map[time.Duration]time.Duration{-time.Hour: -time.Hour, time.Second: time.Second, recheck: recheck, recheck + 1: recheck, time.Hour: recheck} {
		r := &run{Machine: timed}
		if got := r.quietFrom(now.Add(noted)); !got.Equal(now.Add(want)) {
			t.Errorf("quiet in %s: %s, want in %s", noted, got.Sub(now), want)
		}
	}
	if got := (&run{Machine: timed}).quietFrom(time.Time{}); !got.Equal(now.Add(recheck)) {
		t.Errorf("without a word: %s", got.Sub(now))
	}
	pair := &Credential{Pair: &Pair{Targets: [2]Access{{Target: "a"}, {Target: "b"}}}}
	for left, want := range map[time.Duration]time.Duration{time.Second: time.Second, recheck: recheck, recheck + 1: 0, -time.Second: -time.Second} {
		rec := Record{Target: "b", RecheckAt: now.Add(left)}
		r := &run{Machine: timed, Subject: Subject{Credential: pair}, base: Entry{Target: "a", Password: secret.New("p")}, rec: rec}
		if got := r.restTarget(now); got != want {
			t.Errorf("a recheck in %s: the target rests for %s, want %s", left, got, want)
		}
		r.rec.Target = "a"
		if got := r.restTarget(now); got != 0 {
			t.Errorf("the target that consumers use rests for %s", got)
		}
		r.Credential = &Credential{}
		if got := r.restTarget(now); got != 0 {
			t.Errorf("one of no pair rests for %s", got)
		}
	}
}
