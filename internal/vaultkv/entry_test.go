package vaultkv_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
	"keyturn/internal/vaultkv"
)

func read(t *testing.T, v *vaultkv.Vault, place rotation.Place) rotation.Entry {
	t.Helper()
	e, err := v.Read(t.Context(), place)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestReadOfAMissingSecretHasVersionZero(t *testing.T) {
	t.Parallel()
	if e := read(t, open(t, config()), newCredential().Place); e.Version != 0 || e.Deleted {
		t.Errorf("entry %+v, want the zero one", e)
	}
}

func TestAnEntryIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	v, place := open(t, config()), newCredential().Place
	want := rotation.Entry{
		Username: "alerts@example.com", Password: secret.New(`"\ <é>&`), RotationID: "r", Candidate: 2,
		Slot: time.Unix(1700000000, 123456789).UTC(), RotatedAt: time.Unix(1700000001, 0).UTC(),
		JournalVersion: 7, Verified: rotation.VerifiedYes,
	}
	if err := v.Write(t.Context(), place, want); err != nil {
		t.Fatal(err)
	}
	got := read(t, v, place)
	if !got.Password.Equal(want.Password) {
		t.Error("another password came back")
	}
	if got.Version != 1 || got.CreatedAt.IsZero() {
		t.Errorf("version %d of %s, want 1 and a time", got.Version, got.CreatedAt)
	}
	got.Version, got.CreatedAt, got.Rest, got.Password = 0, time.Time{}, nil, want.Password
	if !reflect.DeepEqual(got, want) {
		t.Errorf("entry %+v, want %+v", got, want)
	}
}

func TestWriteKeepsTheUsersOtherFields(t *testing.T) {
	t.Parallel()
	v, place := open(t, config()), newCredential().Place
	users := map[string]any{
		"host": "smtp.example.com", "port": json.Number("587"), "account": json.Number("9007199254740991"),
		"tls": true, "aliases": []any{"a", "b"}, "nested": map[string]any{"empty": nil},
	}
	put := map[string]any{"username": "kept@example.com", "password": "old"}
	for name, value := range users {
		put[name] = value
	}
	ask(t, http.MethodPut, "secret/data/"+place.Path, map[string]any{"data": put})

	e := read(t, v, place)
	e.Username, e.Password, e.RotationID = "", secret.New("new"), "r1"
	if err := v.Write(t.Context(), place, e); err != nil {
		t.Fatal(err)
	}
	after := rawData(t, place)
	for name, value := range users {
		want, _ := json.Marshal(value)
		if string(after[name]) != string(want) {
			t.Errorf("%s is %s, want %s", name, after[name], want)
		}
	}
	if string(after["password"]) != `"new"` || string(after["username"]) != `"kept@example.com"` || string(after["keyturn_rotation_id"]) != `"r1"` {
		t.Error("the password, the kept user name or the rotation id is not what was written")
	}
}

func TestWriteDoesNotOverwriteWhatAUserWroteInBetween(t *testing.T) {
	t.Parallel()
	v, place := open(t, config()), newCredential().Place
	before := read(t, v, place)
	ask(t, http.MethodPut, "secret/data/"+place.Path, map[string]any{"data": map[string]any{"note": "mine"}})
	before.Password = secret.New("p")
	if err := v.Write(t.Context(), place, before); !errors.Is(err, rotation.ErrStale) {
		t.Fatalf("write over a user's: %v, want ErrStale", err)
	}
	again := read(t, v, place)
	again.Password = secret.New("p")
	if err := v.Write(t.Context(), place, again); err != nil {
		t.Fatal(err)
	}
	if data := rawData(t, place); string(data["note"]) != `"mine"` || string(data["password"]) != `"p"` {
		t.Error("the second try did not merge with the user's field")
	}
}

func TestADeletedSecretCanBeWrittenAgain(t *testing.T) {
	t.Parallel()
	v, place := open(t, config()), newCredential().Place
	for range 2 {
		e := read(t, v, place)
		e.Password = secret.New("p")
		if err := v.Write(t.Context(), place, e); err != nil {
			t.Fatal(err)
		}
	}
	ask(t, http.MethodDelete, "secret/data/"+place.Path, nil)
	e := read(t, v, place)
	if e.Version != 2 || !e.Deleted || !e.Password.IsZero() {
		t.Fatalf("entry %+v, want version 2, deleted and empty", e)
	}
	e.Password = secret.New("q")
	if err := v.Write(t.Context(), place, e); err != nil {
		t.Fatal(err)
	}
	if e := read(t, v, place); e.Version != 3 || e.Deleted {
		t.Errorf("version %d, deleted %t; want 3, false", e.Version, e.Deleted)
	}
}

