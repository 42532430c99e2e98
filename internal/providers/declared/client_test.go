package declared

import (
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"keyturn/internal/httpx"
	"keyturn/internal/providers/providertest"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// set makes a call of a description against an answer.
func set(t *testing.T, d *Description, answer providertest.Answer) error {
	t.Helper()
	p := d.Provider()
	c, err := p.New(providertest.Serve(t, answer).Settings(p, ""))
	if err != nil {
		t.Fatal(err)
	}
	return c.Setter.Set(t.Context(), "a@example.com", secret.New("Secret-1-Pass"))
}

// What an answer means does not depend on what a description would like it to mean.
func TestWhatADescriptionDoesNotProveIsInDoubt(t *testing.T) {
	t.Parallel()
	d := describe(t, "setter.yaml", "code: error.code", "code: [error.code, code]")
	for body, status := range map[string]int{
		`{"status": "OK"}`:                               200, // exactly
		`{"status": true}`:                               200,
		`{"status": ["ok"]}`:                             200,
		`{"status": ""}`:                                 200,
		`{}`:                                             200,
		`{"status": "ok"} {"status": "ok"}`:              200,
		`{"status": "ok", "status": "ok"}`:               200,
		`{"status": "no", "status": "ok"}`:               200,
		`{"status": "ok", "code": "same"}`:               200, // a success and a refusal
		`{"status": "ok", "error": {"code": "slowdown"}`: 200,
		`{"status": "ok" }`:                              201, // not the status of a success
		`{"status": "ok"  }`:                             500,
		`{"status": "no"}`:                               404 + 1,
		`{"status": "no", "code": "Same"}`:               400,
		`{"status": "no", "code": "slo"}`:                400,
		`{"status": "no", "code": "same"}`:               503, // a code that refuses, and a fault
		`no`:                                             403, // a text of another status
		`<b>no</b>`:                                      401,
		strings.Repeat(`{"status": `, 10000):             200,
		`{"status": "no"}` + " ":                         304,
		`{"status": "no", "code": "same"} `:              302, // a redirect, whatever is in it
	} {
		failure := providertest.CheckKind(t, set(t, d, providertest.Answer{Status: status, Body: body}), rotation.InDoubt)
		if failure.Code == "" || failure.Op != "set-password" {
			t.Errorf("%d %s: %v", status, body, failure)
		}
	}
}

func TestARowIsFoundByItsCodeThenByItsStatus(t *testing.T) {
	t.Parallel()
	d := describe(t, "setter.yaml", "code: \"slow*\", ", "code: slow.now, status: 400, kind: rejected, guessed: true, hint: h}\n  - {code: \"slow*\", ")
	for body, want := range map[string]rotation.Kind{
		`{"status": "no", "error": {"code": "same"}}`:     rotation.Repeat,
		`{"status": "no", "error": {"code": "slow.now"}}`: rotation.RateLimited, // it asks for another status
		`{"status": "no", "error": {"code": "slower"}}`:   rotation.RateLimited,
		`{"status": "no", "error": {"code": "other"}}`:    rotation.Target,
		`{"status": "no"}`: rotation.Target,
	} {
		_ = providertest.CheckKind(t, set(t, d, providertest.Answer{Status: 404, Body: body}), want)
	}
	_ = providertest.CheckKind(t, set(t, d, providertest.Answer{Status: 400, Body: `{"status": "no", "error": {"code": "slow.now"}}`}), rotation.Rejected)
}

func TestAPathLeadsIntoListsAndMaps(t *testing.T) {
	t.Parallel()
	d := describe(t, "setter.yaml", "whole: status", "whole: \"*.type\"", "{status: {is: ok}}", "{\"*.type\": {is: ok}, \"*.msg.0\": given, \"*.warning\": absent}",
		"code: error.code", "code: [\"*.msg.0\", \"*.msg\"]")
	for body, want := range map[string]string{
		`[{"type": "ok", "msg": ["done"]}]`:                                   "",
		`{"type": "ok", "msg": ["done"]}`:                                     "",
		`[{"type": "ok", "msg": ["done"]}, {"type": "ok", "msg": ["done"]}]`:  "",
		`[{"type": "ok", "msg": ["done"]}, {"type": "no", "msg": ["done"]}]`:  "in doubt",
		`[{"type": "ok", "msg": ["done"]}, {"msg": ["done"]}]`:                "in doubt",
		`[{"type": "ok", "msg": ["done"], "warning": ""}]`:                    "in doubt",
		`[{"type": "ok", "msg": "done"}]`:                                     "in doubt",
		`[]`:                                                                  "in doubt",
		`[{"type": "no", "msg": ["same", "a@example.com"]}]`:                  "repeat",
		`[{"type": "no", "msg": "same"}]`:                                     "repeat",
		`[{"type": "no", "msg": ["same"]}, {"type": "no", "msg": ["other"]}]`: "in doubt",
		`[{"type": "no", "msg": [["same"]]}]`:                                 "in doubt",
	} {
		got := ""
		if err := set(t, d, providertest.Answer{Body: body}); err != nil {
			got = rotation.AsError(err).Kind.String()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
}

// An answer about another target proves nothing.
func TestAnAnswerRepeatsTheTarget(t *testing.T) {
	t.Parallel()
	d := describe(t, "setter.yaml", "whole: status", "whole: [status, user]", "{status: {is: ok}}", "{user: {in: [\"<${target.login}>\", \"${target}\"]}}")
	for body, success := range map[string]bool{
		`{"user": "a@example.com"}`: true, `{"user": "<a>"}`: true, `{"user": "b@example.com"}`: false, `{"user": "A@example.com"}`: false, `{"status": "ok"}`: false,
	} {
		if err := set(t, d, providertest.Answer{Body: body}); (err == nil) != success {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestAnErrorNamesCodeAndRequestIDButNothingThatWasSent(t *testing.T) {
	t.Parallel()
	d := describe(t, "setter.yaml")
	failure := providertest.CheckKind(t, set(t, d, providertest.Answer{Status: 429, Body: `{"status": "no", "error": {"code": "slow.very"}, "id": "r-1"}`}), rotation.RateLimited)
	if failure.Code != "slow.very" || failure.RequestID != "r-1" || failure.Hint != "too fast" {
		t.Errorf("got %v", failure)
	}
	for _, echoed := range []string{"Secret-1-Pass", "x-Secret-1-Pass", "TOKEN", "slowSecret-1-Pass", "a sentence of the provider"} {
		body := `{"status": "no", "error": {"code": "` + echoed + `"}, "id": "` + echoed + `"}`
		err := set(t, d, providertest.Answer{Status: 400, Body: body})
		if err == nil || strings.Contains(err.Error(), "Secret-1-Pass") || strings.Contains(err.Error(), "TOKEN") || strings.Contains(err.Error(), "sentence") {
			t.Errorf("%s: %v", echoed, err)
		}
	}
}

func TestAnUnreadableAnswerIsInDoubt(t *testing.T) {
	t.Parallel()
	call := func(t *testing.T, answer providertest.Answer) error {
		t.Helper()
		return set(t, describe(t, "setter.yaml"), answer)
	}
	providertest.CheckMalformed(t, call)
	providertest.CheckThrottled(t, call)
	providertest.CheckOddSuccess(t, call, `{"status": "ok"}`)
}

func TestAHeaderSaysHowLongToWait(t *testing.T) {
	t.Parallel()
	d := describe(t, "setter.yaml", "  code: error.code", "  wait_header: X-Reset\n  code: error.code")
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for reset, want := range map[string]time.Duration{"1767323055000": 10 * time.Second, "1767323055": 10 * time.Second, "7": 7 * time.Second, "": 0, "soon": 0} {
		header := map[string]string{"X-Reset": reset, "Date": now.Format(http.TimeFormat)}
		failure := providertest.CheckKind(t, set(t, d, providertest.Answer{Status: 400, Header: header, Body: `{"status": "no", "error": {"code": "slow"}}`}), rotation.RateLimited)
		if failure.RetryAfter != want {
			t.Errorf("%q: wait %v, want %v", reset, failure.RetryAfter, want)
		}
		if failure := rotation.AsError(set(t, d, providertest.Answer{Status: 404, Header: header, Body: `{"status": "no"}`})); failure.RetryAfter != 0 {
			t.Errorf("a refusal of the target waits %v", failure.RetryAfter)
		}
	}
}

func TestTheQuotaThatAnswersNameIsObserved(t *testing.T) {
	t.Parallel()
	for extra, want := range map[string]*httpx.Quota{"": nil, "\nquota_per: 1m": {Limit: 60, Per: time.Minute, Remaining: 59}} {
		var seen []httpx.Observation
		p := describe(t, "setter.yaml", "rate: 5/s", "rate: 5/s"+extra).Provider()
		answer := providertest.Answer{Header: map[string]string{"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "59"}, Body: `{"status": "ok"}`}
		c, err := p.New(providertest.Serve(t, answer).Settings(p, ""))
		if err != nil {
			t.Fatal(err)
		}
		ctx := httpx.WithObserver(t.Context(), func(o httpx.Observation) { seen = append(seen, o) })
		if err := c.Setter.Set(ctx, "a@example.com", secret.New("Secret-1-Pass")); err != nil || len(seen) != 1 || !reflect.DeepEqual(seen[0].Quota, want) {
			t.Errorf("%q: %v, observed %+v", extra, err, seen)
		}
	}
}

// A slot is escaped by where it stands, and cannot lead anywhere else.
func TestASlotIsEscapedByWhereItStands(t *testing.T) {
	t.Parallel()
	d := describe(t, "setter.yaml",
		"form: '^(?P<login>[^@/ ]+)@", "form: '^(?P<login>[^@]+)@", "method: POST", "method: PUT\n  query: {who: \"${target}\", at: \"b ${target.domain}\"}\n  headers: {X-Who: \"${target.login}\"}",
		"json: {password: \"${password}\"}", "json: {b: \"${password}\", a: [1, true, null, {n: \"<${target.login}>\"}]}")
	c, _, err := d.play(t.Context(), sent{target: `x/../?#%41&"\+@example.com`, password: "a\"b\\c\nd&é"}, told{status: 200, body: `{"status": "ok"}`})
	if err != nil {
		t.Fatal(err)
	}
	want := `PUT /v1/users/x%2F..%2F%3F%23%2541&%22%5C+?who=x%2F..%2F%3F%23%2541%26%22%5C%2B%40example.com&at=b+example.com
Host: api.example.com
Authorization: Bearer TOKEN
Content-Type: application/json
X-Who: x/../?#%41&"\+

{"b":"a\"b\\c\nd\u0026é","a":[1,true,null,{"n":"\u003cx/../?#%41\u0026\"\\+\u003e"}]}`
	if got := c.text(); got != want {
		t.Errorf("sent\n%s\nwant\n%s", got, want)
	}
	for _, login := range []string{".", ".."} {
		c, _, err := d.play(t.Context(), sent{target: login + "@example.com", password: "p"}, told{status: 200})
		if c.sent != nil {
			t.Errorf("%q was sent", login)
		}
		_ = providertest.CheckKind(t, err, rotation.Target)
	}
}

func TestAFormAndMultipartKeepTheirFields(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`form: {user: "${target}", new: "${password}"}`: "user=a%40example.com&new=p%26q%3D+%C3%A9",
		`multipart: {new: "${password}", user: "${target}"}`: "--BOUNDARY\nContent-Disposition: form-data; name=\"new\"\n\np&q= é\n" +
			"--BOUNDARY\nContent-Disposition: form-data; name=\"user\"\n\na@example.com\n--BOUNDARY--",
	} {
		c, _, err := describe(t, "setter.yaml", `json: {password: "${password}"}`, body).play(t.Context(), sent{target: "a@example.com", password: "p&q= é"}, told{status: 200, body: `{"status": "ok"}`})
		if _, got, _ := strings.Cut(c.text(), "\n\n"); got != want || err != nil {
			t.Errorf("%v, sent\n%s\nwant\n%s", err, got, want)
		}
	}
}

// A secret in a query is sent on a connection of its own, and shows nowhere.
func TestASecretInTheURLIsNeverShown(t *testing.T) {
	t.Parallel()
	d := describe(t, "setter.yaml", "mode: setter", "mode: setter\nsecret_in_url: true",
		"json: {password: \"${password}\"}", "query: {password: \"${password}\"}", "bearer: \"${keys.token}\"", "query: {name: key, value: \"${keys.token}\"}")
	if !d.call.request.fresh(d.scope) {
		t.Error("it is sent on a connection that is used again")
	}
	for status, header := range map[int]string{200: "", 302: "/elsewhere", 400: "", 500: ""} {
		err := set(t, d, providertest.Answer{Status: status, Header: map[string]string{"Location": header}, Body: "Secret-1-Pass TOKEN"})
		if err == nil || strings.Contains(err.Error(), "Secret-1-Pass") || strings.Contains(err.Error(), "TOKEN") || strings.Contains(err.Error(), "http") {
			t.Error(err)
		}
	}
}

const guid = "example.com/92703823-f3a4-48e2-8e87-7adf25454800"

// KIRIM.EMAIL, described, is held to what its client in Go is held to.
func TestAnIssuerKeepsWhatIsShown(t *testing.T) {
	t.Parallel()
	providertest.CheckShown(t, describe(t, "issuer.yaml").Provider(), guid, providertest.Shown{
		Fixture: "../../kirimemail/testdata/reset.json", Field: "new_password", Synced: `"remote_synced": true`,
	})
}

func TestADescribedIssuerSendsWhatTheOneInGoSends(t *testing.T) {
	t.Parallel()
	p := describe(t, "issuer.yaml").Provider()
	server := providertest.Serve(t, providertest.Answer{Body: providertest.Fixture(t, "../../kirimemail/testdata/reset.json")})
	c, err := p.New(server.Settings(p, ""))
	if err != nil {
		t.Fatal(err)
	}
	issued, err := c.Issuer.Issue(t.Context(), guid)
	if err != nil || !issued.Synced || issued.Password.Reveal() != providertest.Password {
		t.Errorf("%v, synced %v", err, issued.Synced)
	}
	providertest.CheckSent(t, server, "../../kirimemail/testdata/reset.request")
}

func TestAnAnswerAboutAnotherIsKeptAndInDoubt(t *testing.T) {
	t.Parallel()
	d := describe(t, "issuer.yaml")
	for body, want := range map[string]struct {
		kind   rotation.Kind
		failed bool
	}{
		`{"success": true, "data": {"user_smtp_guid": "other", "new_password": "made", "remote_synced": true}}`: {rotation.InDoubt, true},
		`{"success": false, "data": {"new_password": "made", "remote_synced": true}}`:                           {},
		`{"success": true, "data": {"new_password": "made", "remote_synced": true}, "success": true, "x": [[[`:  {},
	} {
		_, issued, err := d.play(t.Context(), sent{target: guid, password: ""}, told{status: 200, body: body})
		if issued.Password.Reveal() != "made" || (err != nil) != want.failed || err != nil && rotation.AsError(err).Kind != want.kind {
			t.Errorf("%s: %v", body, err)
		}
		if strings.Contains(body, `"success": false`) && issued.Synced {
			t.Errorf("%s: synced", body)
		}
	}
}
