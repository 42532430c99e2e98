package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

const sender = "alerts@example.com"

// signTC3 signs as a client would. That the signature itself is right is TestTC3MatchesPublishedVectors's business.
func signTC3(r *http.Request, body, id, key string, at time.Time) {
	h := tc3Header{id: id, date: at.UTC().Format(time.DateOnly), service: "ses", signed: []string{"content-type", "host"}}
	stamp := strconv.FormatInt(at.Unix(), 10)
	r.Header.Set("X-TC-Timestamp", stamp)
	r.Header.Set("Authorization", fmt.Sprintf("TC3-HMAC-SHA256 Credential=%s/%s/ses/tc3_request, SignedHeaders=content-type;host, Signature=%s",
		id, h.date, tc3Signature(r, []byte(body), h, stamp, key)))
}

func (b *bench) tencentRequest(body string) *http.Request {
	r := b.request(http.MethodPost, b.Ready().Providers[TencentSES]+"/", body)
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	r.Header.Set("X-TC-Action", tencentOp)
	r.Header.Set("X-TC-Version", tencentVersion)
	r.Header.Set("X-TC-Region", "ap-singapore")
	signTC3(r, body, "testid", "testsecret", b.clock.now())
	return r
}

func tencentBody(sender, password string) string {
	body, err := json.Marshal(map[string]string{"EmailAddress": sender, "Password": password})
	if err != nil {
		panic(err)
	}
	return string(body)
}

// tencentCode is the error code of a reply, "" for success.
func tencentCode(t *testing.T, a answered) string {
	t.Helper()
	var out struct {
		Response struct {
			Error     struct{ Code string }
			RequestId string //nolint:revive // Tencent's spelling
		}
	}
	if err := json.Unmarshal([]byte(a.body), &out); err != nil || a.status != http.StatusOK || out.Response.RequestId == "" {
		t.Fatalf("no Tencent reply: %d %q %v", a.status, a.body, a.err)
	}
	return out.Response.Error.Code
}

func (b *bench) setTencent(password string) answered {
	return b.do(b.tencentRequest(tencentBody(sender, password)))
}

func TestTencentSetsThePasswordThatSMTPThenAccepts(t *testing.T) {
	t.Parallel()
	b := start(t)
	if code := b.login(TencentSES, sender, ""); code != 535 {
		t.Errorf("without a password SMTP answers %d, want 535", code)
	}
	for i, password := range []string{"ABcdef12345", "GHijkl67890"} {
		if code := tencentCode(t, b.setTencent(password)); code != "" {
			t.Fatalf("set: %s", code)
		}
		if s := b.state(TencentSES, sender); s.Live != password || s.Version != i+1 || len(s.History) != i+1 {
			t.Errorf("state %+v", s)
		}
	}
	if code := b.login(TencentSES, "Alerts@Example.com", "GHijkl67890"); code != 235 {
		t.Errorf("new password: %d, want 235", code)
	}
	if code := b.login(TencentSES, sender, "ABcdef12345"); code != 535 {
		t.Errorf("old password: %d, want 535", code)
	}
}

func TestTencentRefusesWithItsOwnCodes(t *testing.T) {
	t.Parallel()
	good := tencentBody(sender, "ABcdef12345")
	tests := []struct {
		name string
		body string
		edit func(*http.Request)
		want string
	}{
		{"standing password", tencentBody(sender, "STanding123"), nil, "OperationDenied.RepeatPassWord"},
		{"unknown sender", tencentBody("nobody@example.com", "ABcdef12345"), nil, "InvalidParameterValue.NoSuchSender"},
		{"9 characters", tencentBody(sender, "ABcdef123"), nil, "InvalidParameterValue.InvalidSmtpPassWord"},
		{"21 characters", tencentBody(sender, "ABcdef1234567890abcde"), nil, "InvalidParameterValue.InvalidSmtpPassWord"},
		{"one distinct digit", tencentBody(sender, "ABcdefg1111"), nil, "InvalidParameterValue.InvalidSmtpPassWord"},
		{"one distinct upper-case letter", tencentBody(sender, "AAbcdef1234"), nil, "InvalidParameterValue.InvalidSmtpPassWord"},
		{"no password", `{"EmailAddress":"alerts@example.com"}`, nil, "MissingParameter"},
		{"unknown parameter", `{"EmailAddress":"alerts@example.com","Password":"ABcdef12345","X":1}`, nil, "UnknownParameter"},
		{"wrong type", `{"EmailAddress":"alerts@example.com","Password":1}`, nil, "InvalidParameter"},
		{"address too long", tencentBody(strings.Repeat("a", 120)+"@example.com", "ABcdef12345"), nil, "InvalidParameterValue"},
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
	b := start(t, with(TencentSES, ProviderConfig{Rate: &Rate{}}))
	if code := tencentCode(t, b.setTencent("STanding123")); code != "" {
		t.Fatal(code)
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := b.tencentRequest(test.body)
			if test.edit != nil {
				test.edit(r)
			}
			if code := tencentCode(t, b.do(r)); code != test.want {
				t.Errorf("code %q, want %q", code, test.want)
			}
			if s := b.state(TencentSES, sender); s.Live != "STanding123" || s.Version != 1 {
				t.Errorf("a refused call changed the state to %+v", s)
			}
		})
	}
}

func TestTC3MatchesPublishedVectors(t *testing.T) {
	t.Parallel()
	const body = `{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}`
	at := time.Unix(1551113065, 0)
	tests := []struct{ key, signed, signature string }{
		{"Gu5t9xGARNpq86cd98joQYCN3EXAMPLE", "content-type;host", "72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168"},
		{strings.Repeat("*", 32), "content-type;host;x-tc-action", "10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f"},
	}
	for _, test := range tests {
		t.Run(test.signed, func(t *testing.T) {
			t.Parallel()
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://cvm.tencentcloudapi.com/", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/json; charset=utf-8")
			r.Header.Set("X-TC-Action", "DescribeInstances")
			r.Header.Set("X-TC-Timestamp", "1551113065")
			r.Header.Set("Authorization", "TC3-HMAC-SHA256 Credential=ID/2019-02-25/cvm/tc3_request, SignedHeaders="+
				test.signed+", Signature="+test.signature)
			secret := func(string) (string, bool) { return test.key, true }
			if id, code := verifyTC3(r, []byte(body), "cvm", at, secret); id != "ID" || code != "" {
				t.Errorf("refused with %q", code)
			}
			if _, code := verifyTC3(r, []byte(body+" "), "cvm", at, secret); code != tcSignatureFailure {
				t.Errorf("another body: %q, want a refusal", code)
			}
		})
	}
}
