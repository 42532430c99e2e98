package vaultkv_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"testing"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

func TestAFencePutsBackEveryFieldAsItStood(t *testing.T) {
	t.Parallel()
	v, place := open(t, config()), newCredential().Place
	ask(t, http.MethodPut, "secret/data/"+place.Path, map[string]any{"data": map[string]any{
		"username": "u", "password": "p", "port": json.Number("9007199254740991"), "nested": map[string]any{"empty": nil},
	}})
	before, e := rawData(t, place), read(t, v, place)
	if err := v.Fence(t.Context(), place, e); err != nil {
		t.Fatal(err)
	}
	if after := rawData(t, place); !reflect.DeepEqual(after, before) {
		t.Errorf("the fence left %d fields, or changed one", len(after))
	}
	if again := read(t, v, place); again.Version != e.Version+1 {
		t.Errorf("version %d after %d", again.Version, e.Version)
	}
	if err := v.Fence(t.Context(), place, e); !errors.Is(err, rotation.ErrStale) {
		t.Errorf("a fence on a version that is not the newest: %v", err)
	}
	e.Password = secret.New("late")
	if err := v.Write(t.Context(), place, e); !errors.Is(err, rotation.ErrStale) {
		t.Errorf("a promotion by a run that read before the fence: %v", err)
	}
}

func TestAFenceWhereNothingStoodLeavesAnEntryWithoutAPassword(t *testing.T) {
	t.Parallel()
	v, place := open(t, config()), newCredential().Place
	if err := v.Fence(t.Context(), place, read(t, v, place)); err != nil {
		t.Fatal(err)
	}
	if e := read(t, v, place); e.Version != 1 || e.Deleted || !e.Password.IsZero() || len(rawData(t, place)) != 0 {
		t.Errorf("version %d, deleted %v", e.Version, e.Deleted)
	}
}

// rawData reads a secret without keyturn, each field as Vault spells it.
func rawData(t *testing.T, place rotation.Place) map[string]json.RawMessage {
	t.Helper()
	text, err := json.Marshal(ask(t, http.MethodGet, "secret/data/"+place.Path, nil)["data"])
	if err != nil {
		t.Fatal(err)
	}
	var data map[string]json.RawMessage
	if err := json.Unmarshal(text, &data); err != nil {
		t.Fatal(err)
	}
	return data
}
