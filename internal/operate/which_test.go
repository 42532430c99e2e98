package operate_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"keyturn/internal/config"
	"keyturn/internal/operate"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// past is what Vault keeps of credentials, by their ids.
type past struct {
	records map[string][]rotation.Record
	entries map[string][]rotation.Entry
	broken  string // a credential whose journal has a version that cannot be read
}

func (p *past) Load(context.Context, *rotation.Credential) (rotation.Record, error) {
	return rotation.Record{}, errors.New("not asked")
}

func (p *past) Read(context.Context, rotation.Place) (rotation.Entry, error) {
	return rotation.Entry{}, errors.New("not asked")
}

func (p *past) History(_ context.Context, place rotation.Place) ([]rotation.Entry, error) {
	return p.entries[place.Path], nil
}

func (p *past) Versions(_ context.Context, cred *rotation.Credential) ([]rotation.Record, error) {
	if cred.ID == p.broken {
		return p.records[cred.ID], errors.New("one version cannot be read")
	}
	return p.records[cred.ID], nil
}

// day is the time of the nth version of a secret.
func day(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }

// kept are the versions of a secret, newest first. Edit changes one, given its number.
func kept(edit func(n int, e *rotation.Entry), passwords ...string) (all []rotation.Entry) {
	for i, p := range passwords {
		n := len(passwords) - i
		e := rotation.Entry{Version: n, CreatedAt: day(n), Password: secret.New(p), RotationID: fmt.Sprint("r", n)}
		if edit != nil {
			edit(n, &e)
		}
		all = append(all, e)
	}
	return all
}

func TestAMatchSaysWhetherThePasswordStillLogsIn(t *testing.T) {
	t.Parallel()
	turns := func(n int, e *rotation.Entry) { e.Target = []string{"b", "a"}[n%2] }
	identities := func(n int, e *rotation.Entry) { e.ID = fmt.Sprint("i", n) }
	// becomes is the first rotation of a pair that was one target before.
	becomes := func(target string) func(int, *rotation.Entry) {
		return func(n int, e *rotation.Entry) {
			if e.Username = "a"; n == 2 {
				e.Target, e.Username = target, target
			}
		}
	}
	renamed := func(n int, e *rotation.Entry) { e.Username = fmt.Sprint("user", n) }
	soon := day(20)
	for name, c := range map[string]struct {
		records []rotation.Record
		entries []rotation.Entry
		life    operate.Life
		version int
		dead    time.Time
		until   *time.Time
	}{
		"in use":                               {nil, kept(nil, "x", "b", "a"), operate.InUse, 3, time.Time{}, nil},
		"in use since long":                    {nil, kept(nil, "x", "x", "a"), operate.InUse, 2, time.Time{}, nil},
		"replaced":                             {nil, kept(nil, "c", "x", "a"), operate.Replaced, 2, day(3), nil},
		"replaced later":                       {nil, kept(nil, "c", "x", "x"), operate.Replaced, 1, day(3), nil},
		"in use again":                         {nil, kept(nil, "x", "b", "x"), operate.InUse, 1, time.Time{}, nil},
		"a pair's other target":                {nil, kept(turns, "c", "x", "a"), operate.Valid, 2, time.Time{}, nil},
		"a pair's, two turns ago":              {nil, kept(turns, "c", "b", "x"), operate.Replaced, 1, day(3), nil},
		"a pair's first, of before it was one": {nil, kept(becomes("b"), "c", "x"), operate.Valid, 1, time.Time{}, nil},
		"a pair's other, replaced since":       {nil, kept(becomes("a"), "c", "x"), operate.Replaced, 1, day(2), nil},
		"of another login":                     {nil, kept(renamed, "c", "x"), operate.Valid, 1, time.Time{}, nil},
		"an identity that a person's entry hides": {
			[]rotation.Record{{Identities: rotation.Identities{Used: "i2"}}}, kept(identities, "c", "x", "a"), operate.Valid, 2, time.Time{}, nil,
		},
		"waits to be retired": {
			[]rotation.Record{{Identities: rotation.Identities{Retire: []rotation.Retiring{{ID: "i2", NotBefore: soon}}}}},
			kept(identities, "c", "x", "a"), operate.Valid, 2,
			time.Time{},
			&soon,
		},
		"a person's identity": {[]rotation.Record{{Identities: rotation.Identities{Kept: []string{"i2"}}}}, kept(identities, "c", "x", "a"), operate.Valid, 2, time.Time{}, nil},
		"retired":             {[]rotation.Record{{}}, kept(identities, "c", "x", "a"), operate.Replaced, 2, time.Time{}, nil},
		"a candidate of an open rotation": {
			[]rotation.Record{{State: rotation.Open, RotationID: "r", Candidates: []rotation.Candidate{{Value: secret.New("x")}}}}, nil, operate.Unsure, 0, time.Time{}, nil,
		},
		"a candidate of before": {
			[]rotation.Record{{RotationID: "r2"}, {State: rotation.Open, RotationID: "r", Candidates: []rotation.Candidate{{}, {Value: secret.New("x")}}}},
			nil, operate.Replaced, 0,
			time.Time{},
			nil,
		},
		"what an open rotation replaces": {
			[]rotation.Record{{State: rotation.Open, RotationID: "r", BasePassword: secret.New("x")}}, nil, operate.Unsure, 0, time.Time{}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := which(t, strings.HasPrefix(name, "a pair's"), &past{records: map[string][]rotation.Record{"c-0": c.records}, entries: map[string][]rotation.Entry{"c-0": c.entries}}, 1)
			if name == "in use again" { // both versions
				if len(all) != 2 || all[1].Version != 3 {
					t.Fatalf("%+v", all)
				}
				all = all[:1]
			}
			if len(all) != 1 {
				t.Fatalf("%d matches, want 1: %+v", len(all), all)
			}
			m := all[0]
			died := m.DeadSince != nil && m.DeadSince.Equal(c.dead) || m.DeadSince == nil && c.dead.IsZero()
			until := m.Until == nil && c.until == nil || m.Until != nil && c.until != nil && m.Until.Equal(*c.until)
			if m.Life != c.life || m.Version != c.version || !died || !until {
				t.Errorf("%+v, want %s, version %d, dead since %s, until %s", m, c.life, c.version, c.dead, c.until)
			}
		})
	}
}

