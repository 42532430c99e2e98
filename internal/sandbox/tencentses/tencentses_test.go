package tencentses

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"keyturn/internal/sandbox/core"
	"keyturn/internal/sandbox/sandboxtest"
	"keyturn/internal/sandbox/signature"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a sandbox of this stand-in.
type bench struct{ *sandboxtest.Bench }

func start(t *testing.T, edit ...func(*core.Config)) bench {
	t.Helper()
	return bench{sandboxtest.Start(t, []core.StandIn{StandIn()}, edit...)}
}

const sender = "alerts@example.com"

// signTC3 signs as a client would. That the signature itself is right is the business of signature's own tests.
func signTC3(r *http.Request, body, id, key string, at time.Time) {
	h := signature.TC3{ID: id, Date: at.UTC().Format(time.DateOnly), Service: "ses", Signed: []string{"content-type", "host"}}
	stamp := strconv.FormatInt(at.Unix(), 10)
	r.Header.Set("X-TC-Timestamp", stamp)
	r.Header.Set("Authorization", fmt.Sprintf("TC3-HMAC-SHA256 Credential=%s/%s/ses/tc3_request, SignedHeaders=content-type;host, Signature=%s",
		id, h.Date, h.Sign(r, []byte(body), stamp, key)))
}

func (b bench) signed(body string) *http.Request {
	r := b.Request(http.MethodPost, b.Ready().Providers[Code]+"/", body)
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	r.Header.Set("X-TC-Action", op)
	r.Header.Set("X-TC-Version", version)
	r.Header.Set("X-TC-Region", "ap-singapore")
	signTC3(r, body, "testid", "testsecret", b.Clock.Now())
	return r
}

func passwordBody(sender, password string) string {
	body, err := json.Marshal(map[string]string{"EmailAddress": sender, "Password": password})
	if err != nil {
		panic(err)
	}
	return string(body)
}

// tencentCode is the error code of a reply, "" for success.
func refused(t testing.TB, a sandboxtest.Answer) string {
	t.Helper()
	var out struct {
		Response struct {
			Error     struct{ Code string }
			RequestId string //nolint:revive // Tencent's spelling
		}
	}
	if err := json.Unmarshal([]byte(a.Body), &out); err != nil || a.Status != http.StatusOK || out.Response.RequestId == "" {
		t.Fatalf("no Tencent reply: %d %q %v", a.Status, a.Body, a.Err)
	}
	return out.Response.Error.Code
}

func (b bench) set(password string) sandboxtest.Answer {
	return b.Do(b.signed(passwordBody(sender, password)))
}

func TestFaultsAnswerInItsOwnWords(t *testing.T) {
	t.Parallel()
	sandboxtest.CheckFaults(t, sandboxtest.Driver{
		StandIn: StandIn(),
		Set:     func(b *sandboxtest.Bench, password string) sandboxtest.Answer { return bench{b}.set(password) },
		Refused: refused,
		Codes: map[core.Kind]string{
			core.RateLimit: "RequestLimitExceeded", core.ServerError: "InternalError",
			core.Unavailable: "FailedOperation.ServiceNotAvailable", core.Repeat: "OperationDenied.RepeatPassWord",
			core.Reject: "InvalidParameterValue.InvalidSmtpPassWord", core.Unauthorized: "AuthFailure.SignatureFailure",
			core.NotFound: "InvalidParameterValue.NoSuchSender",
		},
	})
}

func TestATargetIsAnAddress(t *testing.T) {
	t.Parallel()
	if _, err := start(t).AddTargets(Code, core.Target{Target: "x"}); err == nil || err.Error() != `provider tencent-ses: target "x" is not an address` {
		t.Errorf("error %v", err)
	}
}

func TestSetsThePasswordThatSMTPThenAccepts(t *testing.T) {
	t.Parallel()
	b := start(t)
	if code := b.Login(Code, sender, ""); code != 535 {
		t.Errorf("without a password SMTP answers %d, want 535", code)
	}
	for i, password := range []string{"ABcdef12345", "GHijkl67890"} {
		if code := refused(t, b.set(password)); code != "" {
			t.Fatalf("set: %s", code)
		}
		if s := b.Target(Code, sender); s.Live != password || s.Version != i+1 || len(s.History) != i+1 {
			t.Errorf("state %+v", s)
		}
	}
	if code := b.Login(Code, "Alerts@Example.com", "GHijkl67890"); code != 235 {
		t.Errorf("new password: %d, want 235", code)
	}
	if code := b.Login(Code, sender, "ABcdef12345"); code != 535 {
		t.Errorf("old password: %d, want 535", code)
	}
}

