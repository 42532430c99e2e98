package sendgrid

import (
	"encoding/json"
	"fmt"
	"net/http"
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

func start(t *testing.T) bench {
	t.Helper()
	return bench{sandboxtest.Start(t, []core.StandIn{StandIn()}, sandboxtest.With(Code, core.ProviderConfig{Rate: &core.Rate{}}))}
}

func (b bench) call(method, path, body string) sandboxtest.Answer {
	r := b.Request(method, b.Ready().Providers[Code]+path, body)
	sandboxtest.AsJSON(r, "Authorization", "Bearer "+StandIn().Key.Secret, nil)
	return b.Do(r)
}

func (b bench) create(name string) sandboxtest.Answer {
	return b.call(http.MethodPost, path, fmt.Sprintf(`{"name": %q, "scopes": ["mail.send"]}`, name))
}

// made is a key that an answer shows.
func made(t *testing.T, a sandboxtest.Answer) (id, key string) {
	t.Helper()
	var out struct {
		Key  string `json:"api_key"`
		ID   string `json:"api_key_id"`
		Name string `json:"name"`
	}
	if err := json.Unmarshal([]byte(a.Body), &out); err != nil || a.Status != http.StatusCreated || len(out.Key) != 69 || out.ID == "" || out.Name == "" {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	return out.ID, out.Key
}

// refused is what an answer says no with, "" for a success.
func refused(t testing.TB, a sandboxtest.Answer) string {
	t.Helper()
	var out struct {
		Errors []struct{ Message string }
		ID     string `json:"api_key_id"`
	}
	if err := json.Unmarshal([]byte(a.Body), &out); err != nil || len(out.Errors) != 1 && out.ID == "" {
		t.Fatalf("no answer of SendGrid: %d %q %v", a.Status, a.Body, a.Err)
	}
	if out.ID != "" {
		return ""
	}
	return out.Errors[0].Message
}

func TestFaultsAnswerInItsOwnWords(t *testing.T) {
	t.Parallel()
	sandboxtest.CheckFaults(t, sandboxtest.Driver{
		StandIn: StandIn(), Place: scope,
		Set:     func(b *sandboxtest.Bench, _ string) sandboxtest.Answer { return bench{b}.create("a key") },
		Refused: refused,
		Codes: map[core.Kind]string{
			core.RateLimit: "too many requests", core.ServerError: "internal server error", core.Unavailable: "service unavailable",
			core.Repeat: "internal server error", core.Reject: "internal server error", core.Unauthorized: "authorization required", core.NotFound: "resource not found",
		},
	})
}

func TestAKeyIsMadeListedAndDeleted(t *testing.T) {
	t.Parallel()
	b := start(t)
	one, oneKey := made(t, b.create("one"))
	two, twoKey := made(t, b.create("one")) // a name need not be unique
	for _, key := range []string{oneKey, twoKey} {
		if code := b.Login(Code, login, key); code != 235 {
			t.Errorf("a new key logs in with %d", code)
		}
	}
	list := b.call(http.MethodGet, path, "")
	for _, id := range []string{one, two, own, "qfTQ6KG0QBiwWdJ0-pCLCA"} {
		if list.Status != http.StatusOK || !strings.Contains(list.Body, `"api_key_id":"`+id+`"`) || strings.Contains(list.Body, oneKey) {
			t.Errorf("%d %s", list.Status, list.Body)
		}
	}
	if a := b.call(http.MethodDelete, path+"/"+one, ""); a.Status != http.StatusNoContent || a.Body != "" {
		t.Errorf("%d %q", a.Status, a.Body)
	}
	if a := b.call(http.MethodDelete, path+"/"+one, ""); a.Status != http.StatusNotFound {
		t.Errorf("deleted again: %d", a.Status)
	}
	if code := b.Login(Code, login, oneKey); code != 535 {
		t.Errorf("a deleted key logs in with %d", code)
	}
	if code := b.Login(Code, login, twoKey); code != 235 {
		t.Errorf("the other key logs in with %d", code)
	}
}

func TestAKeySendsMailIfItMay(t *testing.T) {
	t.Parallel()
	b := start(t)
	for scopes, want := range map[string]int{`["alerts.read"]`: 535, `["alerts.read", "mail.send"]`: 235} {
		_, key := made(t, b.call(http.MethodPost, path, `{"name": "a", "scopes": `+scopes+`}`))
		if code := b.Login(Code, login, key); code != want {
			t.Errorf("%s: %d, want %d", scopes, code, want)
		}
	}
	if _, key := made(t, b.call(http.MethodPost, path, `{"name": "a"}`)); b.Login(Code, login, key) != 235 {
		t.Error("a key without scopes may not do everything")
	}
}

func TestAnAccountHasAHundredKeys(t *testing.T) {
	t.Parallel()
	b := start(t)
	var last string
	for n := range maxKeys - 2 { // one calls, and one is there
		last, _ = made(t, b.create(fmt.Sprint(n)))
	}
	if a := b.create("one too many"); a.Status != http.StatusForbidden || refused(t, a) != full.Message {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	b.call(http.MethodDelete, path+"/"+last, "")
	made(t, b.create("after all"))
}

func TestRefusesAsDocumented(t *testing.T) {
	t.Parallel()
	b := start(t)
	for name, test := range map[string]struct {
		method, path, body string
		status             int
	}{
		"no name":      {http.MethodPost, path, `{}`, http.StatusBadRequest},
		"no JSON":      {http.MethodPost, path, `name=a`, http.StatusBadRequest},
		"another path": {http.MethodGet, "/v3/scopes", "", http.StatusNotFound},
		"a way up":     {http.MethodDelete, path + "/..%2F..", "", http.StatusNotFound},
		"unknown":      {http.MethodDelete, path + "/unknown", "", http.StatusNotFound},
	} {
		if a := b.call(test.method, test.path, test.body); a.Status != test.status {
			t.Errorf("%s: %d %s, want %d", name, a.Status, a.Body, test.status)
		}
	}
	r := b.Request(http.MethodGet, b.Ready().Providers[Code]+path, "")
	r.Header.Set("Authorization", "Bearer SG.x.y")
	if a := b.Do(r); a.Status != http.StatusUnauthorized {
		t.Errorf("another key: %d %s", a.Status, a.Body)
	}
	if _, err := b.AddTargets(Code, core.Target{Target: "alerts@example.com"}); err == nil {
		t.Error("a target that is no key is known")
	}
}

func TestThrottlingSaysWhenItIsOver(t *testing.T) {
	t.Parallel()
	b := bench{sandboxtest.Start(t, []core.StandIn{StandIn()}, sandboxtest.With(Code, core.ProviderConfig{Rate: &core.Rate{Requests: 1, Per: time.Minute}}))}
	b.create("one")
	if a := b.create("two"); a.Status != http.StatusTooManyRequests || a.Header.Get("X-RateLimit-Reset") == "" {
		t.Errorf("%d %v", a.Status, a.Header)
	}
}
