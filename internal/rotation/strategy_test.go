package rotation

import (
	"testing"

	"keyturn/internal/secret"
)

func TestThePasswordOfAPairBelongsToTheLoginThatCurrentNames(t *testing.T) {
	t.Parallel()
	single := &Credential{Target: "a", Verify: &Verification{}}
	pair := &Credential{Target: "a", Verify: &Verification{}, Pair: &Pair{Targets: [2]Access{{Target: "a"}, {Target: "b", Username: "ub"}}}}
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
