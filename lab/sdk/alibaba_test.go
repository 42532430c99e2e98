package sdk_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	openapi "github.com/alibabacloud-go/darabonba-openapi/v2/client"
	openapiutil "github.com/alibabacloud-go/darabonba-openapi/v2/utils"
	"github.com/alibabacloud-go/tea/dara"
	"github.com/alibabacloud-go/tea/tea"
)

const (
	directMail    = "alibaba-directmail"
	alibabaDomain = "alibaba-domain"
)

// alone keeps calls of the SDK apart: clients share one http.Client, whose time-out each call sets without a lock.
var alone sync.Mutex

// rpc is one call of an RPC-style API, as the generated products make it through the SDK's CallApi.
type rpc struct {
	code, action, version string
	secret                string // "" means the right one
	query, form           map[string]any
	wire                  *wire // sees what is sent and answered; nil if no test looks
}

// wire keeps what went over the wire in the SDK's last call.
type wire struct {
	authorization string
	answered      http.Header
}

func (w *wire) Call(request *http.Request, transport *http.Transport) (*http.Response, error) {
	response, err := transport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	w.authorization, w.answered = request.Header.Get("Authorization"), response.Header
	return response, nil
}

func (c rpc) call(t *testing.T) (map[string]any, error) {
	t.Helper()
	alone.Lock()
	defer alone.Unlock()
	key := c.secret
	if key == "" {
		key = keySecret
	}
	config := &openapi.Config{
		AccessKeyId: dara.String(keyID), AccessKeySecret: dara.String(key),
		Endpoint: dara.String(host(t, c.code)), Protocol: dara.String("HTTP"),
	}
	if c.wire != nil {
		config.HttpClient = c.wire
	}
	client, err := openapi.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	request := &openapi.OpenApiRequest{Query: map[string]*string{}}
	for name, value := range c.query {
		request.Query[name] = dara.String(value.(string))
	}
	if c.form != nil {
		request.Body = c.form
	}
	answer, err := client.CallApi(&openapi.Params{
		Action: dara.String(c.action), Version: dara.String(c.version), Protocol: dara.String("HTTPS"),
		Pathname: dara.String("/"), Method: dara.String("POST"), AuthType: dara.String("AK"), Style: dara.String("RPC"),
		ReqBodyType: dara.String("formData"), BodyType: dara.String("json"),
	}, request, &dara.RuntimeOptions{})
	if err != nil {
		return nil, err
	}
	body, ok := answer["body"].(map[string]any)
	if !ok {
		t.Fatalf("the SDK reads a body of type %T", answer["body"])
	}
	return body, nil
}

func modify(domain, password string) rpc {
	return rpc{
		code: directMail, action: "ModifyPWByDomain", version: "2015-11-23",
		query: map[string]any{"DomainName": domain, "Password": password},
	}
}

func TestAlibabaSDKSetsAPassword(t *testing.T) {
	t.Parallel()
	domain := target(t, directMail, "set-%d.example")
	inQuery := modify(domain, "ABcdef123456") // as the SDK of DirectMail sends it
	inBody := modify(domain, "ABcdef654321")  // as keyturn does
	inBody.form, inBody.query = inBody.query, nil
	for i, c := range []rpc{inQuery, inBody} {
		body, err := c.call(t)
		if err != nil || body["Success"] != "true" || body["RequestId"] == "" {
			t.Fatalf("body %v, error %v", body, err)
		}
		wantLive(t, directMail, domain, []string{"ABcdef123456", "ABcdef654321"}[i], i+1)
	}
}

func TestAlibabaSDKReadsTheSandboxsErrors(t *testing.T) {
	t.Parallel()
	domain := target(t, directMail, "errors-%d.example")
	const password = "ABcdef123456"
	if _, err := modify(domain, password).call(t); err != nil {
		t.Fatal(err)
	}
	wrong := modify(domain, password)
	wrong.secret = "wrong"
	for code, c := range map[string]rpc{
		"InvalidDomainPassword.equalcurrent": modify(domain, password),
		"InvalidDomainPassword.Malformed":    modify(domain, "short"),
		"InvalidDomain.NotFound":             modify("unknown.example", password),
		"SignatureDoesNotMatch":              wrong,
	} {
		_, err := c.call(t)
		wantAlibaba(t, err, code)
	}
	wantLive(t, directMail, domain, password, 1)
}

// The SDK sleeps for as many milliseconds as TimeLeft says, so that is what the sandbox must say.
func TestAlibabaSDKReadsHowLongToWait(t *testing.T) {
	t.Parallel()
	domain := target(t, directMail, "throttled-%d.example")
	strike(t, directMail, domain, "rate_limit", map[string]any{"retry_after": "1500ms"})
	c := modify(domain, "ABcdef123456")
	c.wire = &wire{}
	_, err := c.call(t)
	wantAlibaba(t, err, "Throttling.User")
	left := openapiutil.GetThrottlingTimeLeft(map[string]*string{
		"x-ratelimit-user-api": dara.String(c.wire.answered.Get("X-Ratelimit-User-Api")),
		"x-ratelimit-user":     dara.String(c.wire.answered.Get("X-Ratelimit-User")),
	})
	if dara.Int64Value(left) != 1500 {
		t.Errorf("the SDK reads %d ms, want 1500", dara.Int64Value(left))
	}
	if !strings.HasPrefix(c.wire.authorization, "ACS3-HMAC-SHA256 ") {
		t.Error("the SDK signs with another scheme than ours")
	}
}

func TestAlibabaSDKVerifiesContacts(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"2018-01-29", "2017-12-18"} {
		address := fmt.Sprintf("contact-%d@example.com", targets.Add(1))
		body, err := rpc{code: alibabaDomain, action: "SubmitEmailVerification", version: version, query: map[string]any{
			"Email": address + ",aaa@test.com,bbb@test.com", "SendIfExist": "false", "Lang": "en",
		}}.call(t)
		if err != nil {
			t.Fatal(err)
		}
		for list, want := range map[string][2]string{
			"successList": {address, ""},
			"existList":   {"aaa@test.com", ""},
			"failList":    {"bbb@test.com", "SendTokenQuotaExceeded"},
		} {
			results, _ := body[list].([]any)
			if len(results) != 1 {
				t.Errorf("%s of %s: %v", list, version, body)
				continue
			}
			one, _ := results[0].(map[string]any)
			code, _ := one["code"].(string)
			if one["email"] != want[0] || code != want[1] {
				t.Errorf("%s of %s: %v, want %v", list, version, one, want)
			}
		}
	}
	_, err := rpc{code: alibabaDomain, action: "SubmitEmailVerification", version: "2018-01-29", query: map[string]any{"Email": "x"}}.call(t)
	wantAlibaba(t, err, "ParameterIllegal")
}

func wantAlibaba(t *testing.T, err error, code string) {
	t.Helper()
	refusal, ok := errors.AsType[*tea.SDKError](err)
	if !ok || dara.StringValue(refusal.Code) != code || dara.IntValue(refusal.StatusCode) < http.StatusBadRequest ||
		!strings.Contains(dara.StringValue(refusal.Message), "request id: ") {
		t.Errorf("got %v, want %s with a request id", err, code)
	}
}
