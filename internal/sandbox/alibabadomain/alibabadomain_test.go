package alibabadomain

import (
	"net/http"
	"net/url"
	"regexp"
	"testing"
	"time"

	"go.uber.org/goleak"

	"keyturn/internal/sandbox/core"
	"keyturn/internal/sandbox/sandboxtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, edit ...func(*core.Config)) *sandboxtest.Bench {
	t.Helper()
	return sandboxtest.Start(t, []core.StandIn{StandIn()}, edit...)
}

func submit(version string, params ...string) sandboxtest.ACS3 {
	a := sandboxtest.ACS3{Code: Code, Action: op, Version: version, Accept: "application/json", Query: url.Values{}}
	for i := 0; i < len(params); i += 2 {
		a.Query.Set(params[i], params[i+1])
	}
	return a
}

// anyID makes replies comparable.
var anyID = regexp.MustCompile(`[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}`)

const quotaMessage = "The maximum number of attempts allowed to send the email verification link is exceeded."

func TestContactsAnswerInEveryDocumentedShape(t *testing.T) {
	t.Parallel()
	tests := []struct{ shape, accept, want string }{
		{"camel", "application/json", `{"existList":[{"email":"aaa@test.com"}],"failList":[{"code":"SendTokenQuotaExceeded","email":"bbb@test.com","message":"` + quotaMessage + `"}],"requestId":"ID","successList":[{"email":"ccc@test.com"},{"email":"ddd@test.com"}]}`},
		{"pascal", "application/json", `{"ExistList":[{"Email":"aaa@test.com","Message":"","Code":""}],"FailList":[{"Email":"bbb@test.com","Message":"` + quotaMessage + `","Code":"SendTokenQuotaExceeded"}],"RequestId":"ID","SuccessList":[{"Email":"ccc@test.com","Message":"","Code":""},{"Email":"ddd@test.com","Message":"","Code":""}]}`},
		{"wrapped", "application/json", `{"FailList":{"SendResult":[{"Email":"bbb@test.com","Message":"` + quotaMessage + `","Code":"SendTokenQuotaExceeded"}]},"RequestId":"ID","ExistList":{"SendResult":[{"Email":"aaa@test.com","Message":"","Code":""}]},"SuccessList":{"SendResult":[{"Email":"ccc@test.com","Message":"","Code":""},{"Email":"ddd@test.com","Message":"","Code":""}]}}`},
		{"camel", "", `<?xml version='1.0' encoding='UTF-8'?><SubmitEmailVerificationResponse><FailList><SendResult><Email>bbb@test.com</Email><Message>` + quotaMessage + `</Message><Code>SendTokenQuotaExceeded</Code></SendResult></FailList><RequestId>ID</RequestId><ExistList><SendResult><Email>aaa@test.com</Email><Message></Message><Code></Code></SendResult></ExistList><SuccessList><SendResult><Email>ccc@test.com</Email><Message></Message><Code></Code></SendResult><SendResult><Email>ddd@test.com</Email><Message></Message><Code></Code></SendResult></SuccessList></SubmitEmailVerificationResponse>`},
	}
	for _, test := range tests {
		t.Run(test.shape+test.accept, func(t *testing.T) {
			t.Parallel()
			b := start(t, sandboxtest.With(Code, core.ProviderConfig{Options: core.Options{replyShape: test.shape}}))
			call := submit(versionInternational, "Email", "aaa@test.com,bbb@test.com,ccc@test.com, DDD@test.com", "SendIfExist", "false", "Lang", "en")
			call.Accept = test.accept
			a := b.ACS3(call)
			if got := anyID.ReplaceAllString(a.Body, "ID"); a.Status != http.StatusOK || got != test.want {
				t.Errorf("%d\n got %s\nwant %s", a.Status, got, test.want)
			}
		})
	}
}

func TestContactsRefuseWhatEachSiteRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		call sandboxtest.ACS3
		code string
	}{
		{"China without SendIfExist", submit(versionChina, "Email", "c@test.com"), ""},
		{"international without SendIfExist", submit(versionInternational, "Email", "c@test.com"), "MissingSendIfExist"},
		{"no address", submit(versionChina), "MissingEmail"},
		{"no domain in an address", submit(versionChina, "Email", "c@test.com,nohost"), "ParameterIllegal"},
		{"SendIfExist no bool", submit(versionChina, "Email", "c@test.com", "SendIfExist", "1"), "ParameterIllegal"},
		{"language", submit(versionChina, "Email", "c@test.com", "Lang", "fr"), "ParameterIllegal"},
		{"DirectMail's version", submit("2015-11-23", "Email", "c@test.com"), "InvalidVersion"},
	}
	b := start(t, sandboxtest.With(Code, core.ProviderConfig{Rate: &core.Rate{}}))
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := b.ACS3(test.call)
			if test.code == "" {
				if a.Status != http.StatusOK {
					t.Errorf("%d %s", a.Status, a.Body)
				}
				return
			}
			if code := sandboxtest.ACS3Code(t, a); a.Status != http.StatusBadRequest || code != test.code {
				t.Errorf("%d %s, want %s", a.Status, code, test.code)
			}
		})
	}
}

func TestContactsGetMailAgainOnlyOnRequestAndWithinADaysQuota(t *testing.T) {
	t.Parallel()
	b := start(t, sandboxtest.With(Code, core.ProviderConfig{
		Rate: &core.Rate{}, Targets: []core.Target{{Target: "c@test.com", MailsADay: 2}},
	}))
	once := submit(versionChina, "Email", "c@test.com")
	again := submit(versionChina, "Email", "c@test.com", "SendIfExist", "true")
	const (
		sent   = `{"existList":[],"failList":[],"requestId":"ID","successList":[{"email":"c@test.com"}]}`
		exists = `{"existList":[{"email":"c@test.com"}],"failList":[],"requestId":"ID","successList":[]}`
		spent  = `{"existList":[],"failList":[{"code":"SendTokenQuotaExceeded","email":"c@test.com","message":"` + quotaMessage + `"}],"requestId":"ID","successList":[]}`
	)
	for i, step := range []struct {
		call sandboxtest.ACS3
		want string
	}{{once, sent}, {once, exists}, {again, sent}, {again, spent}, {once, exists}} {
		if got := anyID.ReplaceAllString(b.ACS3(step.call).Body, "ID"); got != step.want {
			t.Errorf("step %d: %s, want %s", i, got, step.want)
		}
	}
	b.Clock.Advance(24 * time.Hour)
	if got := anyID.ReplaceAllString(b.ACS3(again).Body, "ID"); got != sent {
		t.Errorf("the day after: %s", got)
	}
	if c := b.Target(Code, "c@test.com").Contact; c == nil || !c.Mailed || c.Mails != 1 {
		t.Errorf("state %+v", c)
	}
}

func TestABadOptionIsNamed(t *testing.T) {
	t.Parallel()
	_, err := core.Start(t.Context(), core.Config{
		Now: time.Now, StandIns: []core.StandIn{StandIn()},
		Providers: map[string]core.ProviderConfig{Code: {Options: core.Options{replyShape: "round"}}},
	})
	if want := `provider alibaba-domain: reply_shape "round" is not one of camel, pascal, wrapped`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
