package kirimemail

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"keyturn/internal/sandbox/core"
	"keyturn/internal/sandbox/sandboxtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a sandbox of this stand-in.
type bench struct{ *sandboxtest.Bench }

func start(t *testing.T, edit ...func(*core.Config)) bench {
	t.Helper()
	return bench{sandboxtest.Start(t, []core.StandIn{StandIn()}, edit...)}
}

const (
	guid   = "92703823-f3a4-48e2-8e87-7adf25454800"
	target = "example.com/" + guid
)

func (b bench) call(method, path, body string) sandboxtest.Answer {
	r := b.Request(method, b.Ready().Providers[Code]+"/api/domains/"+path, body)
	r.SetBasicAuth("api", "test-token")
	return b.Do(r)
}

func (b bench) reset() sandboxtest.Answer {
	return b.call(http.MethodPut, "example.com/credentials/"+guid+"/reset-password", "")
}

// answer is every field of KIRIM.EMAIL's answers to one credential.
type answer struct {
	Success bool
	Message string
	Data    struct {
		Credential   credential
		Password     string
		NewPassword  string         `json:"new_password"`
		StrengthInfo map[string]any `json:"strength_info"`
		RemoteSynced bool           `json:"remote_synced"`
	}
}

func read(t testing.TB, a sandboxtest.Answer) answer {
	t.Helper()
	var out answer
	if err := json.Unmarshal([]byte(a.Body), &out); err != nil {
		t.Fatalf("no KIRIM.EMAIL reply: %d %q %v", a.Status, a.Body, a.Err)
	}
	return out
}

func TestWhatWasIssuedAndCreatedSurvivesARestart(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state")
	kept := func(c *core.Config) { c.StateFile = path }
	b := start(t, kept)
	issued := read(t, b.reset()).Data.NewPassword
	b.call(http.MethodPost, "example.com/credentials", `{"username":"second"}`)
	after := start(t, kept)
	if code := after.Login(Code, "myuser", issued); code != 235 {
		t.Errorf("login %d", code)
	}
	if n := len(after.State()[Code]); n != 2 {
		t.Errorf("%d credentials, want 2", n)
	}
}

func TestATargetIsDomainAndGUID(t *testing.T) {
	t.Parallel()
	_, err := start(t).AddTargets(Code, core.Target{Target: "example.com"})
	if want := `provider kirimemail: target "example.com" is not DOMAIN/GUID`; err == nil || err.Error() != want {
		t.Errorf("error %v", err)
	}
}

func TestResetMakesAPasswordThatSMTPAccepts(t *testing.T) {
	t.Parallel()
	b := start(t)
	first := read(t, b.reset())
	a := b.reset()
	second := read(t, a)
	if a.Status != http.StatusOK || !second.Success || !second.Data.RemoteSynced || second.Data.Credential.Username != "myuser" ||
		second.Data.Credential.GUID != guid || len(second.Data.StrengthInfo) == 0 {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if first.Data.NewPassword == second.Data.NewPassword {
		t.Error("two resets made the same password")
	}
	for _, user := range []string{"myuser@example.com", "myuser"} {
		if code := b.Login(Code, user, second.Data.NewPassword); code != 235 {
			t.Errorf("%s with the new password: %d", user, code)
		}
		if code := b.Login(Code, user, first.Data.NewPassword); code != 535 {
			t.Errorf("%s with the old password: %d", user, code)
		}
	}
}

func TestRefusesAsDocumented(t *testing.T) {
	t.Parallel()
	const other = "11111111-2222-3333-4444-555555555555"
	b := start(t, sandboxtest.With(Code, core.ProviderConfig{Targets: []core.Target{{Target: "example.org/" + other}}}))
	tests := []struct {
		name, method, path string
		status             int
		message            string
	}{
		{"of another domain", http.MethodPut, "example.com/credentials/" + other + "/reset-password", 403, "Credential does not belong to the specified domain"},
		{"unknown", http.MethodPut, "example.com/credentials/unknown/reset-password", 404, "Credential not found"},
		{"unknown domain", http.MethodPut, "example.net/credentials/" + guid + "/reset-password", 404, "Domain not found"},
		{"get unknown", http.MethodGet, "example.com/credentials/unknown", 404, "Credential not found"},
		{"other path", http.MethodGet, "example.com/elsewhere", 404, "Not found"},
		{"other method", http.MethodPost, "example.com/credentials/" + guid, 405, "Method not allowed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := b.call(test.method, test.path, "")
			if out := read(t, a); a.Status != test.status || out.Success || out.Message != test.message {
				t.Errorf("%d %s", a.Status, a.Body)
			}
		})
	}
	for _, keys := range [][2]string{{"api", "x"}, {"x", "test-token"}, {"", ""}} {
		r := b.Request(http.MethodPut, b.Ready().Providers[Code]+"/api/domains/example.com/credentials/"+guid+"/reset-password", "")
		if keys[0] != "" {
			r.SetBasicAuth(keys[0], keys[1])
		}
		if a := b.Do(r); a.Status != 401 || read(t, a).Message != "Unauthorized" {
			t.Errorf("%v: %d %s", keys, a.Status, a.Body)
		}
	}
	if s := b.Target(Code, target); s.Version != 0 {
		t.Errorf("a refused call changed the state to %+v", s)
	}
}

