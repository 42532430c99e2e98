package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"keyturn/internal/operate"
	"keyturn/internal/rotation"
	"keyturn/internal/schedule"
	"keyturn/internal/secret"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// fleet makes credentials c-0, c-1 and so on.
func fleet(t *testing.T, n int) []*rotation.Credential {
	t.Helper()
	daily, err := schedule.Parse(schedule.Spec{Every: "1d"})
	if err != nil {
		t.Fatal(err)
	}
	creds := make([]*rotation.Credential, n)
	for i := range creds {
		id := fmt.Sprintf("c-%d", i)
		creds[i] = &rotation.Credential{ID: id, Account: "mail", Schedule: daily, Place: rotation.Place{Path: id}, Verify: &rotation.Verification{}}
	}
	return creds
}

// fleetOf is a configuration's credentials.
type fleetOf []*rotation.Credential

func (f fleetOf) Credentials() iter.Seq[*rotation.Credential] { return slices.Values(f) }

func (fleetOf) Marks(*rotation.Credential) *rotation.Marks { return nil }

func (f fleetOf) Credential(id string) (*rotation.Credential, bool) {
	for _, cred := range f {
		if cred.ID == id {
			return cred, true
		}
	}
	return nil, false
}

// anHourAfterNoon is a clock that stands.
type anHourAfterNoon struct{ rotation.Clock }

func (anHourAfterNoon) Now() time.Time { return noon.Add(time.Hour) }

// deskOn is a desk without Redis.
func deskOn(s *shelf, creds []*rotation.Credential) *operate.Desk {
	return &operate.Desk{Fleet: fleetOf(creds), Truth: s, Clock: anHourAfterNoon{}}
}

// shelf is a Vault. Everything in it was rotated at noon unless entries or journals say otherwise.
type shelf struct {
	journals map[string]rotation.Record
	entries  map[string]rotation.Entry
	loading  func(id string) error // called before a journal is read

	mu           sync.Mutex
	loads, reads int
}

func (s *shelf) Load(_ context.Context, cred *rotation.Credential) (rotation.Record, error) {
	s.mu.Lock()
	s.loads++
	s.mu.Unlock()
	if s.loading != nil {
		if err := s.loading(cred.ID); err != nil {
			return rotation.Record{}, err
		}
	}
	return s.journals[cred.ID], nil
}

func (s *shelf) Read(_ context.Context, place rotation.Place) (rotation.Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	if e, ok := s.entries[place.Path]; ok {
		return e, nil
	}
	return rotation.Entry{Version: 1, Password: secret.New("p"), Slot: noon, RotatedAt: noon, Verified: rotation.VerifiedYes}, nil
}

