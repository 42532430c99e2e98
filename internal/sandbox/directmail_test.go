package sandbox

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
)

// acs3 is a request to one of the Alibaba stand-ins before it is signed.
type acs3 struct {
	code, action, version string
	query, form           url.Values
	accept                string
	id, secret, nonce     string        // defaults: the default key, a new nonce
	behind                time.Duration // of the client's clock
	edit                  func(*http.Request)
}

func (b *bench) acs3(a acs3) answered {
	b.t.Helper()
	body := a.form.Encode()
	r := b.request(http.MethodPost, b.Ready().Providers[a.code]+"/?"+a.query.Encode(), body)
	h := acs3Header{id: a.id, signed: []string{
		"content-type", "host", "x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-signature-nonce", "x-acs-version",
	}}
	secret, nonce := a.secret, a.nonce
	if h.id == "" {
		h.id = "testid"
	}
	if secret == "" {
		secret = "testsecret"
	}
	if nonce == "" {
		nonce = uuid.NewString()
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Acs-Action", a.action)
	r.Header.Set("X-Acs-Version", a.version)
	r.Header.Set("X-Acs-Date", b.clock.now().Add(-a.behind).UTC().Format(time.RFC3339))
	r.Header.Set("X-Acs-Signature-Nonce", nonce)
	r.Header.Set("X-Acs-Content-Sha256", hexSHA256([]byte(body)))
	if a.accept != "" {
		r.Header.Set("Accept", a.accept)
	}
	r.Header.Set("Authorization", fmt.Sprintf("ACS3-HMAC-SHA256 Credential=%s,SignedHeaders=%s,Signature=%s",
		h.id, strings.Join(h.signed, ";"), acs3Signature(r, h, hexSHA256([]byte(body)), secret)))
	if a.edit != nil {
		a.edit(r)
	}
	return b.do(r)
}

func directMailSet(password string) acs3 {
	return acs3{
		code: AlibabaDirectMail, action: directMailOp, version: directMailVersion, accept: "application/json",
		form: url.Values{"DomainName": {"example.com"}, "Password": {password}},
	}
}

// alibabaCode is the code in a JSON reply.
func alibabaCode(t *testing.T, a answered) string {
	t.Helper()
	var out struct{ Code, RequestId string } //nolint:revive // Alibaba's spelling
	if err := json.Unmarshal([]byte(a.body), &out); err != nil || out.RequestId == "" {
		t.Fatalf("no Alibaba reply: %d %q %v", a.status, a.body, a.err)
	}
	return out.Code
}

func TestDirectMailSetsThePasswordOfADomainAndItsSenders(t *testing.T) {
	t.Parallel()
	b := start(t)
	a := b.acs3(directMailSet("DM1mAil1234"))
	if a.status != http.StatusOK || !strings.Contains(a.body, `"Code":"OK"`) || !strings.Contains(a.body, `"Success":"true"`) {
		t.Fatalf("%d %s", a.status, a.body)
	}
	for _, user := range []string{"example.com", "news@example.com"} {
		if code := b.login(AlibabaDirectMail, user, "DM1mAil1234"); code != 235 {
			t.Errorf("login as %s: %d", user, code)
		}
	}
	if code := b.login(AlibabaDirectMail, "example.org", "DM1mAil1234"); code != 535 {
		t.Errorf("login as another domain: %d", code)
	}
}

func TestDirectMailTakesAPasswordInTheURLCountsItAndWarns(t *testing.T) {
	t.Parallel()
	var log lockedBuffer
	b := start(t, func(c *Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	for _, password := range []string{"DM1mAil1234", "DM1mAil5678"} {
		call := directMailSet(password)
		call.query, call.form = call.form, nil
		if a := b.acs3(call); a.status != http.StatusOK {
			t.Fatalf("%d %s", a.status, a.body)
		}
		if live := b.State()[AlibabaDirectMail]["example.com"].Live; live != password {
			t.Errorf("%q is live", live)
		}
	}
	if a := b.acs3(directMailSet("DM1mAil9012")); a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if n := b.Stats()[AlibabaDirectMail].InURL; n != 2 {
		t.Errorf("counted %d", n)
	}
	if text := log.String(); strings.Count(text, "password in the URL") != 1 || strings.Contains(text, "DM1mAil") {
		t.Errorf("the log is\n%s", text)
	}
	b.ResetStats()
	if n := b.Stats()[AlibabaDirectMail].InURL; n != 0 {
		t.Errorf("%d after a reset", n)
	}
}

func TestDirectMailRefusesAPasswordInTheURLIfAsked(t *testing.T) {
	t.Parallel()
	b := start(t, with(AlibabaDirectMail, ProviderConfig{Options: Options{PasswordInURL: new(bool)}}))
	call := directMailSet("DM1mAil1234")
	call.query, call.form = call.form, nil
	if a := b.acs3(call); a.status != http.StatusBadRequest || alibabaCode(t, a) != "Sandbox.PasswordInURL" {
		t.Errorf("%d %s", a.status, a.body)
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

func TestDirectMailRefusesWithItsOwnCodes(t *testing.T) {
	t.Parallel()
	edit := func(f func(*acs3)) acs3 {
		a := directMailSet("DM1mAil1234")
		f(&a)
		return a
	}
	domain := func(name string) acs3 { return edit(func(a *acs3) { a.form.Set("DomainName", name) }) }
	tests := []struct {
		name   string
		call   acs3
		status int
		code   string
	}{
		{"standing password", directMailSet("STanding123"), 400, "InvalidDomainPassword.equalcurrent"},
		{"9 characters", directMailSet("DM1mail12"), 400, "InvalidDomainPassword.Malformed"},
		{"digits one repeated character", directMailSet("DM1mail1111"), 400, "InvalidDomainPassword.Malformed"},
		{"one upper-case letter", directMailSet("Dmmail12345"), 400, "InvalidDomainPassword.Malformed"},
		{"domain malformed", domain("exa_mple.com"), 400, "InvalidDomainName.Malformed"},
		{"domain of 51 characters", domain(strings.Repeat("a", 47) + ".com"), 400, "InvalidDomainName.Malformed"},
		{"domain unknown", domain("example.org"), 404, "InvalidDomain.NotFound"},
		{"no password", edit(func(a *acs3) { a.form.Del("Password") }), 400, "MissingPassword"},
		{"no domain", edit(func(a *acs3) { a.form.Del("DomainName") }), 400, "MissingDomainName"},
		{"other action", edit(func(a *acs3) { a.action = "SendMail" }), 404, "InvalidAction.NotFound"},
		{"other version", edit(func(a *acs3) { a.version = "2017-06-22" }), 400, "InvalidVersion"},
		{"unknown key", edit(func(a *acs3) { a.id = "nobody" }), 404, "InvalidAccessKeyId.NotFound"},
		{"wrong secret", edit(func(a *acs3) { a.secret = "x" }), 400, "SignatureDoesNotMatch"},
		{"body changed after signing", edit(func(a *acs3) {
			a.edit = func(r *http.Request) { r.Header.Set("X-Acs-Content-Sha256", hexSHA256(nil)) }
		}), 400, "SignatureDoesNotMatch"},
		{"header not signed", edit(func(a *acs3) {
			a.edit = func(r *http.Request) { r.Header.Set("X-Acs-Extra", "1") }
		}), 400, "IncompleteSignature"},
		{"no signature", edit(func(a *acs3) {
			a.edit = func(r *http.Request) { r.Header.Del("Authorization") }
		}), 400, "IncompleteSignature"},
		{"date without zone", edit(func(a *acs3) {
			a.edit = func(r *http.Request) { r.Header.Set("X-Acs-Date", "2023-10-26 10:22:32") }
		}), 400, "InvalidTimeStamp.Format"},
		{"clock 16 minutes behind", edit(func(a *acs3) { a.behind = 16 * time.Minute }), 400, "InvalidTimeStamp.Expired"},
		{"clock 16 minutes ahead", edit(func(a *acs3) { a.behind = -16 * time.Minute }), 400, "InvalidTimeStamp.Expired"},
	}
	b := start(t, with(AlibabaDirectMail, ProviderConfig{Rate: &Rate{}}))
	if code := alibabaCode(t, b.acs3(directMailSet("STanding123"))); code != "OK" {
		t.Fatal(code)
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := b.acs3(test.call)
			if code := alibabaCode(t, a); code != test.code || a.status != test.status {
				t.Errorf("%d %s, want %d %s", a.status, code, test.status, test.code)
			}
			if s := b.state(AlibabaDirectMail, "example.com"); s.Live != "STanding123" || s.Version != 1 {
				t.Errorf("a refused call changed the state to %+v", s)
			}
		})
	}
}

func TestAlibabaRefusesANonceTwice(t *testing.T) {
	t.Parallel()
	b := start(t)
	call := directMailSet("DM1mAil1234")
	call.nonce = "n-1"
	if code := alibabaCode(t, b.acs3(call)); code != "OK" {
		t.Fatal(code)
	}
	if a := b.acs3(call); a.status != 400 || alibabaCode(t, a) != "SignatureNonceUsed" {
		t.Errorf("%d %s", a.status, a.body)
	}
	b.clock.advance(acs3Skew + time.Minute)
	if code := alibabaCode(t, b.acs3(call)); code != "InvalidDomainPassword.equalcurrent" {
		t.Errorf("after 16 minutes: %s", code)
	}
}

func TestDirectMailThrottlesWithStatus400AndItsHeader(t *testing.T) {
	t.Parallel()
	b := start(t, with(AlibabaDirectMail, ProviderConfig{Rate: &Rate{Requests: 1, Per: time.Hour}}))
	b.acs3(directMailSet("DM1mAil1234"))
	a := b.acs3(directMailSet("DM1mAil5678"))
	left := regexp.MustCompile(`^Remain:0,TimeLeft:3(599|600)\d{3}$`) // milliseconds of an hour that has begun
	if a.status != 400 || alibabaCode(t, a) != "Throttling.User" || !left.MatchString(a.header.Get("X-Ratelimit-User-Api")) {
		t.Errorf("%d %s %v", a.status, a.body, a.header)
	}
	if n := b.Stats()[AlibabaDirectMail].RateLimited; n != 1 {
		t.Errorf("rate_limited %d, want 1", n)
	}
}

func TestDirectMailAnswersInTheFormatThatWasAskedFor(t *testing.T) {
	t.Parallel()
	b := start(t, with(AlibabaDirectMail, ProviderConfig{Rate: &Rate{}, Options: Options{SuccessAs: "bool"}}))
	if a := b.acs3(directMailSet("DM1mAil0001")); !strings.Contains(a.body, `"Success":true`) {
		t.Errorf("bool: %s", a.body)
	}
	var out struct {
		XMLName                           xml.Name
		Code, Message, RequestId, Success string //nolint:revive // Alibaba's spelling
	}
	call := directMailSet("DM1mAil0002")
	call.accept = ""
	if err := xml.Unmarshal([]byte(b.acs3(call).body), &out); err != nil || out.XMLName.Local != "ModifyPWByDomainResponse" ||
		out.Code != "OK" || out.Success != "true" {
		t.Errorf("default: %+v %v", out, err)
	}
	call.form.Set("Format", "XML")
	if err := xml.Unmarshal([]byte(b.acs3(call).body), &out); err != nil || out.XMLName.Local != "Error" ||
		out.Code != "InvalidDomainPassword.equalcurrent" {
		t.Errorf("error as XML: %+v %v", out, err)
	}
	call.form.Set("Format", "JSON")
	if code := alibabaCode(t, b.acs3(call)); code != "InvalidDomainPassword.equalcurrent" {
		t.Errorf("Format=JSON: %s", code)
	}
}

func TestACS3MatchesThePublishedVector(t *testing.T) {
	t.Parallel()
	const address = "https://ecs.cn-shanghai.aliyuncs.com/?ImageId=win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd&RegionId=cn-shanghai"
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	const signed = "host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version"
	r.Header.Set("X-Acs-Action", "RunInstances")
	r.Header.Set("X-Acs-Version", "2014-05-26")
	r.Header.Set("X-Acs-Date", "2023-10-26T10:22:32Z")
	r.Header.Set("X-Acs-Signature-Nonce", "3156853299f313e23d1673dc12e1703d")
	r.Header.Set("X-Acs-Content-Sha256", hexSHA256(nil))
	r.Header.Set("Authorization", "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders="+signed+
		",Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0")
	h := acs3Header{signed: strings.Split(signed, ";")}
	if sum := hexSHA256([]byte(acs3Canonical(r, h, hexSHA256(nil)))); sum != "7ea06492da5221eba5297e897ce16e55f964061054b7695beedaac1145b1e259" {
		t.Errorf("canonical hash %s", sum)
	}
	at := time.Date(2023, 10, 26, 10, 22, 32, 0, time.UTC)
	secret := func(string) (string, bool) { return "YourAccessKeySecret", true }
	if id, code := verifyACS3(r, nil, at, secret); id != "YourAccessKeyId" || code != "" {
		t.Errorf("refused with %q", code)
	}
	r.URL.RawQuery += "&X=1"
	if _, code := verifyACS3(r, nil, at, secret); code != acsDoesNotMatch {
		t.Errorf("another query: %q, want a refusal", code)
	}
}