func TestThrottlesWithRetryAfter(t *testing.T) {
	t.Parallel()
	b := start(t, sandboxtest.With(Code, core.ProviderConfig{Rate: &core.Rate{Requests: 2, Per: time.Minute}}))
	if h := b.reset().Header; h.Get("X-RateLimit-Limit") != "2" || h.Get("X-RateLimit-Remaining") != "1" {
		t.Errorf("headers %v", h)
	}
	b.Clock.Advance(30 * time.Second)
	b.reset()
	b.Clock.Advance(10 * time.Second)
	a := b.reset()
	if a.Status != 429 || a.Header.Get("Retry-After") != "20" || a.Header.Get("X-RateLimit-Remaining") != "0" ||
		read(t, a).Message != "Too many attempts. Please try again later." {
		t.Errorf("%d %v %s", a.Status, a.Header, a.Body)
	}
	b.Clock.Advance(20 * time.Second)
	if a := b.reset(); a.Status != 200 {
		t.Errorf("after Retry-After: %d", a.Status)
	}
	if s := b.Target(Code, target); s.Version != 3 {
		t.Errorf("version %d, want 3", s.Version)
	}
}

func TestCreatesListsGetsAndDeletes(t *testing.T) {
	t.Parallel()
	b := start(t)
	a := b.call(http.MethodPost, "example.com/credentials", `{"username":"second"}`)
	made := read(t, a)
	guid := made.Data.Credential.GUID
	if a.Status != http.StatusCreated || made.Data.Password == "" || guid == "" {
		t.Fatalf("create: %d %s", a.Status, a.Body)
	}
	if code := b.Login(Code, "second@example.com", made.Data.Password); code != 235 {
		t.Errorf("login: %d", code)
	}
	for _, body := range []string{`{"username":"SECOND"}`, `{"username":""}`, `{"username":"a@b"}`, `{`} {
		if a := b.call(http.MethodPost, "example.com/credentials", body); a.Status != http.StatusUnprocessableEntity {
			t.Errorf("create %s: %d %s", body, a.Status, a.Body)
		}
	}
	if a := b.call(http.MethodGet, "example.com/credentials/"+guid, ""); a.Status != 200 || !strings.Contains(a.Body, `"username":"second"`) ||
		strings.Contains(a.Body, made.Data.Password) {
		t.Errorf("get: %d %s", a.Status, a.Body)
	}
	if a := b.call(http.MethodDelete, "example.com/credentials/"+guid, ""); a.Status != 200 {
		t.Errorf("delete: %d %s", a.Status, a.Body)
	}
	if a := b.call(http.MethodGet, "example.com/credentials/"+guid, ""); a.Status != 404 {
		t.Errorf("get what was deleted: %d", a.Status)
	}
	if code := b.Login(Code, "second@example.com", made.Data.Password); code != 535 {
		t.Errorf("login of what was deleted: %d", code)
	}
}

func TestListPages(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.Post("/targets", `{"provider":"kirimemail","pattern":{"target":"example.org/00000000-0000-4000-8000-%012d","username":"u%d","from":1,"count":5}}`)
	type list struct {
		Domain     string
		Data       []credential
		Pagination struct{ Total, Last_page int } //nolint:revive // KIRIM.EMAIL's spelling
	}
	var names []string
	for page := 1; page <= 3; page++ {
		var out list
		a := b.call(http.MethodGet, fmt.Sprintf("example.org/credentials?limit=2&page=%d", page), "")
		if err := json.Unmarshal([]byte(a.Body), &out); err != nil || out.Pagination.Total != 5 || out.Pagination.Last_page != 3 {
			t.Fatalf("page %d: %v %s", page, err, a.Body)
		}
		for _, c := range out.Data {
			names = append(names, c.Username)
		}
	}
	if want := []string{"u1", "u2", "u3", "u4", "u5"}; !slices.Equal(names, want) {
		t.Errorf("names %v", names)
	}
	for _, query := range []string{"limit=0", "limit=101", "page=0", "page=x"} {
		if a := b.call(http.MethodGet, "example.org/credentials?"+query, ""); a.Status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", query, a.Status)
		}
	}
}
