package vaultkv_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"keyturn/internal/freeze"
	"keyturn/internal/rotation"
	"keyturn/internal/vaultkv"
)

// ownJournals is a store whose journals, and freezes, no other test sees.
func ownJournals(t *testing.T) vaultkv.StoreConfig {
	t.Helper()
	c := config()
	c.JournalMount = mount(t, "2", map[string]any{})
	return c
}

func TestFreezesAreKeptStoreByStoreUnderCheckAndSet(t *testing.T) {
	t.Parallel()
	v := openAll(t, map[string]vaultkv.StoreConfig{"main": ownJournals(t), "other": ownJournals(t)})
	if set, version, err := v.LoadFreezes(t.Context(), "main"); len(set) != 0 || version != 0 || err != nil {
		t.Fatalf("none yet: %v, version %d, %v", set, version, err)
	}
	until := time.Date(2027, 1, 7, 8, 0, 0, 0, time.UTC)
	year := freeze.Set{{Scope: freeze.Scope{Account: "ses", Owner: "shop", Labels: map[string]string{"tier": "gold"}}, Until: until, Reason: "year end", By: "ann@host"}}
	if err := v.SaveFreezes(t.Context(), "main", year, 0); err != nil {
		t.Fatal(err)
	}
	set, version, err := v.LoadFreezes(t.Context(), "main")
	if err != nil || version != 1 || len(set) != 1 || set[0].String() != year[0].String() || !set[0].Until.Equal(until) || set[0].Reason != "year end" || set[0].By != "ann@host" {
		t.Errorf("%+v, version %d, %v", set, version, err)
	}
	if err := v.SaveFreezes(t.Context(), "main", nil, 0); !errors.Is(err, rotation.ErrStale) {
		t.Errorf("written over another person's: %v", err)
	}
	if set, err := v.Freezes(t.Context(), "other"); len(set) != 0 || err != nil {
		t.Errorf("the other store has %v, %v", set, err)
	}
	if err := v.EachJournal(t.Context(), "main", func(id string, _ rotation.Record) error {
		t.Errorf("%s counts as a journal", id)
		return nil
	}); err != nil {
		t.Error(err)
	}
}

func TestARecordOfFreezesThatCannotBeReadIsNotTakenForNone(t *testing.T) {
	t.Parallel()
	for what, record := range map[string]map[string]any{
		"no schema":   {"freezes": []any{}},
		"no end":      {"schema": 1, "freezes": []any{map[string]any{"reason": "x"}}},
		"not a list":  {"schema": 1, "freezes": "all"},
		"not a time":  {"schema": 1, "freezes": []any{map[string]any{"until": "soon"}}},
		"of a person": {"frozen": "yes"},
	} {
		c := ownJournals(t)
		ask(t, http.MethodPut, c.JournalMount+"/data/freezes", map[string]any{"data": record})
		if set, err := open(t, c).Freezes(t.Context(), "main"); !errors.Is(err, vaultkv.ErrFreezes) {
			t.Errorf("%s: %v, %v", what, set, err)
		}
	}
	c := ownJournals(t)
	ask(t, http.MethodPut, c.JournalMount+"/data/freezes", map[string]any{"data": map[string]any{"schema": 2, "freezes": []any{}}})
	if set, err := open(t, c).Freezes(t.Context(), "main"); !errors.Is(err, rotation.ErrNewerSchema) {
		t.Errorf("a newer version's: %v, %v", set, err)
	}
}