func TestRefusesWithItsOwnCodes(t *testing.T) {
	t.Parallel()
	good := passwordBody(sender, "ABcdef12345")
	tests := []struct {
		name string
		body string
		edit func(*http.Request)
		want string
	}{
		{"standing password", passwordBody(sender, "STanding123"), nil, "OperationDenied.RepeatPassWord"},
		{"unknown sender", passwordBody("unknown@example.com", "ABcdef12345"), nil, "InvalidParameterValue.NoSuchSender"},
		{"9 characters", passwordBody(sender, "ABcdef123"), nil, "InvalidParameterValue.InvalidSmtpPassWord"},
		{"21 characters", passwordBody(sender, "ABcdef1234567890abcde"), nil, "InvalidParameterValue.InvalidSmtpPassWord"},
		{"one distinct digit", passwordBody(sender, "ABcdefg1111"), nil, "InvalidParameterValue.InvalidSmtpPassWord"},
		{"one distinct upper-case letter", passwordBody(sender, "AAbcdef1234"), nil, "InvalidParameterValue.InvalidSmtpPassWord"},
		{"no password", `{"EmailAddress":"alerts@example.com"}`, nil, "MissingParameter"},
		{"unknown parameter", `{"EmailAddress":"alerts@example.com","Password":"ABcdef12345","X":1}`, nil, "UnknownParameter"},
		{"wrong type", `{"EmailAddress":"alerts@example.com","Password":1}`, nil, "InvalidParameter"},
		{"address too long", passwordBody(strings.Repeat("a", 120)+"@example.com", "ABcdef12345"), nil, "InvalidParameterValue"},
		{"no action", good, func(r *http.Request) { r.Header.Del("X-TC-Action") }, "MissingParameter"},
		{"no region", good, func(r *http.Request) { r.Header.Del("X-TC-Region") }, "MissingParameter"},
		{"other action", good, func(r *http.Request) { r.Header.Set("X-TC-Action", "SendEmail") }, "InvalidAction"},
		{"other version", good, func(r *http.Request) { r.Header.Set("X-TC-Version", "2017-03-12") }, "NoSuchVersion"},
		{"other region", good, func(r *http.Request) { r.Header.Set("X-TC-Region", "us-east-1") }, "UnsupportedRegion"},
		{"no signature", good, func(r *http.Request) { r.Header.Set("Authorization", "Basic x") }, "AuthFailure.InvalidAuthorization"},
		{"unknown key", good, func(r *http.Request) { signTC3(r, good, "other", "testsecret", time.Now()) }, "AuthFailure.SecretIdNotFound"},
		{"wrong secret", good, func(r *http.Request) { signTC3(r, good, "testid", "x", time.Now()) }, "AuthFailure.SignatureFailure"},
		{"signed for another body", good, func(r *http.Request) { signTC3(r, "{}", "testid", "testsecret", time.Now()) }, "AuthFailure.SignatureFailure"},
		{"clock 6 minutes behind", good, func(r *http.Request) {
			signTC3(r, good, "testid", "testsecret", time.Now().Add(-6*time.Minute))
		}, "AuthFailure.SignatureExpire"},
		{"clock 6 minutes ahead", good, func(r *http.Request) {
			signTC3(r, good, "testid", "testsecret", time.Now().Add(6*time.Minute))
		}, "AuthFailure.SignatureExpire"},
	}
	b := start(t, sandboxtest.With(Code, core.ProviderConfig{Rate: &core.Rate{}}))
	if code := refused(t, b.set("STanding123")); code != "" {
		t.Fatal(code)
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := b.signed(test.body)
			if test.edit != nil {
				test.edit(r)
			}
			if code := refused(t, b.Do(r)); code != test.want {
				t.Errorf("code %q, want %q", code, test.want)
			}
			if s := b.Target(Code, sender); s.Live != "STanding123" || s.Version != 1 {
				t.Errorf("a refused call changed the state to %+v", s)
			}
		})
	}
}
