package vaultkv_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"keyturn/internal/rotation"
)

func TestEachJournalVisitsEveryJournalOnce(t *testing.T) {
	t.Parallel()
	own := config()
	own.JournalMount = mount(t, "2", map[string]any{})
	v := open(t, own)
	if err := v.EachJournal(t.Context(), "main", func(string, rotation.Record) error { return errors.New("visited") }); err != nil {
		t.Errorf("an empty mount: %v", err)
	}
	want := make(map[string]string)
	for i := range 40 {
		cred := newCredential()
		cred.ID = fmt.Sprintf("c%d@example.com", i)
		save(t, v, cred, rotation.Record{RotationID: "r" + cred.ID, State: rotation.Open}, 0)
		want[cred.ID] = "r" + cred.ID
	}
	// What keyturn would never look for, because it is not keyturn's.
	for _, path := range []string{"loose", "abc/not an id", "abc/c0@example.com", "abc/folder/deep"} {
		ask(t, http.MethodPut, own.JournalMount+"/data/"+path, map[string]any{"data": map[string]any{"x": "y"}})
	}
	err := v.EachJournal(t.Context(), "main", func(id string, rec rotation.Record) error {
		if rec.RotationID != want[id] || rec.Version != 1 || rec.State != rotation.Open {
			t.Errorf("journal of %s: %+v", id, rec)
		}
		delete(want, id)
		return nil
	})
	if err != nil || len(want) != 0 {
		t.Errorf("%d journals were not visited, error %v", len(want), err)
	}
}

func TestOneUnreadableJournalHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	own := config()
	own.JournalMount = mount(t, "2", map[string]any{})
	v := open(t, own)
	for _, id := range []string{"good", "newer", "broken", "deleted"} {
		cred := newCredential()
		cred.ID = id
		save(t, v, cred, rotation.Record{State: rotation.Open}, 0)
	}
	shards := ask(t, "LIST", own.JournalMount+"/metadata", nil)["keys"].([]any)
	for _, shard := range shards {
		folder := own.JournalMount + "/data/" + shard.(string)
		for _, id := range ask(t, "LIST", own.JournalMount+"/metadata/"+shard.(string), nil)["keys"].([]any) {
			switch id {
			case "newer":
				ask(t, http.MethodPut, folder+"newer", map[string]any{"data": map[string]any{"schema": rotation.Schema + 1}})
			case "broken":
				ask(t, http.MethodPut, folder+"broken", map[string]any{"data": map[string]any{"schema": "canary"}})
			case "deleted":
				ask(t, http.MethodDelete, folder+"deleted", nil)
			}
		}
	}
	visited := make(map[string]rotation.Record)
	err := v.EachJournal(t.Context(), "main", func(id string, rec rotation.Record) error {
		visited[id] = rec
		return nil
	})
	if err == nil || !strings.Contains(err.Error(), "/broken") || strings.Contains(err.Error(), "canary") {
		t.Errorf("error %v, want one that names the broken journal alone", err)
	}
	if len(visited) != 3 || visited["good"].State != rotation.Open || visited["newer"].Schema != rotation.Schema+1 ||
		visited["deleted"].State != rotation.Closed {
		t.Errorf("visited %+v, want good, newer and deleted", visited)
	}
}

func TestEachJournalStopsWhereItsCallerDoes(t *testing.T) {
	t.Parallel()
	own := config()
	own.JournalMount = mount(t, "2", map[string]any{})
	v, cred := open(t, own), newCredential()
	save(t, v, cred, openRecord, 0)
	enough := errors.New("enough")
	if err := v.EachJournal(t.Context(), "main", func(string, rotation.Record) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("error %v, want the caller's", err)
	}
	if err := v.EachJournal(t.Context(), "elsewhere", nil); err == nil {
		t.Error("an unknown store: no error")
	}
}
