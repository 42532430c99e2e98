package alibabadirectmail

import (
	"encoding/xml"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"keyturn/internal/sandbox/core"
	"keyturn/internal/sandbox/sandboxtest"
	"keyturn/internal/sandbox/signature"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, edit ...func(*core.Config)) *sandboxtest.Bench {
	t.Helper()
	return sandboxtest.Start(t, []core.StandIn{StandIn()}, edit...)
}

// sumOfNothing is the SHA-256 of an empty body.
const sumOfNothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func setting(password string) sandboxtest.ACS3 {
	return sandboxtest.ACS3{
		Code: Code, Action: op, Version: version, Accept: "application/json",
		Form: url.Values{"DomainName": {"example.com"}, "Password": {password}},
	}
}

func TestFaultsAnswerInItsOwnWords(t *testing.T) {
	t.Parallel()
	sandboxtest.CheckFaults(t, sandboxtest.Driver{
		StandIn: StandIn(),
		Set:     func(b *sandboxtest.Bench, password string) sandboxtest.Answer { return b.ACS3(setting(password)) },
		Refused: func(t testing.TB, a sandboxtest.Answer) string {
			t.Helper()
			if code := sandboxtest.ACS3Code(t, a); code != "OK" {
				return code
			}
			return ""
		},
		Codes: map[core.Kind]string{
			core.RateLimit: "Throttling.User", core.ServerError: "InternalError", core.Unavailable: "ServiceUnavailable",
			core.Repeat: "InvalidDomainPassword.equalcurrent", core.Reject: "InvalidDomainPassword.Malformed",
			core.Unauthorized: "Forbidden.RAM", core.NotFound: "InvalidDomain.NotFound",
		},
	})
}

func TestARateLimitFaultSaysHowLongToWaitInMilliseconds(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.Inject(core.Fault{Kind: core.RateLimit, RetryAfter: core.Duration(1500 * time.Millisecond)})
	if a := b.ACS3(setting("NEwpass12345")); a.Status != 400 || a.Header.Get("X-Ratelimit-User-Api") != "Remain:0,TimeLeft:1500" {
		t.Errorf("%d %v", a.Status, a.Header)
	}
	if s := b.Stats()[Code]; s.RateLimited != 1 || s.Injected429 != 1 || s.Accepted != 0 {
		t.Errorf("%+v", s)
	}
}

