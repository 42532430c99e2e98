package hubspot

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

func (b bench) call(id string, edit func(*http.Request)) sandboxtest.Answer {
	r := b.Request(http.MethodPost, b.Ready().Providers[Code]+prefix+id+"/password-reset", "")
	r.Header.Set("Authorization", "Bearer "+StandIn().Key.Secret)
	if edit != nil {
		edit(r)
	}
	return b.Do(r)
}

// shown is the password in an answer.
func shown(t testing.TB, a sandboxtest.Answer) string {
	t.Helper()
	var out struct{ ID, Password string }
	if err := json.Unmarshal([]byte(a.Body), &out); err != nil || a.Status != http.StatusOK || out.ID != StandIn().Username || out.Password == "" {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	return out.Password
}

// refused is what an answer says no with, "" for a success.
func refused(t testing.TB, a sandboxtest.Answer) string {
	t.Helper()
	var out struct{ Status, Message, CorrelationID string }
	if err := json.Unmarshal([]byte(a.Body), &out); err != nil {
		t.Fatalf("no answer of HubSpot: %d %q %v", a.Status, a.Body, a.Err)
	}
	if (out.Status == "error") != (a.Status >= 400) || (out.CorrelationID == "") != (a.Status < 400) {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	return out.Message
}

func TestFaultsAnswerInItsOwnWords(t *testing.T) {
	t.Parallel()
	sandboxtest.CheckFaults(t, sandboxtest.Driver{
		StandIn: StandIn(),
		Set: func(b *sandboxtest.Bench, _ string) sandboxtest.Answer {
			return bench{b}.call(StandIn().Username, nil)
		},
		Refused: refused,
		Codes: map[core.Kind]string{
			core.RateLimit: "You have reached your secondly limit.", core.ServerError: "internal error",
			core.Unavailable: "service temporarily unavailable", core.Repeat: "internal error", core.Reject: "internal error",
			core.Unauthorized: "Authentication credentials not found", core.NotFound: "the SMTP API token does not exist",
		},
	})
}

func TestAResetEndsThePasswordBefore(t *testing.T) {
	t.Parallel()
	b := bench{sandboxtest.Start(t, []core.StandIn{StandIn()}, sandboxtest.With(Code, core.ProviderConfig{Rate: &core.Rate{}}))}
	user := StandIn().Username
	first := shown(t, b.call(user, nil))
	second := shown(t, b.call(user, nil))
	if first == second {
		t.Error("the same password twice")
	}
	for password, want := range map[string]int{first: 535, second: 235} {
		if code := b.Login(Code, user, password); code != want {
			t.Errorf("a login is answered %d, want %d", code, want)
		}
	}
}

func TestRefusesAsDocumented(t *testing.T) {
	t.Parallel()
	b := bench{sandboxtest.Start(t, []core.StandIn{StandIn()}, sandboxtest.With(Code, core.ProviderConfig{Rate: &core.Rate{}}))}
	user := StandIn().Username
	for name, test := range map[string]struct {
		id     string
		edit   func(*http.Request)
		status int
	}{
		"no token":         {user, func(r *http.Request) { r.Header.Del("Authorization") }, http.StatusUnauthorized},
		"another token":    {user, func(r *http.Request) { r.Header.Set("Authorization", "Bearer other") }, http.StatusUnauthorized},
		"another id":       {StandIn().Unknown, nil, http.StatusNotFound},
		"another path":     {user, func(r *http.Request) { r.URL.Path = "/marketing/v3/emails" }, http.StatusNotFound},
		"another method":   {user, func(r *http.Request) { r.Method = http.MethodGet }, http.StatusMethodNotAllowed},
		"half of the path": {user, func(r *http.Request) { r.URL.Path = prefix + user }, http.StatusNotFound},
	} {
		if a := b.call(test.id, test.edit); a.Status != test.status || refused(t, a) == "" {
			t.Errorf("%s: %d %s, want %d", name, a.Status, a.Body, test.status)
		}
	}
	if got := b.Target(Code, user); got.Version != 0 {
		t.Errorf("a refused call changed the state to %+v", got)
	}
	if _, err := b.AddTargets(Code, core.Target{Target: "two words"}); err == nil {
		t.Error("a target that is no id is known")
	}
}
