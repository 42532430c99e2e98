package ahasend

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"keyturn/internal/sandbox/core"
	"keyturn/internal/sandbox/sandboxtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a sandbox of this stand-in.
type bench struct{ *sandboxtest.Bench }

const collection = "/v2/accounts/" + owner + "/smtp-credentials"

func start(t *testing.T) bench {
	t.Helper()
	return bench{sandboxtest.Start(t, []core.StandIn{StandIn()}, sandboxtest.With(Code, core.ProviderConfig{Rate: &core.Rate{}}))}
}

// call makes a request, under an idempotency key unless that is "".
func (b bench) call(method, path, body, key string) sandboxtest.Answer {
	r := b.Request(method, b.Ready().Providers[Code]+path, body)
	sandboxtest.AsJSON(r, "Authorization", "Bearer "+StandIn().Key.Secret, nil)
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	return b.Do(r)
}

func request(name string) string {
	return fmt.Sprintf(`{"name": %q, "scope": "scoped", "domains": ["mail.example.com"]}`, name)
}

func (b bench) create(name, key string) sandboxtest.Answer {
	return b.call(http.MethodPost, collection, request(name), key)
}

// made is a credential that an answer shows.
func made(t *testing.T, a sandboxtest.Answer) (id, username, password string) {
	t.Helper()
	var out struct{ ID, Username, Password, Name string }
	if err := json.Unmarshal([]byte(a.Body), &out); err != nil || a.Status != http.StatusCreated || out.ID == "" || out.Username == "" || out.Password == "" || out.Name == "" {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	return out.ID, out.Username, out.Password
}

// refused is what an answer says no with, "" for a success.
func refused(t testing.TB, a sandboxtest.Answer) string {
	t.Helper()
	var out struct{ Message, ID string }
	if err := json.Unmarshal([]byte(a.Body), &out); err != nil || out.Message == "" && out.ID == "" {
		t.Fatalf("no answer of AhaSend: %d %q %v", a.Status, a.Body, a.Err)
	}
	return out.Message
}

func TestFaultsAnswerInItsOwnWords(t *testing.T) {
	t.Parallel()
	sandboxtest.CheckFaults(t, sandboxtest.Driver{
		StandIn: StandIn(), Place: owner + "/" + domain,
		Set:     func(b *sandboxtest.Bench, _ string) sandboxtest.Answer { return bench{b}.create("a name", "") },
		Refused: refused,
		Codes: map[core.Kind]string{
			core.RateLimit: "Too many requests, rate limited.", core.ServerError: "Internal server error", core.Unavailable: "Internal server error",
			core.Repeat: "Internal server error", core.Reject: "Internal server error", core.Unauthorized: "Invalid API key", core.NotFound: "domain not found",
		},
	})
}

func TestACredentialIsMadeListedAndDeleted(t *testing.T) {
	t.Parallel()
	b := start(t)
	one, user, password := made(t, b.create("one", ""))
	two, other, its := made(t, b.create("one", "")) // a name need not be unique
	list := b.call(http.MethodGet, collection, "", "")
	for _, id := range []string{one, two} {
		if list.Status != http.StatusOK || !strings.Contains(list.Body, `"id":"`+id+`"`) || strings.Contains(list.Body, password) {
			t.Errorf("%d %s", list.Status, list.Body)
		}
	}
	if a := b.call(http.MethodDelete, collection+"/"+one, "", ""); a.Status != http.StatusOK {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if a := b.call(http.MethodDelete, collection+"/"+one, "", ""); a.Status != http.StatusNotFound {
		t.Errorf("deleted again: %d %s", a.Status, a.Body)
	}
	for name, test := range map[string]struct {
		user, password string
		want           int
	}{"deleted": {user, password, 535}, "the other one": {other, its, 235}, "another's password": {other, password, 535}} {
		if code := b.Login(Code, test.user, test.password); code != test.want {
			t.Errorf("%s: %d", name, code)
		}
	}
	b.call(http.MethodDelete, collection+"/"+two, "", "")
	made(t, b.create("of a domain without any", ""))
}

func TestTheSameKeyMakesOneCredential(t *testing.T) {
	t.Parallel()
	b := start(t)
	first := b.create("one", "key-1")
	again := b.create("one", "key-1")
	if again.Body != first.Body || again.Status != first.Status || again.Header.Get("Idempotent-Replayed") != "true" || first.Header.Get("Idempotent-Replayed") != "" {
		t.Errorf("%d %s, and again %d %s", first.Status, first.Body, again.Status, again.Body)
	}
	if a := b.create("two", "key-1"); a.Status != http.StatusUnprocessableEntity {
		t.Errorf("another request under the key: %d %s", a.Status, a.Body)
	}
	one, _, _ := made(t, first)
	if other, _, _ := made(t, b.create("one", "key-2")); other == one {
		t.Error("another key made nothing")
	}
}

func TestAListHasPages(t *testing.T) {
	t.Parallel()
	b := start(t)
	made(t, b.create("second", ""))
	page := b.call(http.MethodGet, collection+"?limit=1", "", "")
	if !strings.Contains(page.Body, `"has_more":true`) {
		t.Fatal(page.Body)
	}
	var out struct {
		Pagination struct {
			Next string `json:"next_cursor"`
		}
	}
	if err := json.Unmarshal([]byte(page.Body), &out); err != nil {
		t.Fatal(err)
	}
	if last := b.call(http.MethodGet, collection+"?limit=1&after="+out.Pagination.Next, "", ""); !strings.Contains(last.Body, `"has_more":false`) || strings.Contains(last.Body, out.Pagination.Next) {
		t.Error(last.Body)
	}
	for _, limit := range []string{"0", "101", "x"} {
		if a := b.call(http.MethodGet, collection+"?limit="+limit, "", ""); a.Status != http.StatusBadRequest {
			t.Errorf("limit %s: %d", limit, a.Status)
		}
	}
}

func TestRefusesAsDocumented(t *testing.T) {
	t.Parallel()
	b := start(t)
	for name, test := range map[string]struct {
		method, path, body string
		status             int
	}{
		"no account":      {http.MethodPost, "/v2/accounts/me/smtp-credentials", request("a"), http.StatusBadRequest},
		"another account": {http.MethodPost, "/v2/accounts/00000000-0000-4000-8000-000000000000/smtp-credentials", request("a"), http.StatusUnauthorized},
		"another domain":  {http.MethodPost, collection, strings.Replace(request("a"), "mail.", "unknown.", 1), http.StatusNotFound},
		"no name":         {http.MethodPost, collection, `{"scope": "scoped", "domains": ["mail.example.com"]}`, http.StatusBadRequest},
		"every domain":    {http.MethodPost, collection, `{"name": "a", "scope": "global"}`, http.StatusBadRequest},
		"another path":    {http.MethodGet, "/v2/ping", "", http.StatusNotFound},
		"another method":  {http.MethodPut, collection, request("a"), http.StatusNotFound},
		"unknown":         {http.MethodDelete, collection + "/0194f7ac-0000-7d29-9f0c-9a27b19f2d1c", "", http.StatusNotFound},
	} {
		if a := b.call(test.method, test.path, test.body, ""); a.Status != test.status || refused(t, a) == "" {
			t.Errorf("%s: %d %s, want %d", name, a.Status, a.Body, test.status)
		}
	}
	r := b.Request(http.MethodGet, b.Ready().Providers[Code]+collection, "")
	r.Header.Set("Authorization", "Bearer other")
	if a := b.Do(r); a.Status != http.StatusUnauthorized {
		t.Errorf("another key: %d %s", a.Status, a.Body)
	}
	if _, err := b.AddTargets(Code, core.Target{Target: "mail.example.com"}); err == nil {
		t.Error("a target that is no credential is known")
	}
}
