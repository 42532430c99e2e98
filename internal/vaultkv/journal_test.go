package vaultkv_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"keyturn/internal/rotation"
	"keyturn/internal/vaultkv"
)

func save(t *testing.T, v *vaultkv.Vault, cred *rotation.Credential, rec rotation.Record, cas int) int {
	t.Helper()
	version, err := v.Save(t.Context(), cred, rec, cas)
	if err != nil {
		t.Fatal(err)
	}
	return version
}

func load(t *testing.T, v *vaultkv.Vault, cred *rotation.Credential) rotation.Record {
	t.Helper()
	rec, err := v.Load(t.Context(), cred)
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

func TestLoadOfAMissingJournalIsClosedAtVersionZero(t *testing.T) {
	t.Parallel()
	rec := load(t, open(t, config()), newCredential())
	if rec.Version != 0 || rec.State != rotation.Closed || rec.RotationID != "" {
		t.Errorf("record %+v, want the zero one", rec)
	}
}

func TestSaveWithAStaleVersionWritesNothing(t *testing.T) {
	t.Parallel()
	v, cred := open(t, config()), newCredential()
	first := save(t, v, cred, rotation.Record{RotationID: "winner", State: rotation.Open}, 0)
	for _, cas := range []int{0, first + 1} {
		_, err := v.Save(t.Context(), cred, rotation.Record{RotationID: "loser"}, cas)
		if !errors.Is(err, rotation.ErrStale) {
			t.Errorf("save with check-and-set %d: %v, want ErrStale", cas, err)
		}
	}
	if rec := load(t, v, cred); rec.RotationID != "winner" || rec.Version != first {
		t.Errorf("journal of %q at version %d, want the winner's at %d", rec.RotationID, rec.Version, first)
	}
}

func TestOfManyWritersOneWins(t *testing.T) {
	t.Parallel()
	v, cred := open(t, config()), newCredential()
	const writers = 16
	results := make(chan error, writers)
	for range writers {
		go func() {
			_, err := v.Save(t.Context(), cred, rotation.Record{State: rotation.Open}, 0)
			results <- err
		}()
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
		t.Errorf("%d writers won, want 1", won)
	}
}

func TestAJournalThatWasDeletedByHandCanBeOpenedAgain(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"delete", "destroy"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			v, cred := open(t, config()), newCredential()
			old := save(t, v, cred, rotation.Record{RotationID: "old", State: rotation.Open}, 0)
			if how == "delete" {
				ask(t, http.MethodDelete, journalPath(t, "data", cred), nil)
			} else {
				ask(t, http.MethodPut, journalPath(t, "destroy", cred), map[string]any{"versions": []int{old}})
			}
			rec := load(t, v, cred)
			if rec.Version != old || rec.State != rotation.Closed || rec.RotationID != "" {
				t.Fatalf("record %+v, want a closed one at version %d", rec, old)
			}
			save(t, v, cred, rotation.Record{RotationID: "new", State: rotation.Open}, rec.Version)
			if rec := load(t, v, cred); rec.RotationID != "new" {
				t.Errorf("journal of %q, want the new one", rec.RotationID)
			}
		})
	}
}

// A version number that comes back would let a stale writer through (ABA). Neither closing nor deleting a version
// starts the count again; only deleting the metadata would, and keyturn's policy does not grant that.
func TestAVersionNumberNeverComesBack(t *testing.T) {
	t.Parallel()
	v, cred := open(t, config()), newCredential()
	stale := save(t, v, cred, rotation.Record{RotationID: "a", State: rotation.Open}, 0)
	closed := save(t, v, cred, rotation.Record{RotationID: "a"}, stale)
	ask(t, http.MethodDelete, journalPath(t, "data", cred), nil)
	save(t, v, cred, rotation.Record{RotationID: "b", State: rotation.Open}, closed)
	for cas := range closed + 1 {
		if _, err := v.Save(t.Context(), cred, rotation.Record{RotationID: "a"}, cas); !errors.Is(err, rotation.ErrStale) {
			t.Errorf("a writer that last saw version %d: %v, want ErrStale", cas, err)
		}
	}
}

