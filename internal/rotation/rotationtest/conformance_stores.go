package rotationtest

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// StoreHarness is one store with a credential of which it knows nothing but a secret, which a person has put at its
// place with the password Old and a field of their own.
type StoreHarness struct {
	rotation.Journals
	rotation.Secrets
	Credential *rotation.Credential
	// Note returns the person's own field as it stands at the place now, and what they put there.
	Note func(t *testing.T) (now, put string)
	// Delete removes the newest version of the secret, as a person would. A store may lack the means: nil.
	Delete func(t *testing.T)
	// Nowhere is a place at which nothing was ever written; zero where the store has one place only.
	Nowhere rotation.Place
}

// Stores holds a store to the contracts of rotation.Journals and rotation.Secrets. The model that the state machine
// is explored against passes it as the real store does, so that the two agree.
func Stores(t *testing.T, open func(t *testing.T) StoreHarness) {
	t.Helper()
	tests := map[string]func(*testing.T, StoreHarness){
		"a journal that never was is closed at version 0": testNoJournal,
		"every field of a journal survives":               testJournalFields,
		"a stale journal write changes nothing":           testStaleJournal,
		"a saved journal is a copy":                       testJournalCopy,
		"of many writers one opens the journal":           testJournalRace,
		"a journal under a dead context is not written":   testJournalCancelled,
		"every field of a secret survives":                testEntryFields,
		"a stale secret write changes nothing":            testStaleEntry,
		"of many writers one promotes":                    testEntryRace,
		"a secret under a dead context is not written":    testEntryCancelled,
		"earlier passwords stay readable":                 testEarlierPasswords,
		"a user's own fields stay":                        testUserFields,
		"a deleted secret keeps its version":              testDeleted,
		"a secret that never was has version 0":           testNowhere,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { t.Parallel(); test(t, open(t)) })
	}
}

