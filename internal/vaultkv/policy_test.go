package vaultkv_test

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
	"keyturn/internal/vaultkv"
)

// policyFile is a policy as it ships.
func policyFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../deploy/vault/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// tokenWith returns a token of an AppRole with the given policy and no other.
func tokenWith(t *testing.T, auth vaultkv.Auth) string {
	t.Helper()
	made := ask(t, http.MethodPut, "auth/"+auth.Mount+"/login", map[string]any{
		"role_id": auth.Role, "secret_id": auth.Secret.Reveal(),
	})
	return made["client_token"].(string)
}

// forbidden is what neither a process nor an operator may do. JOURNAL and CURRENT stand for the paths of a credential that
// exists.
var forbidden = []struct{ method, path string }{
	{http.MethodDelete, "keyturn-journal/metadata/JOURNAL"},
	{http.MethodDelete, "keyturn-journal/data/JOURNAL"},
	{http.MethodPut, "keyturn-journal/delete/JOURNAL"},
	{http.MethodPut, "keyturn-journal/undelete/JOURNAL"},
	{http.MethodPut, "keyturn-journal/destroy/JOURNAL"},
	{http.MethodPut, "keyturn-journal/metadata/JOURNAL"},
	{http.MethodGet, "keyturn-journal/metadata/JOURNAL"},
	{http.MethodPut, "keyturn-journal/config"},
	{http.MethodDelete, "secret/metadata/CURRENT"},
	{http.MethodDelete, "secret/data/CURRENT"},
	{http.MethodPut, "secret/destroy/CURRENT"},
	{http.MethodGet, "secret/metadata/CURRENT"},
	{"LIST", "secret/metadata/mail"},
	{"LIST", "secret/metadata"},
	{http.MethodPut, "secret/config"},
	{http.MethodGet, "secret/data/someone/else"},
	{http.MethodPut, "secret/data/someone/else"},
	{http.MethodPut, "secret/data/keyturn/keys"},
	{http.MethodGet, "sys/mounts"},
	{http.MethodPut, "sys/mounts/another"},
	{http.MethodPut, "sys/policies/acl/mine"},
	{http.MethodGet, "sys/policies/acl/root"},
	{http.MethodPut, "sys/seal"},
	{http.MethodGet, "sys/auth"},
	{http.MethodPut, "auth/token/create"},
	{http.MethodPut, "auth/token/lookup"},
	{http.MethodPut, "cubbyhole/mine"},
	{http.MethodPut, "sys/wrapping/wrap"},
}

func wantForbidden(t *testing.T, token, method, path string) {
	t.Helper()
	if status, _ := askAs(t, token, method, path, map[string]any{"data": map[string]any{"a": "b"}}); status != http.StatusForbidden {
		t.Errorf("%s %s: HTTP %d, want %d", method, path, status, http.StatusForbidden)
	}
}

// prepared is a credential with a journal and a password.
func prepared(t *testing.T) (cred *rotation.Credential, journal, current string) {
	t.Helper()
	v, cred := open(t, config()), newCredential()
	save(t, v, cred, openRecord, 0)
	if err := v.Write(t.Context(), cred.Place, rotation.Entry{Password: secret.New("p")}); err != nil {
		t.Fatal(err)
	}
	return cred, journalPath(t, "data", cred)[len("keyturn-journal/data/"):], cred.Place.Path
}

