package rotationtest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

func (h StoreHarness) read(t *testing.T) rotation.Entry {
	t.Helper()
	e, err := h.Read(t.Context(), h.Credential.Place)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func (h StoreHarness) write(t *testing.T, e rotation.Entry) {
	t.Helper()
	if err := h.Write(t.Context(), h.Credential.Place, e); err != nil {
		t.Fatal(err)
	}
}

func testEntryFields(t *testing.T, h StoreHarness) {
	t.Helper()
	e := h.read(t)
	if e.Version != 1 || e.Deleted || !e.Password.Equal(Old) {
		t.Fatalf("at first version %d, deleted %v, the old password %v", e.Version, e.Deleted, e.Password.Equal(Old))
	}
	at := time.Date(2026, 3, 4, 5, 6, 7, 89_000, time.UTC)
	e.Target, e.ID, e.Username, e.Password, e.RotationID, e.Candidate = "alerts@example.com", "identity", "alerts", secret.New(`n"e\w`), "id", 2
	e.Slot, e.RotatedAt, e.JournalVersion, e.Verified = at, at.Add(time.Second), 3, rotation.VerifiedYes
	mustBeFull(t, e, "CreatedAt", "Deleted", "Rest", "Fields")
	h.write(t, e)
	got := h.read(t)
	if got.Version != 2 {
		t.Errorf("version %d, want 2", got.Version)
	}
	// These are the store's own.
	e.Version, e.CreatedAt, e.Rest = got.Version, got.CreatedAt, nil
	got.Rest = nil
	if !reflect.DeepEqual(got, e) {
		t.Errorf("got %+v\nwant %+v", got, e)
	}
}

func testStaleEntry(t *testing.T, h StoreHarness) {
	t.Helper()
	e := h.read(t)
	e.Password = secret.New("first")
	h.write(t, e)
	for _, version := range []int{0, 1, 3, 99} {
		e.Version, e.Password = version, secret.New("late")
		if err := h.Write(t.Context(), h.Credential.Place, e); !errors.Is(err, rotation.ErrStale) {
			t.Errorf("a write over version %d: %v, want ErrStale", version, err)
		}
	}
	if got := h.read(t); got.Version != 2 || !got.Password.Equal(secret.New("first")) {
		t.Errorf("version %d, the first write's: %v", got.Version, got.Password.Equal(secret.New("first")))
	}
}

func testEntryRace(t *testing.T, h StoreHarness) {
	t.Helper()
	e := h.read(t)
	e.Password = secret.New("p")
	oneWins(t, func(ctx context.Context) error { return h.Write(ctx, h.Credential.Place, e) })
	if v := h.read(t).Version; v != 2 {
		t.Errorf("version %d, want 2", v)
	}
}

func testEntryCancelled(t *testing.T, h StoreHarness) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	e := h.read(t)
	e.Password = secret.New("p")
	if err := h.Write(ctx, h.Credential.Place, e); err == nil || errors.Is(err, rotation.ErrStale) {
		t.Errorf("got %v, want an error that is not ErrStale", err)
	}
	if got := h.read(t); got.Version != 1 || !got.Password.Equal(Old) {
		t.Errorf("version %d, want 1 with the old password", got.Version)
	}
}

func testEarlierPasswords(t *testing.T, h StoreHarness) {
	t.Helper()
	want := map[int]secret.Value{1: Old, 9: {}}
	for version := 2; version < 5; version++ {
		e := h.read(t)
		e.Password = secret.New(fmt.Sprintf("password %d", version))
		h.write(t, e)
		want[version] = e.Password
	}
	for version, password := range want {
		got, err := h.Password(t.Context(), h.Credential.Place, version)
		if err != nil || !got.Equal(password) {
			t.Errorf("version %d: another password, or error %v", version, err)
		}
	}
}

func testUserFields(t *testing.T, h StoreHarness) {
	t.Helper()
	for _, password := range []string{"a", "b"} {
		e := h.read(t)
		e.Password, e.RotationID = secret.New(password), password
		h.write(t, e)
		if now, put := h.Note(t); now != put || put == "" {
			t.Errorf("the user's field is %q, they had put %q", now, put)
		}
	}
}

func testDeleted(t *testing.T, h StoreHarness) {
	t.Helper()
	if h.Delete == nil {
		return
	}
	h.Delete(t)
	e := h.read(t)
	if e.Version != 1 || !e.Deleted || !e.Password.IsZero() {
		t.Fatalf("version %d, deleted %v, without a password %v", e.Version, e.Deleted, e.Password.IsZero())
	}
	if gone, err := h.Password(t.Context(), h.Credential.Place, 1); err != nil || !gone.IsZero() {
		t.Errorf("the deleted version still has a password, or error %v", err)
	}
	e.Password = secret.New("again")
	h.write(t, e)
	if got := h.read(t); got.Version != 2 || got.Deleted || !got.Password.Equal(e.Password) {
		t.Errorf("version %d, deleted %v, the new password %v", got.Version, got.Deleted, got.Password.Equal(e.Password))
	}
}

func testNowhere(t *testing.T, h StoreHarness) {
	t.Helper()
	if h.Nowhere == (rotation.Place{}) {
		return
	}
	e, err := h.Read(t.Context(), h.Nowhere)
	if err != nil || !reflect.DeepEqual(e, rotation.Entry{}) {
		t.Errorf("got %+v (%v), want the zero entry", e, err)
	}
	if password, err := h.Password(t.Context(), h.Nowhere, 1); err != nil || !password.IsZero() {
		t.Errorf("a password of a secret that never was, or error %v", err)
	}
	e.Password = secret.New("first")
	if err := h.Write(t.Context(), h.Nowhere, e); err != nil {
		t.Fatal(err)
	}
	if got, err := h.Read(t.Context(), h.Nowhere); err != nil || got.Version != 1 || !got.Password.Equal(e.Password) {
		t.Errorf("version %d (%v), want 1", got.Version, err)
	}
	if err := h.Write(t.Context(), h.Nowhere, e); !errors.Is(err, rotation.ErrStale) {
		t.Errorf("a second write that expects nothing there: %v, want ErrStale", err)
	}
}
