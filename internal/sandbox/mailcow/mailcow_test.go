package mailcow

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

const mailbox = "alerts@example.com"

func (b bench) call(body string, edit func(*http.Request)) sandboxtest.Answer {
	r := b.Request(http.MethodPost, b.Ready().Providers[Code]+path, body)
	sandboxtest.AsJSON(r, "X-API-Key", "TEST-KEY", edit)
	return b.Do(r)
}

func request(target, password, again string) string {
	return fmt.Sprintf(`{"items": [%q], "attr": {"password": %q, "password2": %q}}`, target, password, again)
}

// refused is what an answer says no with, "" for a success.
func refused(t testing.TB, a sandboxtest.Answer) string {
	t.Helper()
	var one said
	all := []said{}
	if err := json.Unmarshal([]byte(a.Body), &one); err == nil {
		all = append(all, one)
	} else if err := json.Unmarshal([]byte(a.Body), &all); err != nil || len(all) != 1 {
		t.Fatalf("no answer of mailcow: %d %q %v", a.Status, a.Body, a.Err)
	}
	if all[0].Type == "success" {
		return ""
	}
	return fmt.Sprint(all[0].Message)
}

func TestFaultsAnswerInItsOwnWords(t *testing.T) {
	t.Parallel()
	sandboxtest.CheckFaults(t, sandboxtest.Driver{
		StandIn: StandIn(),
		Set: func(b *sandboxtest.Bench, password string) sandboxtest.Answer {
			return bench{b}.call(request(mailbox, password, password), nil)
		},
		Refused: refused,
		Codes: map[core.Kind]string{
			core.RateLimit: "Too Many Requests", core.ServerError: "Internal Server Error", core.Unavailable: "Service Unavailable",
			core.Repeat: "Internal Server Error", core.Reject: "password_complexity", core.Unauthorized: "authentication failed",
			core.NotFound: "access_denied",
		},
	})
}

func TestARequestIsRefusedForWhatIsWrongWithIt(t *testing.T) {
	t.Parallel()
	b := bench{sandboxtest.Start(t, []core.StandIn{StandIn()}, sandboxtest.With(Code, core.ProviderConfig{Rate: &core.Rate{}}))}
	good := request(mailbox, "Standing-1", "Standing-1")
	for name, test := range map[string]struct {
		body string
		edit func(*http.Request)
		said string
	}{
		"another key":     {good, func(r *http.Request) { r.Header.Set("X-API-Key", "other") }, "authentication failed"},
		"another path":    {good, func(r *http.Request) { r.URL.Path = "/api/v1/add/mailbox" }, "route not found"},
		"another mailbox": {request("unknown@example.com", "Standing-1", "Standing-1"), nil, "access_denied"},
		"too simple":      {request(mailbox, "standing-1", "standing-1"), nil, "password_complexity"},
		"two passwords":   {request(mailbox, "Standing-1", "Standing-2"), nil, "password_mismatch"},
		"no JSON":         {"{", nil, "Request body doesn't contain valid json!"},
		"two mailboxes":   {`{"items": ["a@b.c", "d@e.f"]}`, nil, "This stand-in changes one mailbox at a time."},
	} {
		if got := refused(t, b.call(test.body, test.edit)); got != test.said {
			t.Errorf("%s: %q, want %q", name, got, test.said)
		}
	}
	if got := b.Target(Code, mailbox); got.Version != 0 {
		t.Errorf("a refused call changed the state to %+v", got)
	}
	if a := b.call(good, nil); refused(t, a) != "" || b.Target(Code, mailbox).Live != "Standing-1" {
		t.Errorf("a good one: %s", a.Body)
	}
}