func TestTheWorkersPolicyAllowsARotationAndNothingElse(t *testing.T) {
	t.Parallel()
	worker := config()
	worker.Auth = appRole(t, roleOptions{policy: policyFile(t, "keyturn-worker.hcl")})
	v := open(t, worker)
	cred := newCredential()
	if err := v.Check(t.Context(), vaultkv.ReadWrite, cred.Place); err != nil {
		t.Error(err)
	}
	version := save(t, v, cred, openRecord, load(t, v, cred).Version)
	e := read(t, v, cred.Place)
	e.Password = secret.New("p")
	if err := v.Write(t.Context(), cred.Place, e); err != nil {
		t.Error(err)
	}
	save(t, v, cred, rotation.Record{RotationID: "r"}, version)
	if records, err := v.Versions(t.Context(), cred); err != nil || len(records) != 2 {
		t.Errorf("%d versions of the journal, error %v; want 2", len(records), err)
	}
	if old, err := v.Password(t.Context(), cred.Place, 1); err != nil || old.IsZero() {
		t.Errorf("the first version's password: empty %t, error %v", old.IsZero(), err)
	}
	ask(t, http.MethodPut, "secret/data/keyturn/"+cred.ID, map[string]any{"data": map[string]any{"key": "k"}})
	if key, err := v.ReadField(t.Context(), "main", "keyturn/"+cred.ID, "key"); err != nil || key.Reveal() != "k" {
		t.Errorf("a management key: %v", err)
	}

	token := tokenWith(t, worker.Auth)
	_, journal, current := prepared(t)
	paths := strings.NewReplacer("JOURNAL", journal, "CURRENT", current)
	for _, call := range forbidden {
		wantForbidden(t, token, call.method, paths.Replace(call.path))
	}
	wantForbidden(t, token, "LIST", "keyturn-journal/metadata")
}

func TestTheOperatorsPolicyAllowsWhatRotatectlDoesAndNothingElse(t *testing.T) {
	t.Parallel()
	operator := config()
	operator.Auth = appRole(t, roleOptions{policy: policyFile(t, "keyturn-operator.hcl")})
	v := open(t, operator)
	cred, journal, current := prepared(t)
	for _, access := range []vaultkv.Access{vaultkv.ReadOnly, vaultkv.ReadWrite} {
		if err := v.Check(t.Context(), access, cred.Place); err != nil {
			t.Error(err)
		}
	}
	found := false
	err := v.EachJournal(t.Context(), "main", func(id string, _ rotation.Record) error {
		found = found || id == cred.ID
		return nil
	})
	if err != nil || !found {
		t.Errorf("the journal was found: %t, error %v", found, err)
	}
	save(t, v, cred, openRecord, load(t, v, cred).Version)
	e := read(t, v, cred.Place)
	e.Password = secret.New("adopted")
	if err := v.Write(t.Context(), cred.Place, e); err != nil {
		t.Error(err)
	}
	ask(t, http.MethodPut, "secret/data/keyturn/"+cred.ID, map[string]any{"data": map[string]any{"key": "k"}})
	if key, err := v.ReadField(t.Context(), "main", "keyturn/"+cred.ID, "key"); err != nil || key.Reveal() != "k" {
		t.Errorf("a management key: %v", err)
	}

	token := tokenWith(t, operator.Auth)
	paths := strings.NewReplacer("JOURNAL", journal, "CURRENT", current)
	for _, call := range forbidden {
		wantForbidden(t, token, call.method, paths.Replace(call.path))
	}
}

func TestTheSchedulersPolicyAllowsLookingAndNothingElse(t *testing.T) {
	t.Parallel()
	scheduler := config()
	scheduler.Auth = appRole(t, roleOptions{policy: policyFile(t, "keyturn-scheduler.hcl")})
	v := open(t, scheduler)
	cred, journal, current := prepared(t)
	if err := v.Check(t.Context(), vaultkv.ReadOnly, cred.Place); err != nil {
		t.Error(err)
	}
	if e := read(t, v, cred.Place); e.Version != 1 {
		t.Errorf("version %d, want 1", e.Version)
	}
	found := false
	err := v.EachJournal(t.Context(), "main", func(id string, rec rotation.Record) error {
		found = found || (id == cred.ID && rec.State == rotation.Open)
		return nil
	})
	if err != nil || !found {
		t.Errorf("the open journal was found: %t, error %v", found, err)
	}

	token := tokenWith(t, scheduler.Auth)
	paths := strings.NewReplacer("JOURNAL", journal, "CURRENT", current)
	for _, call := range forbidden {
		wantForbidden(t, token, call.method, paths.Replace(call.path))
	}
	wantForbidden(t, token, http.MethodPut, "keyturn-journal/data/"+journal)
	wantForbidden(t, token, http.MethodPut, "secret/data/"+current)
	wantForbidden(t, token, http.MethodGet, "secret/data/keyturn/keys")
}
