package mailu

import (
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

const user = "alerts@example.com"

func (b bench) call(body string, edit func(*http.Request)) sandboxtest.Answer {
	r := b.Request(http.MethodPatch, b.Ready().Providers[Code]+prefix+user, body)
	sandboxtest.AsJSON(r, "Authorization", "Bearer test-token", edit)
	return b.Do(r)
}

func TestFaultsAnswerInItsOwnWords(t *testing.T) {
	t.Parallel()
	sandboxtest.CheckFaults(t, sandboxtest.Driver{
		StandIn: StandIn(),
		Set: func(b *sandboxtest.Bench, password string) sandboxtest.Answer {
			return bench{b}.call(fmt.Sprintf(`{"raw_password": %q}`, password), nil)
		},
		Refused: sandboxtest.Message,
		Codes: map[core.Kind]string{
			core.RateLimit: "Too many attempts from your IP (rate-limit)", core.ServerError: "Internal Server Error",
			core.Unavailable: "Service Unavailable", core.Repeat: "Internal Server Error", core.Reject: "Internal Server Error",
			core.Unauthorized: "Invalid API token", core.NotFound: "User cannot be found",
		},
	})
}

func TestARequestIsRefusedForWhatIsWrongWithIt(t *testing.T) {
	t.Parallel()
	b := bench{sandboxtest.Start(t, []core.StandIn{StandIn()}, sandboxtest.With(Code, core.ProviderConfig{Rate: &core.Rate{}}))}
	const good = `{"raw_password": "Standing-1"}`
	for name, test := range map[string]struct {
		body   string
		edit   func(*http.Request)
		status int
	}{
		"no token":       {good, func(r *http.Request) { r.Header.Del("Authorization") }, http.StatusUnauthorized},
		"another token":  {good, func(r *http.Request) { r.Header.Set("Authorization", "Bearer other") }, http.StatusForbidden},
		"another method": {good, func(r *http.Request) { r.Method = http.MethodPut }, http.StatusNotFound},
		"another user":   {good, func(r *http.Request) { r.URL.Path = prefix + "unknown@example.com" }, http.StatusNotFound},
		"no address":     {good, func(r *http.Request) { r.URL.Path = prefix + "alerts" }, http.StatusBadRequest},
		"no JSON":        {"raw_password", nil, http.StatusBadRequest},
	} {
		if a := b.call(test.body, test.edit); a.Status != test.status {
			t.Errorf("%s: %d %s, want %d", name, a.Status, a.Body, test.status)
		}
	}
	if a := b.call(`{}`, nil); sandboxtest.Message(t, a) != "" || b.Target(Code, user).Version != 0 {
		t.Errorf("one that changes nothing: %s", a.Body)
	}
	if a := b.call(good, nil); sandboxtest.Message(t, a) != "" || b.Target(Code, user).Live != "Standing-1" {
		t.Errorf("a good one: %s", a.Body)
	}
}
