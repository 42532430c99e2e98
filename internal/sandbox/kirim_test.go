package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	kirimGUID   = "92703823-f3a4-48e2-8e87-7adf25454800"
	kirimTarget = "example.com/" + kirimGUID
)

func (b *bench) kirim(method, path, body string) answered {
	r := b.request(method, b.Ready().Providers[KirimEmail]+"/api/domains/"+path, body)
	r.SetBasicAuth("api", "test-token")
	return b.do(r)
}

func (b *bench) resetKirim() answered {
	return b.kirim(http.MethodPut, "example.com/credentials/"+kirimGUID+"/reset-password", "")
}

// kirimReply is every field of KIRIM.EMAIL's answers to one credential.
type kirimReply struct {
	Success bool
	Message string
	Data    struct {
		Credential   kirimCredential
		Password     string
		NewPassword  string         `json:"new_password"`
		StrengthInfo map[string]any `json:"strength_info"`
		RemoteSynced bool           `json:"remote_synced"`
	}
}

func readKirim(t *testing.T, a answered) kirimReply {
	t.Helper()
	var out kirimReply
	if err := json.Unmarshal([]byte(a.body), &out); err != nil {
		t.Fatalf("no KIRIM.EMAIL reply: %d %q %v", a.status, a.body, a.err)
	}
	return out
}

func TestKirimResetMakesAPasswordThatSMTPAccepts(t *testing.T) {
	t.Parallel()
	b := start(t)
	first := readKirim(t, b.resetKirim())
	a := b.resetKirim()
	second := readKirim(t, a)
	if a.status != http.StatusOK || !second.Success || !second.Data.RemoteSynced || second.Data.Credential.Username != "myuser" ||
		second.Data.Credential.GUID != kirimGUID || len(second.Data.StrengthInfo) == 0 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if first.Data.NewPassword == second.Data.NewPassword {
		t.Error("two resets made the same password")
	}
	for _, user := range []string{"myuser@example.com", "myuser"} {
		if code := b.login(KirimEmail, user, second.Data.NewPassword); code != 235 {
			t.Errorf("%s with the new password: %d", user, code)
		}
		if code := b.login(KirimEmail, user, first.Data.NewPassword); code != 535 {
			t.Errorf("%s with the old password: %d", user, code)
		}
	}
}

