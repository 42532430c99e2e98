package smtp2go

import (
	"encoding/json"
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
	r := b.Request(http.MethodPatch, b.Ready().Providers[Code]+"/v3"+path, body)
	sandboxtest.AsJSON(r, "X-Smtp2go-Api-Key", "test-key", edit)
	return b.Do(r)
}

func (b bench) set(password string) sandboxtest.Answer {
	body, err := json.Marshal(map[string]string{"username": user, "email_password": password})
	if err != nil {
		panic(err)
	}
	return b.call(string(body), nil)
}

// refused is what an answer says no with, "" for a success.
func refused(t testing.TB, a sandboxtest.Answer) string {
	t.Helper()
	var out struct {
		ID   string          `json:"request_id"`
		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal([]byte(a.Body), &out); err != nil || out.ID == "" {
		t.Fatalf("no answer of SMTP2GO: %d %q %v", a.Status, a.Body, a.Err)
	}
	if a.Status == http.StatusOK {
		return ""
	}
	var said struct {
		Error string `json:"error"`
		Code  string `json:"error_code"`
	}
	if err := json.Unmarshal(out.Data, &said); err != nil {
		t.Fatal(err)
	}
	if said.Code != "" {
		return said.Code
	}
	return said.Error
}

func TestFaultsAnswerInItsOwnWords(t *testing.T) {
	t.Parallel()
	sandboxtest.CheckFaults(t, sandboxtest.Driver{
		StandIn: StandIn(),
		Set:     func(b *sandboxtest.Bench, password string) sandboxtest.Answer { return bench{b}.set(password) },
		Refused: refused,
		Codes: map[core.Kind]string{
			core.RateLimit: "Too many requests hit the API too quickly", core.ServerError: prefix + "API_EXCEPTION",
			core.Unavailable: "Something went wrong", core.Repeat: prefix + "API_EXCEPTION", core.Reject: prefix + "NON_VALIDATING_IN_PAYLOAD",
			core.Unauthorized: "No valid API key was provided", core.NotFound: "The requested resource doesn't exist",
		},
	})
}

func TestARequestIsRefusedForWhatIsWrongWithIt(t *testing.T) {
	t.Parallel()
	b := bench{sandboxtest.Start(t, []core.StandIn{StandIn()}, sandboxtest.With(Code, core.ProviderConfig{Rate: &core.Rate{}}))}
	const good = `{"username": "alerts@example.com", "email_password": "Standing-Pass-1"}`
	for name, test := range map[string]struct {
		body   string
		edit   func(*http.Request)
		status int
	}{
		"another key":    {good, func(r *http.Request) { r.Header.Set("X-Smtp2go-Api-Key", "other") }, http.StatusUnauthorized},
		"no key":         {good, func(r *http.Request) { r.Header.Del("X-Smtp2go-Api-Key") }, http.StatusUnauthorized},
		"another method": {good, func(r *http.Request) { r.Method = http.MethodPost }, http.StatusNotFound},
		"another user":   {`{"username": "unknown@example.com", "email_password": "Standing-Pass-1"}`, nil, http.StatusNotFound},
		"no user":        {`{"email_password": "Standing-Pass-1"}`, nil, http.StatusBadRequest},
		"little entropy": {`{"username": "alerts@example.com", "email_password": "abcdefgh1"}`, nil, http.StatusBadRequest},
		"no JSON":        {`username=a`, nil, http.StatusBadRequest},
	} {
		if a := b.call(test.body, test.edit); a.Status != test.status {
			t.Errorf("%s: %d %s, want %d", name, a.Status, a.Body, test.status)
		}
	}
	if got := b.Target(Code, user); got.Version != 0 {
		t.Errorf("a refused call changed the state to %+v", got)
	}
	if a := b.call(good, nil); refused(t, a) != "" || b.Target(Code, user).Live != "Standing-Pass-1" {
		t.Errorf("a good one: %s", a.Body)
	}
	if a := b.call(`{"username": "alerts@example.com"}`, nil); refused(t, a) != "" || b.Target(Code, user).Version != 2 {
		t.Errorf("one that has a password made: %s", a.Body)
	}
}
