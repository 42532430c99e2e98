package migadu

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"go.uber.org/goleak"

	"keyturn/internal/sandbox/core"
	"keyturn/internal/sandbox/sandboxtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a sandbox of this stand-in.
type bench struct{ *sandboxtest.Bench }

const mailbox, path = "alerts@example.com", "/domains/example.com/mailboxes/alerts"

func (b bench) call(body string, edit func(*http.Request)) sandboxtest.Answer {
	r := b.Request(http.MethodPut, b.Ready().Providers[Code]+path, body)
	r.Header.Set("Content-Type", "application/json")
	r.SetBasicAuth(StandIn().Key.ID, StandIn().Key.Secret)
	if edit != nil {
		edit(r)
	}
	return b.Do(r)
}

// refused is what an answer says no with, "" for a success.
func refused(t testing.TB, a sandboxtest.Answer) string {
	t.Helper()
	var out struct{ Error, Address string }
	if err := json.Unmarshal([]byte(a.Body), &out); err != nil || (out.Error == "") == (out.Address == "") {
		t.Fatalf("no answer of Migadu: %d %q %v", a.Status, a.Body, a.Err)
	}
	return out.Error
}

func TestFaultsAnswerInItsOwnWords(t *testing.T) {
	t.Parallel()
	sandboxtest.CheckFaults(t, sandboxtest.Driver{
		StandIn: StandIn(),
		Set: func(b *sandboxtest.Bench, password string) sandboxtest.Answer {
			return bench{b}.call(fmt.Sprintf(`{"password": %q}`, password), nil)
		},
		Refused: refused,
		Codes: map[core.Kind]string{
			core.RateLimit: "too many requests", core.ServerError: "internal server error", core.Unavailable: "internal server error",
			core.Repeat: "internal server error", core.Reject: "bad request", core.Unauthorized: "unauthorized", core.NotFound: "no such mailbox",
		},
	})
}

func TestARequestIsRefusedForWhatIsWrongWithIt(t *testing.T) {
	t.Parallel()
	b := bench{sandboxtest.Start(t, []core.StandIn{StandIn()}, sandboxtest.With(Code, core.ProviderConfig{Rate: &core.Rate{}}))}
	const good = `{"password": "Standing-1"}`
	for name, test := range map[string]struct {
		body   string
		edit   func(*http.Request)
		status int
	}{
		"another key":     {good, func(r *http.Request) { r.SetBasicAuth(StandIn().Key.ID, "other") }, http.StatusUnauthorized},
		"another user":    {good, func(r *http.Request) { r.SetBasicAuth("other@example.com", "test-key") }, http.StatusUnauthorized},
		"another method":  {good, func(r *http.Request) { r.Method = http.MethodPatch }, http.StatusNotFound},
		"another mailbox": {good, func(r *http.Request) { r.URL.Path = "/domains/example.com/mailboxes/unknown" }, http.StatusNotFound},
		"too short":       {`{"password": "short"}`, nil, http.StatusBadRequest},
		"no JSON":         {"password", nil, http.StatusBadRequest},
	} {
		if a := b.call(test.body, test.edit); a.Status != test.status || refused(t, a) == "" {
			t.Errorf("%s: %d %s, want %d", name, a.Status, a.Body, test.status)
		}
	}
	if a := b.call(`{}`, nil); refused(t, a) != "" || b.Target(Code, mailbox).Version != 0 {
		t.Errorf("one that changes nothing: %s", a.Body)
	}
	if a := b.call(good, nil); refused(t, a) != "" || b.Target(Code, mailbox).Live != "Standing-1" {
		t.Errorf("a good one: %s", a.Body)
	}
}