func TestKirimRefusesAsDocumented(t *testing.T) {
	t.Parallel()
	const other = "11111111-2222-3333-4444-555555555555"
	b := start(t, with(KirimEmail, ProviderConfig{Targets: []Target{{Target: "example.org/" + other}}}))
	tests := []struct {
		name, method, path string
		status             int
		message            string
	}{
		{"of another domain", http.MethodPut, "example.com/credentials/" + other + "/reset-password", 403, "Credential does not belong to the specified domain"},
		{"unknown", http.MethodPut, "example.com/credentials/nobody/reset-password", 404, "Credential not found"},
		{"unknown domain", http.MethodPut, "example.net/credentials/" + kirimGUID + "/reset-password", 404, "Domain not found"},
		{"get unknown", http.MethodGet, "example.com/credentials/nobody", 404, "Credential not found"},
		{"other path", http.MethodGet, "example.com/elsewhere", 404, "Not found"},
		{"other method", http.MethodPost, "example.com/credentials/" + kirimGUID, 405, "Method not allowed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := b.kirim(test.method, test.path, "")
			if out := readKirim(t, a); a.status != test.status || out.Success || out.Message != test.message {
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
	for _, keys := range [][2]string{{"api", "x"}, {"x", "test-token"}, {"", ""}} {
		r := b.request(http.MethodPut, b.Ready().Providers[KirimEmail]+"/api/domains/example.com/credentials/"+kirimGUID+"/reset-password", "")
		if keys[0] != "" {
			r.SetBasicAuth(keys[0], keys[1])
		}
		if a := b.do(r); a.status != 401 || readKirim(t, a).Message != "Unauthorized" {
			t.Errorf("%v: %d %s", keys, a.status, a.body)
		}
	}
	if s := b.state(KirimEmail, kirimTarget); s.Version != 0 {
		t.Errorf("a refused call changed the state to %+v", s)
	}
}

func TestKirimThrottlesWithRetryAfter(t *testing.T) {
	t.Parallel()
	b := start(t, with(KirimEmail, ProviderConfig{Rate: &Rate{Requests: 2, Per: time.Minute}}))
	if h := b.resetKirim().header; h.Get("X-RateLimit-Limit") != "2" || h.Get("X-RateLimit-Remaining") != "1" {
		t.Errorf("headers %v", h)
	}
	b.clock.advance(30 * time.Second)
	b.resetKirim()
	b.clock.advance(10 * time.Second)
	a := b.resetKirim()
	if a.status != 429 || a.header.Get("Retry-After") != "20" || a.header.Get("X-RateLimit-Remaining") != "0" ||
		readKirim(t, a).Message != "Too many attempts. Please try again later." {
		t.Errorf("%d %v %s", a.status, a.header, a.body)
	}
	b.clock.advance(20 * time.Second)
	if a := b.resetKirim(); a.status != 200 {
		t.Errorf("after Retry-After: %d", a.status)
	}
	if s := b.state(KirimEmail, kirimTarget); s.Version != 3 {
		t.Errorf("version %d, want 3", s.Version)
	}
}

func TestKirimCreatesListsGetsAndDeletes(t *testing.T) {
	t.Parallel()
	b := start(t)
	a := b.kirim(http.MethodPost, "example.com/credentials", `{"username":"second"}`)
	made := readKirim(t, a)
	guid := made.Data.Credential.GUID
	if a.status != http.StatusCreated || made.Data.Password == "" || guid == "" {
		t.Fatalf("create: %d %s", a.status, a.body)
	}
	if code := b.login(KirimEmail, "second@example.com", made.Data.Password); code != 235 {
		t.Errorf("login: %d", code)
	}
	for _, body := range []string{`{"username":"SECOND"}`, `{"username":""}`, `{"username":"a@b"}`, `{`} {
		if a := b.kirim(http.MethodPost, "example.com/credentials", body); a.status != http.StatusUnprocessableEntity {
			t.Errorf("create %s: %d %s", body, a.status, a.body)
		}
	}
	if a := b.kirim(http.MethodGet, "example.com/credentials/"+guid, ""); a.status != 200 || !strings.Contains(a.body, `"username":"second"`) ||
		strings.Contains(a.body, made.Data.Password) {
		t.Errorf("get: %d %s", a.status, a.body)
	}
	if a := b.kirim(http.MethodDelete, "example.com/credentials/"+guid, ""); a.status != 200 {
		t.Errorf("delete: %d %s", a.status, a.body)
	}
	if a := b.kirim(http.MethodGet, "example.com/credentials/"+guid, ""); a.status != 404 {
		t.Errorf("get what was deleted: %d", a.status)
	}
	if code := b.login(KirimEmail, "second@example.com", made.Data.Password); code != 535 {
		t.Errorf("login of what was deleted: %d", code)
	}
}

func TestKirimListPages(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.post("/targets", `{"provider":"kirimemail","pattern":{"target":"example.org/00000000-0000-4000-8000-%012d","username":"u%d","from":1,"count":5}}`)
	type list struct {
		Domain     string
		Data       []kirimCredential
		Pagination struct{ Total, Last_page int } //nolint:revive // KIRIM.EMAIL's spelling
	}
	var names []string
	for page := 1; page <= 3; page++ {
		var out list
		a := b.kirim(http.MethodGet, fmt.Sprintf("example.org/credentials?limit=2&page=%d", page), "")
		if err := json.Unmarshal([]byte(a.body), &out); err != nil || out.Pagination.Total != 5 || out.Pagination.Last_page != 3 {
			t.Fatalf("page %d: %v %s", page, err, a.body)
		}
		for _, c := range out.Data {
			names = append(names, c.Username)
		}
	}
	if want := []string{"u1", "u2", "u3", "u4", "u5"}; !slices.Equal(names, want) {
		t.Errorf("names %v", names)
	}
	for _, query := range []string{"limit=0", "limit=101", "page=0", "page=x"} {
		if a := b.kirim(http.MethodGet, "example.org/credentials?"+query, ""); a.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", query, a.status)
		}
	}
}
