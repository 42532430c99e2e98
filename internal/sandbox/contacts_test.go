package sandbox

import (
	"net/http"
	"net/url"
	"regexp"
	"testing"
	"time"
)

func submit(version string, params ...string) acs3 {
	a := acs3{code: AlibabaDomain, action: contactsOp, version: version, accept: "application/json", query: url.Values{}}
	for i := 0; i < len(params); i += 2 {
		a.query.Set(params[i], params[i+1])
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
			b := start(t, with(AlibabaDomain, ProviderConfig{Options: Options{ReplyShape: test.shape}}))
			call := submit(contactsVersionInternational, "Email", "aaa@test.com,bbb@test.com,ccc@test.com, DDD@test.com", "SendIfExist", "false", "Lang", "en")
			call.accept = test.accept
			a := b.acs3(call)
			if got := anyID.ReplaceAllString(a.body, "ID"); a.status != http.StatusOK || got != test.want {
				t.Errorf("%d\n got %s\nwant %s", a.status, got, test.want)
			}
		})
	}
}

func TestContactsRefuseWhatEachSiteRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		call acs3
		code string
	}{
		{"China without SendIfExist", submit(contactsVersionChina, "Email", "c@test.com"), ""},
		{"international without SendIfExist", submit(contactsVersionInternational, "Email", "c@test.com"), "MissingSendIfExist"},
		{"no address", submit(contactsVersionChina), "MissingEmail"},
		{"no domain in an address", submit(contactsVersionChina, "Email", "c@test.com,nobody"), "ParameterIllegal"},
		{"SendIfExist no bool", submit(contactsVersionChina, "Email", "c@test.com", "SendIfExist", "1"), "ParameterIllegal"},
		{"language", submit(contactsVersionChina, "Email", "c@test.com", "Lang", "fr"), "ParameterIllegal"},
		{"DirectMail's version", submit(directMailVersion, "Email", "c@test.com"), "InvalidVersion"},
	}
	b := start(t, with(AlibabaDomain, ProviderConfig{Rate: &Rate{}}))
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := b.acs3(test.call)
			if test.code == "" {
				if a.status != http.StatusOK {
					t.Errorf("%d %s", a.status, a.body)
				}
				return
			}
			if code := alibabaCode(t, a); a.status != http.StatusBadRequest || code != test.code {
				t.Errorf("%d %s, want %s", a.status, code, test.code)
			}
		})
	}
}

func TestContactsGetMailAgainOnlyOnRequestAndWithinADaysQuota(t *testing.T) {
	t.Parallel()
	b := start(t, with(AlibabaDomain, ProviderConfig{
		Rate: &Rate{}, Targets: []Target{{Target: "c@test.com", MailsADay: 2}},
	}))
	once := submit(contactsVersionChina, "Email", "c@test.com")
	again := submit(contactsVersionChina, "Email", "c@test.com", "SendIfExist", "true")
	const (
		sent   = `{"existList":[],"failList":[],"requestId":"ID","successList":[{"email":"c@test.com"}]}`
		exists = `{"existList":[{"email":"c@test.com"}],"failList":[],"requestId":"ID","successList":[]}`
		spent  = `{"existList":[],"failList":[{"code":"SendTokenQuotaExceeded","email":"c@test.com","message":"` + quotaMessage + `"}],"requestId":"ID","successList":[]}`
	)
	for i, step := range []struct {
		call acs3
		want string
	}{{once, sent}, {once, exists}, {again, sent}, {again, spent}, {once, exists}} {
		if got := anyID.ReplaceAllString(b.acs3(step.call).body, "ID"); got != step.want {
			t.Errorf("step %d: %s, want %s", i, got, step.want)
		}
	}
	b.clock.advance(24 * time.Hour)
	if got := anyID.ReplaceAllString(b.acs3(again).body, "ID"); got != sent {
		t.Errorf("the day after: %s", got)
	}
	if c := b.state(AlibabaDomain, "c@test.com").Contact; c == nil || !c.Mailed || c.Mails != 1 {
		t.Errorf("state %+v", c)
	}
}