func which(t *testing.T, pair bool, p *past, fleetSize int) (all []operate.Match) {
	t.Helper()
	creds := fleet(t, fleetSize)
	if pair {
		creds[0].Target = "a"
		creds[0].Pair = &rotation.Pair{Targets: [2]rotation.Access{{Target: "a"}, {Target: "b"}}}
	}
	d := &operate.Desk{Fleet: creds, Accounts: map[string]*config.Account{"mail": {}}, Truth: p, History: p}
	found, err := d.Which(t.Context(), operate.Query{}, secret.New("x"), "ann@host", func(m operate.Match) error {
		all = append(all, m)
		return nil
	}, nil)
	if err != nil || found.Read != fleetSize || found.Unread > 0 {
		t.Fatalf("%+v, %v", found, err)
	}
	return all
}

func TestOneCredentialThatCannotBeReadDoesNotEndASearch(t *testing.T) {
	t.Parallel()
	p := &past{broken: "c-1", entries: map[string][]rotation.Entry{"c-1": kept(nil, "b", "x"), "c-3": kept(nil, "x")}}
	d := &operate.Desk{Fleet: fleet(t, 5), Accounts: map[string]*config.Account{"mail": {}}, Truth: p, History: p}
	var all []string
	read := 0
	found, err := d.Which(t.Context(), operate.Query{}, secret.New("x"), "ann@host", func(m operate.Match) error {
		all = append(all, m.Credential)
		return nil
	}, func(n, _ int) { read = n })
	if err != nil || found.Unread != 1 || len(found.Problems) != 1 || found.Read != 5 || read != 5 || fmt.Sprint(all) != "[c-1 c-3]" {
		t.Errorf("%+v, %v, %d, %v", found, err, read, all)
	}
}

func TestASearchForNothingFindsNothing(t *testing.T) {
	t.Parallel()
	p := &past{records: map[string][]rotation.Record{"c-0": {{State: rotation.Open, Candidates: []rotation.Candidate{{}}}}}}
	d := &operate.Desk{Fleet: fleet(t, 1), Accounts: map[string]*config.Account{"mail": {}}, Truth: p, History: p}
	if _, err := d.Which(t.Context(), operate.Query{}, secret.Value{}, "ann@host", func(m operate.Match) error {
		t.Errorf("%+v: an intent has no value yet", m)
		return nil
	}, nil); err != nil {
		t.Error(err)
	}
}