// full is a record of which every field says something, whether or not they go together.
func full() rotation.Record {
	at := func(minute int) time.Time { return time.Date(2026, 3, 4, 5, minute, 7, 89_000, time.UTC) }
	return rotation.Record{
		Version: 1, Schema: rotation.Schema, State: rotation.Quarantined, RotationID: "id", Slot: at(1), Reason: rotation.ReasonDrift,
		RequestedBy: "ann@host", Attempt: 3, Owner: "host/1", OpenedAt: at(2), TouchedAt: at(3), Account: "acme",
		Mode: rotation.ModeIssuer, Target: "alerts@example.com", Username: "alerts", Login: "login", Strategy: rotation.StrategyPair, Fields: map[string]string{"from": "alerts@example.com"},
		BaseTarget: "news@example.com", BaseLogin: "news", QuietAt: at(14),
		Place: rotation.Place{Store: "main", Path: "mail/alerts"}, BaseVersion: 4, BasePassword: secret.New("base"),
		Policy: "fingerprint",
		Candidates: []rotation.Candidate{
			{Number: 1, Value: secret.New(`p"1\`), State: rotation.Doubtful, Sends: 2, Denied: true, At: at(4)},
			{Number: 2, State: rotation.Intent, At: at(5)},
			{Number: 2, Value: secret.New("p2"), ID: "identity", Login: "login", State: rotation.Accepted, Synced: true, At: at(6)},
			{Number: 3, Value: secret.New("p3"), State: rotation.RefusedByRule, At: at(7)},
			{Number: 4, State: rotation.Dead, At: at(8)},
			{Number: 5, Value: secret.New("p5"), State: rotation.Staged, At: at(9)},
		},
		Doubted: true, LostGenerations: 6, Why: "because", Since: at(10), RecheckAt: at(11),
		CurrentVersion: 5, Repairs: 1, RaisedAt: at(13),
		Identities: rotation.Identities{
			Account: "acme", Target: "example.com", Owner: "ours", Grace: time.Hour, Used: "used", UsedAccount: "acme", UsedTarget: "example.com", Kept: []string{"kept"},
			Retire: []rotation.Retiring{{ID: "one", Account: "acme", Target: "example.com", NotBefore: at(15)}, {ID: "other"}},
		},
		LastError: &rotation.Refusal{Kind: "repeat", Code: "Code", RequestID: "request", At: at(12)},
	}
}

// mustBeFull fails for a field that was added without a value here.
func mustBeFull(t *testing.T, value any, except ...string) {
	t.Helper()
	v := reflect.ValueOf(value)
fields:
	for i := range v.NumField() {
		for _, name := range except {
			if v.Type().Field(i).Name == name {
				continue fields
			}
		}
		if v.Field(i).IsZero() {
			t.Fatalf("the sample has no value for %s.%s", v.Type(), v.Type().Field(i).Name)
		}
	}
}

func (h StoreHarness) save(t *testing.T, rec rotation.Record, cas int) {
	t.Helper()
	if version, err := h.Save(t.Context(), h.Credential, rec, cas); err != nil || version != cas+1 {
		t.Fatalf("saved as version %d (%v), want %d", version, err, cas+1)
	}
}

func (h StoreHarness) load(t *testing.T) rotation.Record {
	t.Helper()
	rec, err := h.Load(t.Context(), h.Credential)
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

func testNoJournal(t *testing.T, h StoreHarness) {
	t.Helper()
	if rec := h.load(t); !reflect.DeepEqual(rec, rotation.Record{}) || rec.State != rotation.Closed {
		t.Errorf("got %+v, want the zero record", rec)
	}
}

func testJournalFields(t *testing.T, h StoreHarness) {
	t.Helper()
	rec := full()
	mustBeFull(t, rec)
	h.save(t, rec, 0)
	if got := h.load(t); !reflect.DeepEqual(got, rec) {
		t.Errorf("got %+v\nwant %+v", got, rec)
	}
	for version := 1; version < 4; version++ {
		h.save(t, rotation.Record{Schema: rotation.Schema, State: rotation.State(version % 3), Attempt: version}, version)
		if got := h.load(t); got.Version != version+1 || got.Attempt != version || got.State != rotation.State(version%3) || got.Candidates != nil {
			t.Errorf("version %d holds %+v", version+1, got)
		}
	}
}

func testStaleJournal(t *testing.T, h StoreHarness) {
	t.Helper()
	h.save(t, rotation.Record{State: rotation.Open, RotationID: "a"}, 0)
	h.save(t, rotation.Record{State: rotation.Open, RotationID: "b"}, 1)
	for _, cas := range []int{0, 1, 3, 99} {
		if _, err := h.Save(t.Context(), h.Credential, rotation.Record{RotationID: "late"}, cas); !errors.Is(err, rotation.ErrStale) {
			t.Errorf("a save over version %d: %v, want ErrStale", cas, err)
		}
	}
	if rec := h.load(t); rec.Version != 2 || rec.RotationID != "b" {
		t.Errorf("version %d of %q, want 2 of b", rec.Version, rec.RotationID)
	}
}

func testJournalCopy(t *testing.T, h StoreHarness) {
	t.Helper()
	rec := full()
	h.save(t, rec, 0)
	rec.Candidates[0].State = rotation.Dead
	loaded := h.load(t)
	loaded.Candidates[1].State = rotation.Accepted
	if got := h.load(t).Candidates; got[0].State != rotation.Doubtful || got[1].State != rotation.Intent {
		t.Error("a caller's change reached the store without a save")
	}
}

const writers = 8

func testJournalRace(t *testing.T, h StoreHarness) {
	t.Helper()
	oneWins(t, func(ctx context.Context) error {
		_, err := h.Save(ctx, h.Credential, rotation.Record{State: rotation.Open}, 0)
		return err
	})
	if v := h.load(t).Version; v != 1 {
		t.Errorf("the journal is at version %d, want 1", v)
	}
}

// oneWins lets many write at once over the same version.
func oneWins(t *testing.T, write func(context.Context) error) {
	t.Helper()
	results := make(chan error, writers)
	for range writers {
		go func() { results <- write(t.Context()) }()
	}
	won := 0
	for range writers {
		switch err := <-results; {
		case err == nil:
			won++
		case !errors.Is(err, rotation.ErrStale):
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d of %d writers won, want 1", won, writers)
	}
}

func testJournalCancelled(t *testing.T, h StoreHarness) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Save(ctx, h.Credential, rotation.Record{State: rotation.Open}, 0); err == nil || errors.Is(err, rotation.ErrStale) {
		t.Errorf("got %v, want an error that is not ErrStale", err)
	}
	if v := h.load(t).Version; v != 0 {
		t.Errorf("the journal is at version %d, want 0", v)
	}
}