func TestPasswordReachesBackAsFarAsVaultKept(t *testing.T) {
	t.Parallel()
	v, place := open(t, config()), newCredential().Place
	for version, password := range []string{"first", "second", "third"} {
		if err := v.Write(t.Context(), place, rotation.Entry{Version: version, Password: secret.New(password)}); err != nil {
			t.Fatal(err)
		}
	}
	ask(t, http.MethodPut, "secret/destroy/"+place.Path, map[string]any{"versions": []int{2}})
	for version, want := range []string{"", "first", "", "third", ""} {
		got, err := v.Password(t.Context(), place, version)
		if err != nil || got.Reveal() != want {
			t.Errorf("version %d: another password than expected, or error %v", version, err)
		}
	}
}

func TestWriteRefusesAnEmptyPassword(t *testing.T) {
	t.Parallel()
	v, place := open(t, config()), newCredential().Place
	if err := v.Write(t.Context(), place, rotation.Entry{Username: "u"}); err == nil {
		t.Error("an empty password was written")
	}
}

func TestAWrongMountIsNotAMissingSecret(t *testing.T) {
	t.Parallel()
	wrong := config()
	wrong.Mount, wrong.JournalMount = "missing", "missing-journal"
	v, cred := open(t, wrong), newCredential()
	if _, err := v.Read(t.Context(), cred.Place); !errors.Is(err, vaultkv.ErrNoMount) {
		t.Errorf("read: %v, want ErrNoMount", err)
	}
	if _, err := v.Load(t.Context(), cred); !errors.Is(err, vaultkv.ErrNoMount) {
		t.Errorf("load: %v, want ErrNoMount", err)
	}
}

func TestFieldNamesAreTheStores(t *testing.T) {
	t.Parallel()
	named := config()
	named.Fields = vaultkv.Fields{Username: "user", Password: "pass", RotationID: "by"}
	v, place := open(t, named), newCredential().Place
	if err := v.Write(t.Context(), place, rotation.Entry{Username: "u", Password: secret.New("p"), RotationID: "r"}); err != nil {
		t.Fatal(err)
	}
	data := rawData(t, place)
	if string(data["user"]) != `"u"` || string(data["pass"]) != `"p"` || string(data["by"]) != `"r"` || len(data) != 3 {
		t.Error("the fields are not user, pass and by")
	}
}

func TestAFieldThatCannotBeReadIsNamedWithoutItsValue(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]any{
		"keyturn_candidate": "canary", "keyturn_slot": "canary", "password": []any{"canary"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, place := open(t, config()), newCredential().Place
			ask(t, http.MethodPut, "secret/data/"+place.Path, map[string]any{"data": map[string]any{name: value}})
			_, err := v.Read(t.Context(), place)
			if err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "canary") {
				t.Errorf("error %v, want one with the field's name alone", err)
			}
		})
	}
}

func TestAnyPathThatVaultAllowsIsReached(t *testing.T) {
	t.Parallel()
	v := open(t, config())
	place := newCredential().Place
	place.Path += `/team mail/ü?a=b&c#d%2fe+f;g\h"i*`
	if err := v.Write(t.Context(), place, rotation.Entry{Password: secret.New("p")}); err != nil {
		t.Fatal(err)
	}
	if e := read(t, v, place); e.Password.Reveal() != "p" {
		t.Error("another secret came back")
	}
}

func TestAPathNeverLeavesItsMount(t *testing.T) {
	t.Parallel()
	var sent string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { sent = r.URL.Path }))
	defer server.Close()
	away := config()
	away.Address = server.URL
	v := open(t, away)
	for _, path := range []string{"", "/", "a/", "/a", "a//b", "..", "a/../../sys/seal", "./a", "a/.", "a\x00b", "a\nb", "\xff"} {
		if _, err := v.Read(t.Context(), rotation.Place{Store: "main", Path: path}); err == nil {
			t.Errorf("read of %q: no error", path)
		}
		if err := v.Write(t.Context(), rotation.Place{Store: "main", Path: path}, rotation.Entry{Password: secret.New("p")}); err == nil {
			t.Errorf("write of %q: no error", path)
		}
	}
	for _, id := range []string{"", ".", "..", "a/b", "../x", "A", "a b", "a%2fb", strings.Repeat("a", 129), "é"} {
		cred := &rotation.Credential{ID: id, Place: rotation.Place{Store: "main", Path: "x"}}
		if _, err := v.Load(t.Context(), cred); err == nil {
			t.Errorf("journal of %q: no error", id)
		}
	}
	if sent != "" {
		t.Errorf("a request for %s was sent", sent)
	}
}