func TestVersionsAreAllThatVaultKeptNewestFirst(t *testing.T) {
	t.Parallel()
	own := config()
	own.JournalMount = mount(t, "2", map[string]any{}) // what is written below would confuse tests that list the shared one
	v, cred := open(t, own), newCredential()
	const kept = 10
	for version := range kept + 2 {
		save(t, v, cred, rotation.Record{State: rotation.Open, Attempt: version + 1}, version)
	}
	ask(t, http.MethodPut, journalPathIn(t, own.JournalMount, "data", cred), map[string]any{"data": map[string]any{"schema": "canary"}})
	ask(t, http.MethodPut, journalPathIn(t, own.JournalMount, "delete", cred), map[string]any{"versions": []int{7, 12}})
	records, err := v.Versions(t.Context(), cred)
	if err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("error %v, want one about version 13, without its contents", err)
	}
	var got []int
	for _, rec := range records {
		if rec.Version != rec.Attempt {
			t.Errorf("version %d holds what was written as %d", rec.Version, rec.Attempt)
		}
		got = append(got, rec.Version)
	}
	if want := []int{11, 10, 9, 8, 6, 5, 4}; !slices.Equal(got, want) {
		t.Errorf("versions %v, want %v", got, want)
	}
}

func TestALostReplyIsUnknownAndNothingIsSentAgain(t *testing.T) {
	t.Parallel()
	var writes atomic.Int32
	server := httptest.NewServer(front{spoil: func(_ http.ResponseWriter, r *http.Request) bool {
		if !isWrite(r) {
			return false
		}
		writes.Add(1)
		_ = forward(r).Body.Close()
		panic(http.ErrAbortHandler) // committed, and the reply is lost
	}})
	defer server.Close()
	through := config()
	through.Address = server.URL
	v, cred := open(t, through), newCredential()

	_, err := v.Save(t.Context(), cred, rotation.Record{RotationID: "ours", State: rotation.Open}, 0)
	if err == nil || errors.Is(err, rotation.ErrStale) {
		t.Errorf("error %v, want one that is not ErrStale", err)
	}
	if n := writes.Load(); n != 1 {
		t.Errorf("%d writes were sent, want 1", n)
	}
	if rec := load(t, v, cred); rec.RotationID != "ours" {
		t.Errorf("journal of %q, want ours: the write had landed", rec.RotationID)
	}
}

func TestAReadWhoseConnectionBrokeIsSentAgain(t *testing.T) {
	t.Parallel()
	var reads atomic.Int32
	server := httptest.NewServer(front{spoil: func(_ http.ResponseWriter, r *http.Request) bool {
		// net/http itself sends a read again that broke on an old connection, once.
		if strings.Contains(r.URL.Path, "/data/") && reads.Add(1) <= 2 {
			panic(http.ErrAbortHandler)
		}
		return false
	}})
	defer server.Close()
	through := config()
	through.Address = server.URL
	if _, err := open(t, through).Load(t.Context(), newCredential()); err != nil {
		t.Error(err)
	}
}

func TestOnlyReadsAreRetried(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway, http.StatusPreconditionFailed} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			var writes, reads atomic.Int32
			server := httptest.NewServer(front{spoil: func(w http.ResponseWriter, r *http.Request) bool {
				if isWrite(r) {
					writes.Add(1)
				} else if r.URL.Path == "/v1/auth/token/lookup-self" || reads.Add(1) > 1 {
					return false
				}
				w.WriteHeader(status)
				return true
			}})
			defer server.Close()
			through := config()
			through.Address = server.URL
			v, cred := open(t, through), newCredential()
			if _, err := v.Save(t.Context(), cred, rotation.Record{}, 0); err == nil || errors.Is(err, rotation.ErrStale) {
				t.Errorf("save: %v, want an error that is not ErrStale", err)
			}
			if n := writes.Load(); n != 1 {
				t.Errorf("%d writes, want 1", n)
			}
			if _, err := v.Load(t.Context(), cred); err != nil {
				t.Errorf("load: %v, want the second try to succeed", err)
			}
		})
	}
}