func TestASuccessFalseWithStatus200CanBeAskedFor(t *testing.T) {
	t.Parallel()
	b := start(t)
	b.Inject(core.Fault{Kind: core.WithCode, Code: "InvalidDomainStatus.Malformed", Status: 200})
	a := b.ACS3(setting("NEwpass12345"))
	if a.Status != 200 || !strings.Contains(a.Body, `"Success":"false"`) || sandboxtest.ACS3Code(t, a) != "InvalidDomainStatus.Malformed" {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}

func TestABadOptionIsNamed(t *testing.T) {
	t.Parallel()
	for want, options := range map[string]core.Options{
		`provider alibaba-directmail: success_as "maybe" is not one of string, bool`: {successAs: "maybe"},
		`provider alibaba-directmail: password_in_url "0" is not one of true, false`: {passwordInURL: "0"},
	} {
		_, err := core.Start(t.Context(), core.Config{
			Now: time.Now, StandIns: []core.StandIn{StandIn()}, Providers: map[string]core.ProviderConfig{Code: {Options: options}},
		})
		if err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestSetsThePasswordOfADomainAndItsSenders(t *testing.T) {
	t.Parallel()
	b := start(t)
	a := b.ACS3(setting("DM1mAil1234"))
	if a.Status != http.StatusOK || !strings.Contains(a.Body, `"Code":"OK"`) || !strings.Contains(a.Body, `"Success":"true"`) {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	for _, user := range []string{"example.com", "news@example.com"} {
		if code := b.Login(Code, user, "DM1mAil1234"); code != 235 {
			t.Errorf("login as %s: %d", user, code)
		}
	}
	if code := b.Login(Code, "example.org", "DM1mAil1234"); code != 535 {
		t.Errorf("login as another domain: %d", code)
	}
}

func TestTakesAPasswordInTheURLCountsItAndWarns(t *testing.T) {
	t.Parallel()
	var log lockedBuffer
	b := start(t, func(c *core.Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	for _, password := range []string{"DM1mAil1234", "DM1mAil5678"} {
		call := setting(password)
		call.Query, call.Form = call.Form, nil
		if a := b.ACS3(call); a.Status != http.StatusOK {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
		if live := b.State()[Code]["example.com"].Live; live != password {
			t.Errorf("%q is live", live)
		}
	}
	if a := b.ACS3(setting("DM1mAil9012")); a.Status != http.StatusOK {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	if n := b.Stats()[Code].InURL; n != 2 {
		t.Errorf("counted %d", n)
	}
	if text := log.String(); strings.Count(text, "password in the URL") != 1 || strings.Contains(text, "DM1mAil") {
		t.Errorf("the log is\n%s", text)
	}
	b.ResetStats()
	if n := b.Stats()[Code].InURL; n != 0 {
		t.Errorf("%d after a reset", n)
	}
}

func TestRefusesAPasswordInTheURLIfAsked(t *testing.T) {
	t.Parallel()
	b := start(t, sandboxtest.With(Code, core.ProviderConfig{Options: core.Options{passwordInURL: "false"}}))
	call := setting("DM1mAil1234")
	call.Query, call.Form = call.Form, nil
	if a := b.ACS3(call); a.Status != http.StatusBadRequest || sandboxtest.ACS3Code(t, a) != "Sandbox.PasswordInURL" {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}

// lockedBuffer is a log that the server writes while the test reads.
type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestRefusesWithItsOwnCodes(t *testing.T) {
	t.Parallel()
	edit := func(f func(*sandboxtest.ACS3)) sandboxtest.ACS3 {
		a := setting("DM1mAil1234")
		f(&a)
		return a
	}
	domain := func(name string) sandboxtest.ACS3 {
		return edit(func(a *sandboxtest.ACS3) { a.Form.Set("DomainName", name) })
	}
	tests := []struct {
		name   string
		call   sandboxtest.ACS3
		status int
		code   string
	}{
		{"standing password", setting("STanding123"), 400, "InvalidDomainPassword.equalcurrent"},
		{"9 characters", setting("DM1mail12"), 400, "InvalidDomainPassword.Malformed"},
		{"digits one repeated character", setting("DM1mail1111"), 400, "InvalidDomainPassword.Malformed"},
		{"one upper-case letter", setting("Dmmail12345"), 400, "InvalidDomainPassword.Malformed"},
		{"domain malformed", domain("exa_mple.com"), 400, "InvalidDomainName.Malformed"},
		{"domain of 51 characters", domain(strings.Repeat("a", 47) + ".com"), 400, "InvalidDomainName.Malformed"},
		{"domain unknown", domain("example.org"), 404, "InvalidDomain.NotFound"},
		{"no password", edit(func(a *sandboxtest.ACS3) { a.Form.Del("Password") }), 400, "MissingPassword"},
		{"no domain", edit(func(a *sandboxtest.ACS3) { a.Form.Del("DomainName") }), 400, "MissingDomainName"},
		{"other action", edit(func(a *sandboxtest.ACS3) { a.Action = "SendMail" }), 404, "InvalidAction.NotFound"},
		{"other version", edit(func(a *sandboxtest.ACS3) { a.Version = "2017-06-22" }), 400, "InvalidVersion"},
		{"unknown key", edit(func(a *sandboxtest.ACS3) { a.ID = "unknown" }), 404, "InvalidAccessKeyId.NotFound"},
		{"wrong secret", edit(func(a *sandboxtest.ACS3) { a.Secret = "x" }), 400, "SignatureDoesNotMatch"},
		{"body changed after signing", edit(func(a *sandboxtest.ACS3) {
			a.Edit = func(r *http.Request) { r.Header.Set("X-Acs-Content-Sha256", sumOfNothing) }
		}), 400, "SignatureDoesNotMatch"},
		{"header not signed", edit(func(a *sandboxtest.ACS3) {
			a.Edit = func(r *http.Request) { r.Header.Set("X-Acs-Extra", "1") }
		}), 400, "IncompleteSignature"},
		{"no signature", edit(func(a *sandboxtest.ACS3) {
			a.Edit = func(r *http.Request) { r.Header.Del("Authorization") }
		}), 400, "IncompleteSignature"},
		{"date without zone", edit(func(a *sandboxtest.ACS3) {
			a.Edit = func(r *http.Request) { r.Header.Set("X-Acs-Date", "2023-10-26 10:22:32") }
		}), 400, "InvalidTimeStamp.Format"},
		{"clock 16 minutes behind", edit(func(a *sandboxtest.ACS3) { a.Behind = 16 * time.Minute }), 400, "InvalidTimeStamp.Expired"},
		{"clock 16 minutes ahead", edit(func(a *sandboxtest.ACS3) { a.Behind = -16 * time.Minute }), 400, "InvalidTimeStamp.Expired"},
	}
	b := start(t, sandboxtest.With(Code, core.ProviderConfig{Rate: &core.Rate{}}))
	if code := sandboxtest.ACS3Code(t, b.ACS3(setting("STanding123"))); code != "OK" {
		t.Fatal(code)
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := b.ACS3(test.call)
			if code := sandboxtest.ACS3Code(t, a); code != test.code || a.Status != test.status {
				t.Errorf("%d %s, want %d %s", a.Status, code, test.status, test.code)
			}
			if s := b.Target(Code, "example.com"); s.Live != "STanding123" || s.Version != 1 {
				t.Errorf("a refused call changed the state to %+v", s)
			}
		})
	}
}

func TestRefusesANonceTwice(t *testing.T) {
	t.Parallel()
	b := start(t)
	call := setting("DM1mAil1234")
	call.Nonce = "n-1"
	if code := sandboxtest.ACS3Code(t, b.ACS3(call)); code != "OK" {
		t.Fatal(code)
	}
	if a := b.ACS3(call); a.Status != 400 || sandboxtest.ACS3Code(t, a) != "SignatureNonceUsed" {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	b.Clock.Advance(signature.ACS3Skew + time.Minute)
	if code := sandboxtest.ACS3Code(t, b.ACS3(call)); code != "InvalidDomainPassword.equalcurrent" {
		t.Errorf("after 16 minutes: %s", code)
	}
}

func TestThrottlesWithStatus400AndItsHeader(t *testing.T) {
	t.Parallel()
	b := start(t, sandboxtest.With(Code, core.ProviderConfig{Rate: &core.Rate{Requests: 1, Per: time.Hour}}))
	b.ACS3(setting("DM1mAil1234"))
	a := b.ACS3(setting("DM1mAil5678"))
	left := regexp.MustCompile(`^Remain:0,TimeLeft:3(599|600)\d{3}$`) // milliseconds of an hour that has begun
	if a.Status != 400 || sandboxtest.ACS3Code(t, a) != "Throttling.User" || !left.MatchString(a.Header.Get("X-Ratelimit-User-Api")) {
		t.Errorf("%d %s %v", a.Status, a.Body, a.Header)
	}
	if n := b.Stats()[Code].RateLimited; n != 1 {
		t.Errorf("rate_limited %d, want 1", n)
	}
}

func TestAnswersInTheFormatThatWasAskedFor(t *testing.T) {
	t.Parallel()
	b := start(t, sandboxtest.With(Code, core.ProviderConfig{Rate: &core.Rate{}, Options: core.Options{successAs: "bool"}}))
	if a := b.ACS3(setting("DM1mAil0001")); !strings.Contains(a.Body, `"Success":true`) {
		t.Errorf("bool: %s", a.Body)
	}
	var out struct {
		XMLName                           xml.Name
		Code, Message, RequestId, Success string //nolint:revive // Alibaba's spelling
	}
	call := setting("DM1mAil0002")
	call.Accept = ""
	if err := xml.Unmarshal([]byte(b.ACS3(call).Body), &out); err != nil || out.XMLName.Local != "ModifyPWByDomainResponse" ||
		out.Code != "OK" || out.Success != "true" {
		t.Errorf("default: %+v %v", out, err)
	}
	call.Form.Set("Format", "XML")
	if err := xml.Unmarshal([]byte(b.ACS3(call).Body), &out); err != nil || out.XMLName.Local != "Error" ||
		out.Code != "InvalidDomainPassword.equalcurrent" {
		t.Errorf("error as XML: %+v %v", out, err)
	}
	call.Form.Set("Format", "JSON")
	if code := sandboxtest.ACS3Code(t, b.ACS3(call)); code != "InvalidDomainPassword.equalcurrent" {
		t.Errorf("Format=JSON: %s", code)
	}
}
