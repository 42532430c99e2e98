package tencentses

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"keyturn/internal/providers/providertest"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// set makes the call at the time of the fixtures.
func set(t *testing.T, s rotation.Settings) error {
	t.Helper()
	made, err := newClient(s)
	if err != nil {
		t.Fatal(err)
	}
	c := made.Setter.(*client)
	c.http.Now = func() time.Time { return time.Unix(1551113065, 0) }
	return c.Set(t.Context(), "alerts@example.com", secret.New("DM1mail1234Pass"))
}

func call(t *testing.T, answer providertest.Answer) error {
	t.Helper()
	return set(t, providertest.Serve(t, answer).Settings(Provider(), regionGuangzhou))
}

func TestTheProviderIsAsItsPagesSay(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 64) + "@" + strings.Repeat("b", 60) + ".com"
	providertest.Suite(t, providertest.Case{
		Provider: Provider(), Make: set,
		Sent:      map[string]string{"": "set.request", regionHongkong: "set-hongkong.request", regionSingapore: "set-singapore.request"},
		Successes: []string{"success.json"}, Odd: []string{"success.json"},
		Refusals: []string{"error.json"}, RequestID: "8979fc1e-9564-4fc9-bf7d-2958ce679b72",
		Targets: map[string]string{
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
		},
	})
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

func TestAnOddlyWrappedSuccessIsNotNeedlesslyInDoubt(t *testing.T) {
	t.Parallel()
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