// shown runs a view and returns what it wrote.
func shown(t *testing.T, v *view, s *shelf, creds []*rotation.Credential) (out, notes string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	q, err := v.query(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.show(t.Context(), deskOn(s, creds), q, &stdout, &stderr); err != nil {
		t.Fatal(err)
	}
	return stdout.String(), stderr.String()
}

func TestTheFirstRowIsShownBeforeTheLastIsRead(t *testing.T) {
	t.Parallel()
	creds := fleet(t, 10*operate.ReadsAtOnce)
	began := make(chan struct{})
	last := creds[len(creds)-1].ID
	s := &shelf{loading: func(id string) error {
		if id == last {
			<-began // forever, if rows were kept until all are read
		}
		return nil
	}}
	out := writerFunc(func(p []byte) {
		if bytes.Contains(p, []byte("c-0 ")) {
			close(began)
		}
	})
	v := &view{format: "table"}
	if err := v.show(t.Context(), deskOn(s, creds), operate.Query{}, out, out); err != nil {
		t.Fatal(err)
	}
}

type writerFunc func(p []byte)

func (f writerFunc) Write(p []byte) (int, error) {
	f(p)
	return len(p), nil
}

func TestRowsComeInOrderWhicheverIsAnsweredFirst(t *testing.T) {
	t.Parallel()
	second := make(chan struct{})
	s := &shelf{loading: func(id string) error {
		switch id {
		case "c-0":
			<-second // c-1 was read by then
		case "c-1":
			close(second)
		}
		return nil
	}}
	out, _ := shown(t, &view{format: "table"}, s, fleet(t, 3))
	var ids []string
	for line := range strings.Lines(out) {
		ids = append(ids, strings.Fields(line)[0])
	}
	if want := []string{"CREDENTIAL", "c-0", "c-1", "c-2"}; !slices.Equal(ids, want) {
		t.Errorf("%v, want %v", ids, want)
	}
}

func TestAPageReadsLittleMoreThanItShows(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	out, notes := shown(t, &view{format: "table", limit: 3}, s, fleet(t, 1000))
	if lines := strings.Count(out, "\n"); lines != 4 {
		t.Errorf("%d lines, want a head and 3 rows:\n%s", lines, out)
	}
	if want := "3 shown, 997 not read: --after c-2 shows the next, --limit 0 all\n"; notes != want {
		t.Errorf("%q, want %q", notes, want)
	}
	if s.loads > 3+operate.ReadsAtOnce {
		t.Errorf("%d credentials were read for 3 rows", s.loads)
	}
}

func TestTheLastPageNamesNoNext(t *testing.T) {
	t.Parallel()
	if _, notes := shown(t, &view{format: "table", limit: 3}, &shelf{}, fleet(t, 3)); notes != "" {
		t.Errorf("%q", notes)
	}
}

func TestFiltersHoldTogether(t *testing.T) {
	t.Parallel()
	old := rotation.Entry{Version: 7, Password: secret.New("p"), Slot: noon.AddDate(0, -2, 0), RotatedAt: noon.AddDate(0, -2, 0)}
	s := &shelf{
		journals: map[string]rotation.Record{
			"c-1": {State: rotation.Quarantined, Why: "target"},
			"c-2": {State: rotation.Open, Doubted: true},
			"c-3": {State: rotation.Open},
		},
		entries: map[string]rotation.Entry{"c-3": old, "c-4": old, "c-5": {}},
	}
	for _, test := range []struct {
		states []string
		older  string
		want   string
	}{
		{nil, "", "c-0 c-1 c-2 c-3 c-4 c-5"},
		{[]string{"healthy"}, "", "c-0 c-4"},
		{[]string{"waiting"}, "", "c-5"},
		{[]string{"rotating"}, "", "c-3"},
		{[]string{"in-doubt"}, "", "c-2"},
		{[]string{"quarantined", "in-doubt"}, "", "c-1 c-2"},
		{nil, "30d", "c-3 c-4 c-5"},
		{nil, "1h", "c-0 c-1 c-2 c-3 c-4 c-5"},
		{nil, "1h1m", "c-3 c-4 c-5"},
		{[]string{"healthy"}, "30d", "c-4"},
	} {
		out, _ := shown(t, &view{format: "json", states: test.states, olderThan: test.older}, s, fleet(t, 6))
		var rows []operate.Row
		if err := json.Unmarshal([]byte(out), &rows); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		var ids []string
		for _, r := range rows {
			ids = append(ids, r.Credential)
		}
		if got := strings.Join(ids, " "); got != test.want {
			t.Errorf("states %v, older than %q: %s, want %s", test.states, test.older, got, test.want)
		}
	}
}

func TestAStateThatTheJournalTellsCostsOneRead(t *testing.T) {
	t.Parallel()
	s := &shelf{journals: map[string]rotation.Record{"c-1": {State: rotation.Quarantined}}}
	shown(t, &view{format: "json", states: []string{"quarantined"}}, s, fleet(t, 50))
	if s.loads != 50 || s.reads != 1 {
		t.Errorf("%d journals and %d secrets were read, want 50 and 1", s.loads, s.reads)
	}
}

func TestJSONIsOneArray(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 2, 5 * operate.ReadsAtOnce} {
		out, _ := shown(t, &view{format: "json"}, &shelf{}, fleet(t, n))
		var rows []operate.Row
		if err := json.Unmarshal([]byte(out), &rows); err != nil || len(rows) != n || rows == nil {
			t.Errorf("%d credentials: %d rows, %v: %s", n, len(rows), err, out)
		}
	}
}

func TestACredentialThatCannotBeReadIsNamedAfterTheRowsBeforeIt(t *testing.T) {
	t.Parallel()
	broken := errors.New("permission denied")
	s := &shelf{loading: func(id string) error {
		if id == "c-2" {
			return broken
		}
		return nil
	}}
	var out bytes.Buffer
	v := &view{format: "json"}
	err := v.show(t.Context(), deskOn(s, fleet(t, 100)), operate.Query{}, &out, &out)
	if !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "c-2: ") {
		t.Errorf("%v", err)
	}
	if !strings.Contains(out.String(), `"c-1"`) || json.Valid(out.Bytes()) {
		t.Errorf("want the rows before it, and an array that does not look whole: %s", out.String())
	}
}

func TestATableTellsWhatHoldsEachAccountBackOnce(t *testing.T) {
	t.Parallel()
	var out, notes bytes.Buffer
	p := &tablePrinter{out: &out, notes: &notes, id: 3, account: 4}
	later := noon.Add(time.Hour)
	held := &operate.Hold{Breaker: &operate.Breaker{Since: noon, Cause: "failed: unauthorized\x1b[2J", Next: later}, Paused: &later, Stopped: true}
	for _, r := range []operate.Row{
		{Credential: "a", Account: "mail", Held: held},
		{Credential: "b", Account: "mail", Held: held},
		{Credential: "c", Account: "free"},
		{Credential: "d", Account: "slow", Held: &operate.Hold{Paused: &later}},
	} {
		if err := p.row(r); err != nil {
			t.Fatal(err)
		}
	}
	want := `the breaker of account mail is open since 2026-11-21T12:00:00Z: failed: unauthorized\u001b[2J; next try at 2026-11-21T13:00:00Z
` + "all calls of account mail wait until 2026-11-21T13:00:00Z: its provider asked for it (`rotatectl unpause mail` ends that)\n" +
		"a queue of account mail is paused by a person: lift it with `rotatectl unpause`\n" +
		"all calls of account slow wait until 2026-11-21T13:00:00Z: its provider asked for it (`rotatectl unpause slow` ends that)\n"
	if err := p.end(); err != nil || notes.String() != want {
		t.Errorf("%v: %s\nwant\n%s", err, notes.String(), want)
	}
	if strings.Count(out.String(), "\n") != 5 {
		t.Errorf("a head and 4 rows: %s", out.String())
	}
}
