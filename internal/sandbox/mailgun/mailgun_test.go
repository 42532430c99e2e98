package mailgun

import (
	"bytes"
	"encoding/json"
	"mime/multipart"
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

func start(t *testing.T, edit ...func(*core.Config)) bench {
	t.Helper()
	return bench{sandboxtest.Start(t, []core.StandIn{StandIn()}, edit...)}
}

const login = "alerts@example.com"

// call makes a request with the fields, pairs of name and value.
func (b bench) call(edit func(*http.Request), fields ...string) sandboxtest.Answer {
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for i := 0; i+1 < len(fields); i += 2 {
		_ = w.WriteField(fields[i], fields[i+1])
	}
	_ = w.Close()
	r := b.Request(http.MethodPut, b.Ready().Providers[Code]+"/v3/domains/example.com/credentials/"+login, body.String())
	r.Header.Set("Content-Type", w.FormDataContentType())
	r.SetBasicAuth("api", "test-key")
	if edit != nil {
		edit(r)
	}
	return b.Do(r)
}

// refused is what an answer says no with, "" for a success.
func refused(t testing.TB, a sandboxtest.Answer) string {
	t.Helper()
	if a.Body == forbidden {
		return forbidden
	}
	return sandboxtest.Message(t, a)
}

func TestFaultsAnswerInItsOwnWords(t *testing.T) {
	t.Parallel()
	sandboxtest.CheckFaults(t, sandboxtest.Driver{
		StandIn: StandIn(),
		Set: func(b *sandboxtest.Bench, password string) sandboxtest.Answer {
			return bench{b}.call(nil, "password", password)
		},
		Refused: refused,
		Codes: map[core.Kind]string{
			core.RateLimit: "Too many requests", core.ServerError: "Internal Server Error", core.Unavailable: "Service unavailable",
			core.Repeat: "Internal Server Error", core.Reject: "Password must be from 5 to 32 characters long",
			core.Unauthorized: forbidden, core.NotFound: "Credentials not found",
		},
	})
}

func TestAPasswordIsSetAndLogsIn(t *testing.T) {
	t.Parallel()
	b := start(t)
	if said := refused(t, b.call(nil, "password", "Standing-1")); said != "" {
		t.Fatal(said)
	}
	if got := b.Target(Code, login); got.Live != "Standing-1" || got.Version != 1 {
		t.Errorf("the state is %+v", got)
	}
	if code := b.Login(Code, login, "Standing-1"); code != 235 {
		t.Errorf("a login answers %d", code)
	}
}

// Without a password in the request, Mailgun makes one.
func TestAPasswordThatIsLeftOutIsMade(t *testing.T) {
	t.Parallel()
	b := start(t)
	a := b.call(nil)
	var out struct {
		Note        string
		Credentials map[string]string
	}
	if err := json.Unmarshal([]byte(a.Body), &out); err != nil || out.Note == "" || out.Credentials[login] != b.Target(Code, login).Live {
		t.Errorf("%v: %s", err, a.Body)
	}
}

func TestARequestIsRefusedForWhatIsWrongWithIt(t *testing.T) {
	t.Parallel()
	b := start(t, sandboxtest.With(Code, core.ProviderConfig{Rate: &core.Rate{}}))
	for name, test := range map[string]struct {
		edit   func(*http.Request)
		fields []string
		status int
	}{
		"another key":      {func(r *http.Request) { r.SetBasicAuth("api", "other") }, []string{"password", "Standing-1"}, http.StatusUnauthorized},
		"another user":     {func(r *http.Request) { r.SetBasicAuth("me", "test-key") }, []string{"password", "Standing-1"}, http.StatusUnauthorized},
		"no such login":    {func(r *http.Request) { r.URL.Path += ".org" }, []string{"password", "Standing-1"}, http.StatusNotFound},
		"another domain":   {func(r *http.Request) { r.URL.Path = strings.Replace(r.URL.Path, "domains/example", "domains/other", 1) }, []string{"password", "Standing-1"}, http.StatusNotFound},
		"another path":     {func(r *http.Request) { r.URL.Path = "/v4/domains" }, nil, http.StatusNotFound},
		"another method":   {func(r *http.Request) { r.Method = http.MethodPost }, []string{"password", "Standing-1"}, http.StatusNotFound},
		"too short":        {nil, []string{"password", "abcd"}, http.StatusBadRequest},
		"too long":         {nil, []string{"password", strings.Repeat("a", 33)}, http.StatusBadRequest},
		"two passwords":    {nil, []string{"password", "Standing-1", "password", "Standing-2"}, http.StatusBadRequest},
		"another encoding": {func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }, nil, http.StatusBadRequest},
	} {
		if a := b.call(test.edit, test.fields...); a.Status != test.status {
			t.Errorf("%s: %d %s, want %d", name, a.Status, a.Body, test.status)
		}
	}
	if got := b.Target(Code, login); got.Version != 0 {
		t.Errorf("a refused call changed the state to %+v", got)
	}
}
