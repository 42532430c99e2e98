package alibabadirectmail

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"keyturn/internal/providers/providertest"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// set makes the call at the time and with the nonce of the fixtures.
func set(t *testing.T, s rotation.Settings) error {
	t.Helper()
	made, err := newClient(s)
	if err != nil {
		t.Fatal(err)
	}
	c := made.Setter.(*client)
	c.http.Now = func() time.Time { return time.Date(2023, 10, 26, 10, 22, 32, 0, time.UTC) }
	c.nonce = func() string { return "3156853299f313e23d1673dc12e1703d" }
	return c.Set(t.Context(), "example.com", secret.New("DM1mail1234&=+% Pass"))
}

func call(t *testing.T, answer providertest.Answer) error {
	t.Helper()
	return set(t, providertest.Serve(t, answer).Settings(Provider(), ""))
}

func TestTheProviderIsAsItsPagesSay(t *testing.T) {
	t.Parallel()
	providertest.Suite(t, providertest.Case{
		Provider: Provider(), Make: set,
		Sent:      map[string]string{"": "set.request", "ap-southeast-1": "set-singapore.request"},
		Successes: []string{"success.json", "success-bool.json", "success-bare.json", "success.xml"},
		Odd:       []string{"success.json"},
		Refusals:  []string{"error.json", "error.xml"}, RequestID: "02B2A890-CBD8-4806-9BCA-C93190CE7EF6",
		Targets: map[string]string{
			"example.com":                 "example.com",
			" Mail-1.EXAMPLE.com ":        "mail-1.example.com",
			strings.Repeat("a", 50):       strings.Repeat("a", 50),
			strings.Repeat("a", 51):       "",
			"":                            "",
			"a@example.com":               "",
			"exa_mple.com":                "",
			"example.com&Password=x":      "",
			"exämple.com":                 "xn--exmple-cua.com",
			"XN--EXMPLE-CUA.com":          "xn--exmple-cua.com",
			"example.com.":                "example.com",
			"example。com":                 "example.com",
			"example..com":                "",
			"example.com\nexample.org":    "",
			"https://example.com/somedir": "",
		},
	})
}

func TestSetNeverPutsThePasswordIntoTheURL(t *testing.T) {
	t.Parallel()
	server := providertest.Serve(t, providertest.Answer{Body: providertest.Fixture(t, "success.json")})
	if err := set(t, server.Settings(Provider(), "")); err != nil {
		t.Fatal(err)
	}
	for _, request := range server.Sent() {
		head, _, _ := strings.Cut(request, "\n\n")
		if strings.Contains(head, "Pass") || strings.Contains(head, "?") {
			t.Errorf("a parameter is outside of the body:\n%s", head)
		}
	}
}

func TestEveryRequestHasANonceOfItsOwn(t *testing.T) {
	t.Parallel()
	server := providertest.Serve(t, providertest.Answer{Body: providertest.Fixture(t, "success.json")})
	c, err := newClient(server.Settings(Provider(), ""))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for range 3 {
		if err := c.Setter.Set(t.Context(), "example.com", secret.New("DM1mail1234Pass")); err != nil {
			t.Fatal(err)
		}
	}
	for _, request := range server.Sent() {
		_, rest, _ := strings.Cut(request, "X-Acs-Signature-Nonce: ")
		nonce, _, _ := strings.Cut(rest, "\n")
		seen[nonce] = true
	}
	if len(seen) != 3 || seen[""] {
		t.Errorf("three requests have the nonces %v", seen)
	}
}

func TestAFailureWithHTTP200IsAFailure(t *testing.T) {
	t.Parallel()
	body := providertest.Fixture(t, "failure.json")
	for code, kind := range map[string]rotation.Kind{
		"InvalidDomainPassword.equalcurrent": rotation.Repeat,
		"Something.New":                      rotation.InDoubt,
		"OK":                                 rotation.InDoubt,
		"":                                   rotation.InDoubt,
	} {
		providertest.CheckKind(t, call(t, providertest.Answer{Body: strings.Replace(body, "CODE", code, 1)}), kind)
	}
}

func TestAnExpiredTimestampNamesTheSkew(t *testing.T) {
	t.Parallel()
	failure := providertest.CheckKind(t, call(t, providertest.Answer{
		Status: http.StatusBadRequest,
		Header: map[string]string{"Date": "Thu, 26 Oct 2023 10:02:32 GMT"},
		Body:   strings.Replace(providertest.Fixture(t, "error.json"), "CODE", "InvalidTimeStamp.Expired", 1),
	}), rotation.ClockSkew)
	if text := failure.Error(); !strings.Contains(text, "20m0s ahead") {
		t.Errorf("%q does not name the skew", text)
	}
}

func TestAnOddlyWrappedSuccessIsNotNeedlesslyInDoubt(t *testing.T) {
	t.Parallel()
	for body, success := range map[string]bool{
		`{"RequestId":"1","Success":1}`:                                           true,
		`{"RequestId":"1","Success":"1"}`:                                         true,
		`{"RequestId":1,"Success":"TRUE"}`:                                        true,
		`{"RequestId":"1","Success":"yes"}`:                                       true,
		"<?xml version='1.0' encoding='UTF-16'?><R><Success> True </Success></R>": true,
		"<R><Message>a & b</Message><Success>1</Success></R>":                     true,
		`{"RequestId":"1","Success":0}`:                                           false,
		`{"RequestId":"1","Success":"0"}`:                                         false,
		`{"RequestId":"1","Success":2}`:                                           false,
		`{"RequestId":"1","Success":null}`:                                        false,
		`{"RequestId":"1","Success":[true]}`:                                      false,
		`{"RequestId":"1","Code":"OK","Success":"no"}`:                            false,
		`{"RequestId":"1","Code":200,"Success":true}`:                             false,
		"<R><Success>true</Success>":                                              false,
		"<R><Success>true</R></Success>":                                          false,
	} {
		if err := call(t, providertest.Answer{Body: body}); (err == nil) != success {
			t.Errorf("%s: %v", body, err)
		} else if !success {
			providertest.CheckKind(t, err, rotation.InDoubt)
		}
	}
}

func TestThrottlingSaysHowLongToWait(t *testing.T) {
	t.Parallel()
	body := strings.Replace(providertest.Fixture(t, "error.json"), "CODE", "Throttling.User", 1)
	for name, test := range map[string]struct {
		header map[string]string
		want   time.Duration
	}{
		"no header":         {nil, 0},
		"user and call":     {map[string]string{"x-ratelimit-user-api": "Limit:5,Remain:0,TimeLeft:1500"}, 1500 * time.Millisecond},
		"user":              {map[string]string{"x-ratelimit-user": "TimeLeft:20000, Limit:5"}, 20 * time.Second},
		"at least a second": {map[string]string{"x-ratelimit-user": "TimeLeft:3"}, time.Second},
		"the longer of two": {map[string]string{"x-ratelimit-user-api": "Remain:0,TimeLeft:2000", "x-ratelimit-user": "Remain:0,TimeLeft:5000,Reset:9"}, 5 * time.Second},
		"unreadable":        {map[string]string{"x-ratelimit-user": "TimeLeft:soon"}, 0},
		"Retry-After first": {map[string]string{"Retry-After": "9", "x-ratelimit-user": "TimeLeft:3"}, 9 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := providertest.Answer{Status: http.StatusBadRequest, Header: test.header, Body: body}
			if failure := providertest.CheckKind(t, call(t, answer), rotation.RateLimited); failure.RetryAfter != test.want {
				t.Errorf("RetryAfter is %v, want %v", failure.RetryAfter, test.want)
			}
		})
	}
}
