package tencentses

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"keyturn/internal/httpx"
	"keyturn/internal/providers/providertest"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

const requestID = "8979fc1e-9564-4fc9-bf7d-2958ce679b72"

func set(t *testing.T, server *providertest.Server, region string) error {
	t.Helper()
	made, err := newClient(server.Settings(Provider(), region))
	if err != nil {
		t.Fatal(err)
	}
	c := made.Setter.(*client)
	c.http.Now = func() time.Time { return time.Unix(1551113065, 0) }
	return c.Set(t.Context(), "alerts@example.com", secret.New("DM1mail1234Pass"))
}

func call(t *testing.T, answer providertest.Answer) error {
	t.Helper()
	return set(t, providertest.Serve(t, answer), regionGuangzhou)
}

func TestSetSendsWhatThePageAsksFor(t *testing.T) {
	t.Parallel()
	for region, fixture := range map[string]string{
		"":              "set.request",
		regionHongkong:  "set-hongkong.request",
		regionSingapore: "set-singapore.request",
	} {
		t.Run(region, func(t *testing.T) {
			t.Parallel()
			server := providertest.Serve(t, providertest.Answer{Body: providertest.Fixture(t, "success.json")})
			if err := set(t, server, region); err != nil {
				t.Fatal(err)
			}
			providertest.CheckSent(t, server, fixture)
		})
	}
}

func TestEachErrorCodeHasItsKind(t *testing.T) {
	t.Parallel()
	body := providertest.Fixture(t, "error.json")
	providertest.CheckTable(t, errorTable(), call, func(row rotation.ErrorRow) providertest.Answer {
		if strings.HasPrefix(row.Code, "HTTP ") {
			return providertest.Answer{Status: row.Status, Body: `{"Response":{}}`}
		}
		code := strings.Replace(row.Code, "*", ".Detail", 1)
		return providertest.Answer{Status: row.Status, Body: strings.Replace(body, "CODE", code, 1)}
	})
}

func TestAnErrorNamesCodeAndRequestIDButNotTheMessage(t *testing.T) {
	t.Parallel()
	body := strings.Replace(providertest.Fixture(t, "error.json"), "CODE", "InvalidParameterValue.NoSuchSender", 1)
	failure := providertest.CheckKind(t, call(t, providertest.Answer{Body: body}), rotation.Target)
	if failure.Code != "InvalidParameterValue.NoSuchSender" || failure.RequestID != requestID {
		t.Errorf("got code %q and request id %q", failure.Code, failure.RequestID)
	}
	if text := failure.Error(); strings.Contains(text, "what the provider says") {
		t.Errorf("%q repeats the provider's message", text)
	}
}

func TestAnUnknownCodeIsInDoubt(t *testing.T) {
	t.Parallel()
	body := strings.Replace(providertest.Fixture(t, "error.json"), "CODE", "Something.New", 1)
	providertest.CheckKind(t, call(t, providertest.Answer{Body: body}), rotation.InDoubt)
}

func TestAnExpiredSignatureNamesTheSkew(t *testing.T) {
	t.Parallel()
	failure := providertest.CheckKind(t, call(t, providertest.Answer{
		Header: map[string]string{"Date": time.Unix(1551113065+600, 0).UTC().Format(http.TimeFormat)},
		Body:   strings.Replace(providertest.Fixture(t, "error.json"), "CODE", "AuthFailure.SignatureExpire", 1),
	}), rotation.ClockSkew)
	if text := failure.Error(); !strings.Contains(text, "10m0s behind") {
		t.Errorf("%q does not name the skew", text)
	}
}

func TestASuccessWithAnErrorStatusIsInDoubt(t *testing.T) {
	t.Parallel()
	providertest.CheckKind(t, call(t, providertest.Answer{Status: http.StatusBadGateway, Body: providertest.Fixture(t, "success.json")}), rotation.InDoubt)
}

func TestAnOddlyWrappedSuccessIsNotNeedlesslyInDoubt(t *testing.T) {
	t.Parallel()
	providertest.CheckOddSuccess(t, call, providertest.Fixture(t, "success.json"))
	for body, success := range map[string]bool{
		`{"Response":{"RequestId":12345}}`:                       true,
		`{"Response":{"RequestId":"1","Error":null}}`:            true,
		"{\"Response\":{\"RequestId\":\"1\",\"Note\":\"\xe4\"}}": true,
		`{"Response":{"RequestId":"1","Error":[]}}`:              false,
		`{"Response":{"RequestId":"1","Error":{}}}`:              false,
		`{"Response":{"RequestId":""}}`:                          false,
		`[{"Response":{"RequestId":"1"}}]`:                       false,
		`{"Response":"{\"RequestId\":\"1\"}"}`:                   false,
	} {
		if err := call(t, providertest.Answer{Body: body}); (err == nil) != success {
			t.Errorf("%s: %v", body, err)
		} else if !success {
			providertest.CheckKind(t, err, rotation.InDoubt)
		}
	}
}

func TestAnUnreadableAnswerIsInDoubt(t *testing.T) {
	t.Parallel()
	providertest.CheckMalformed(t, call)
}

func TestThrottlingSaysHowLongToWait(t *testing.T) {
	t.Parallel()
	providertest.CheckThrottled(t, call)
}

func TestCheckTargetGivesOneSpelling(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 64) + "@" + strings.Repeat("b", 60) + ".com"
	for target, want := range map[string]string{
		"alerts@example.com":        "alerts@example.com",
		" Alerts@EXAMPLE.com ":      "Alerts@example.com",
		"alerts@example.com.":       "alerts@example.com",
		"alerts@exa\u0308mple。com":  "alerts@xn--exmple-cua.com",
		"alerts@XN--EXMPLE-CUA.com": "alerts@xn--exmple-cua.com",
		"ａlerts＠example.com":        "alerts@example.com",
		"":                          "",
		"example.com":               "",
		"Alerts <a@example.com>":    "",
		"a@example.com,b@x.com":     "",
		long:                        "",
		"a@example.com\nX-Evil: 1":  "",
	} {
		got, err := checkTarget(target)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("checkTarget(%q) = %q, %v; want %q", target, got, err, want)
		}
	}
}

func TestNewRefusesABadSetting(t *testing.T) {
	t.Parallel()
	good := providertest.Serve(t, providertest.Answer{}).Settings(Provider(), regionGuangzhou)
	for name, spoil := range map[string]func(*rotation.Settings){
		"region":   func(s *rotation.Settings) { s.Region = "eu-frankfurt" },
		"key":      func(s *rotation.Settings) { s.Keys = map[string]secret.Value{keySecretID: secret.New("id")} },
		"endpoint": func(s *rotation.Settings) { s.Endpoint = "ftp://example.com" },
		"time-out": func(s *rotation.Settings) { s.Timeout = 0 },
	} {
		s := good
		spoil(&s)
		if _, err := Provider().New(s); err == nil {
			t.Errorf("a bad %s was accepted", name)
		}
	}
	if _, err := httpx.ParseEndpoint(Provider().Endpoint(regionSingapore)); err != nil {
		t.Error(err)
	}
}
