package declared

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keyturn/internal/config/document"
)

func source(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// describe reads a description after edits, pairs of old and new.
func describe(t testing.TB, name string, edits ...string) *Description {
	t.Helper()
	d, err := Read("p.yaml", []byte(edit(t, source(t, name), edits...)))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func edit(t testing.TB, text string, edits ...string) string {
	t.Helper()
	for i := 0; i+1 < len(edits); i += 2 {
		if !strings.Contains(text, edits[i]) {
			t.Fatalf("the description has no %q", edits[i])
		}
		text = strings.Replace(text, edits[i], edits[i+1], 1)
	}
	return text
}

func TestTheExamplesOfADescriptionAreItsTests(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"setter.yaml", "issuer.yaml", "minter.yaml"} {
		report := describe(t, name).Check(t.Context())
		for _, one := range append(report.Failed, report.Uncovered...) {
			t.Errorf("%s: %v", name, one)
		}
	}
	wrong := describe(t, "setter.yaml", "POST /v1/users/a\n", "POST /users/a\n", `"same"}}', means: repeat`, `"same"}}', means: target`, `"slowdown"`, `"other"`).Check(t.Context())
	var failed []string
	for _, one := range append(wrong.Failed, wrong.Uncovered...) {
		failed = append(failed, one.Error())
	}
	for _, want := range []string{
		"p.yaml:35:7: examples.requests[0]: sends\nPOST /v1/users/a\n", "p.yaml:46:7: examples.answers[1]: means repeat",
		"p.yaml:49:7: examples.answers[4]: means in doubt", "p.yaml:32:5: errors[3]: warning: no example has slow*",
	} {
		if !strings.Contains(strings.Join(failed, "\n"), want) {
			t.Errorf("no %q among\n%s", want, strings.Join(failed, "\n"))
		}
	}
}

// bad has what a description must not say, as an edit of the good one, and what is said about it.
var bad = []struct{ name, old, new, want string }{
	{"an unknown field", "rate: 5/s", "rat: 5/s", "p.yaml:9:1: rat: unknown field (did you mean rate?)"},
	{"a quota without a time", "rate: 5/s", "rate: 5/s\nquota_per: often", "p.yaml:10:12: quota_per: "},
	{"a quota of no time", "rate: 5/s", "rate: 5/s\nquota_per: 1ms", "p.yaml:10:12: quota_per: must be from 1s to 24h0m0s"},
	{"a field twice", "rate: 5/s", "rate: 5/s\nrate: 6/s", "p.yaml:10:1: rate: is defined twice"},
	{"a missing field", "rate: 5/s\n", "", "p.yaml:1:1: rate: is missing"},
	{"a slot that does not exist", "${target.login}", "${target.user}", "p.yaml:21:9: set.path: there is no slot ${target.user}"},
	{"a slot without an end", "${target.login}", "${target.login", "set.path: has a slot without an end"},
	{"a look-ahead", "[^@/ ]+", "(?=a)a", "p.yaml:13:9: target.form: is not a valid pattern"},
	{"a backreference", "[^@/ ]+", `(a)\1`, "p.yaml:13:9: target.form: is not a valid pattern"},
	{"a pattern that begins anywhere", "'^(", "'(", "p.yaml:13:9: target.form: must match a target as a whole"},
	{"a pattern that ends anywhere", "+)$'", "+)'", "p.yaml:13:9: target.form: must match a target as a whole"},
	{"a pattern that matches lines", "'^(", "'(?m)^(", "target.form: must match a target as a whole"},
	{"a pattern with an open alternative", "+)$'", "+)$|.*'", "target.form: must match a target as a whole"},
	{"a part twice", "(?P<domain>", "(?P<login>", `p.yaml:13:9: target.form: the part "login" is defined twice`},
	{"a target that should pass", "A@example.com:", "A@example/com:", "p.yaml:16:10: target.pass.A@example/com: is refused, and should pass"},
	{"a target of another spelling", ": a@example.com}", ": A@example.com}", `target.pass.A@example.com: the one spelling of "A@example.com" is "a@example.com"`},
	{"a target that should fail", "fail: [example.com]", "fail: [a@b.c]", `p.yaml:17:10: target.fail[0]: passes as "a@b.c"`},
	{"no target that fails", "fail: [example.com]", "fail: []", "target.fail: must have an example"},
	{"a part that is none", "lower: [login]", "lower: [user]", `target.lower[0]: the form has no part "user"`},
	{"a success without a body", ", body: {status: {is: ok}}", "", "p.yaml:25:12: answer.success.body: is missing"},
	{"a success with nothing in the body", "{status: {is: ok}}", "{error: absent}", "p.yaml:25:32: answer.success.body: must have a condition on something that is there"},
	{"a success without a status", "status: 200, body: {status: {is: ok}}", "body: {status: given}", "answer.success.status: is missing"},
	{"a success of an error's status", "success: {status: 200", "success: {status: 404", "answer.success.status: must be a whole number from 200 to 299"},
	{"a password in an answer", "{is: ok}", "{is: \"${password}\"}", "answer.success.body.status.is: ${password} must not stand in an answer"},
	{"an answer that is never whole", "  whole: status\n", "", "answer.whole: is missing"},
	{"a path with an expression", "code: error.code", "code: error.code[0]", "answer.code: is not a valid path"},
	{"two rows for a code", "  - {status: 404", "  - {code: same, status: 400, kind: rejected, guessed: true, hint: h}\n  - {status: 404", "p.yaml:30:5: errors[1]: overlaps the row in line 29"},
	{"two rows for a status", "  - {status: 404", "  - {status: 404, kind: in doubt, guessed: true, hint: h}\n  - {status: 404", "p.yaml:31:5: errors[2]: overlaps the row in line 30"},
	{"a row for everything", "code: same, ", "", "errors[0]: matches every answer"},
	{"a row for every code", "code: same", `code: "*"`, "errors[0].code: is not a valid code"},
	{"nothing was sent", "kind: repeat", "kind: not sent", `p.yaml:29:24: errors[0].kind: must not be "not sent": an answer cannot prove that nothing was sent`},
	{"nothing was done", "kind: repeat", "kind: unavailable", `errors[0].kind: must not be "unavailable"`},
	{"a clock that is off", "kind: repeat", "kind: clock skew", `errors[0].kind: must not be "clock skew"`},
	{"a fault that refuses", "{status: 404", "{status: 500", "p.yaml:30:25: errors[1].kind: a 500 does not prove that nothing was done"},
	{"a fault that throttles", "{status: 404, kind: target", "{status: 503, kind: rate limited", "errors[1].kind: a 503 does not prove"},
	{"a success that refuses", "{status: 404", "{status: 200", "errors[1].kind: a 200 alone does not refuse anything"},
	{"a redirect", "{status: 404", "{status: 302", "errors[1].status: is a redirect"},
	{"a repeat by status", "code: same, ", "status: 409, ", "errors[0].kind: a status alone does not say that the password is the present one"},
	{"a repeat by the beginning of a code", "code: same", "code: \"sam*\"", "errors[0].kind: the beginning of a code does not say that the password is the present one"},
	{"a row without its source", "source: page, hint: the same", "hint: the same", "errors[0]: must have exactly one of: source, guessed"},
	{"a source that is none", "source: page, hint: the same", "source: web, hint: the same", `errors[0].source: "web" is not one of sources`},
	{"a host in a slot", "https://api.example.com/v1", "https://${target.domain}/v1", "p.yaml:8:11: endpoint: must not depend on a slot"},
	{"an endpoint in clear", "https://api.example.com/v1", "http://api.example.com/v1", "p.yaml:8:11: endpoint: must begin with https://"},
	{"a host in the path", "path: /users", "path: //evil.example/users", "p.yaml:21:9: set.path: must begin with one /"},
	{"an address in the path", "path: /users", "path: https://evil.example/users", "set.path: must begin with one /"},
	{"a query in the path", "path: /users/", "path: /users?a=", `set.path: "/users?a=" must not stand in a path`},
	{"a way up in the path", "path: /users/", "path: /users/../", `set.path: must not have a segment ".."`},
	{"a password in the path", "${target.login}", "${target.login}/${password}", "p.yaml:21:9: set.path: ${password} must not stand in a path: it would be seen in logs"},
	{"a key in the path", "${target.login}", "${target.login}/${keys.token}", "set.path: ${keys.token} must not stand in a path"},
	{"a password in a header", "  json: {", "  headers: {X-Password: \"${password}\"}\n  json: {", "set.headers.X-Password: ${password} must not stand in a header"},
	{"a password in the query", "  json: {", "  query: {p: \"${password}\"}\n  json: {", "set.query.p: ${password} must not stand in a query"},
	{"a password that proves who calls", "bearer: \"${keys.token}\"", "bearer: \"${password}\"", "auth.bearer: ${password} must not stand in the authentication"},
	{"a header of ours", "  json: {", "  headers: {Host: evil.example}\n  json: {", "set.headers.Host: is not for a description to set"},
	{"a header on two lines", "  json: {", "  headers: {X-A: \"a\\r\\nHost: b\"}\n  json: {", "set.headers.X-A: must be printable ASCII"},
	{"two bodies", "  json: {", "  form: {a: b}\n  json: {", "set: must have at most one of: form, json, multipart"},
	{"a body of a GET", "method: POST", "method: GET", "set: a GET must have no body"},
	{"no password", "\"${password}\"", "secret", "p.yaml:20:3: set: does not send the password"},
	{"no target", "/users/${target.login}", "/me", "set: does not say whose password it changes"},
	{"a key that is not used", "keys: [token]", "keys: [token, user]", `set: does not use the key "user"`},
	{"a key whose name begins another's", "keys: [token]", "keys: [token, tok]", `set: does not use the key "tok"`},
	{"secrets in the URL for nothing", "mode: setter", "mode: setter\nsecret_in_url: true", "set: has no secret in its query"},
	{"an issuer that sets", "mode: setter", "mode: issuer", "p.yaml:11:1: rule: does not go with mode: issuer"},
	{"a rule that nothing satisfies", "max_length: 40", "max_length: 4", "rule: no password satisfies it"},
	{"a name that is a path", "code: example", "code: ../example", "p.yaml:1:7: code: is not a valid name"},
	{"a code that is taken", "code: example", "code: tencent-ses", `p.yaml:1:7: code: "tencent-ses" is another provider's`},
	{"no example of a refusal", "  answers:\n", "  answers: [{status: 200, means: success, source: page}]\n  more:\n", "p.yaml:44:12: examples.answers: must have a success and a refusal"},
	{"a kind that is none", "means: repeat", "means: wonderful", "examples.answers[1].means: unknown value"},
	{"an example for a bad target", "- target: a@example.com", "- target: example.com", "examples.requests[0].target: is refused: the target is an address"},
	{"nested without end", "{password: \"${password}\"}", strings.Repeat("[", 50) + strings.Repeat("]", 50), "nested too deep"},
	{"no YAML", "code: example", "code: [", "p.yaml:"},
}

func TestABadDescriptionIsRefusedWithItsPlace(t *testing.T) {
	t.Parallel()
	good := source(t, "setter.yaml")
	for _, test := range bad {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := Read("p.yaml", []byte(edit(t, good, test.old, test.new)), "tencent-ses")
			var all *document.Errors
			if !errors.As(err, &all) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got\n%v\nwant\n%s", err, test.want)
			}
		})
	}
}

func TestAllThatIsWrongIsSaidAtOnce(t *testing.T) {
	t.Parallel()
	_, err := Read("p.yaml", []byte(edit(t, source(t, "setter.yaml"), "rate: 5/s", "rate: fast", "kind: repeat", "kind: not sent", "path: /users", "path: users")))
	var all *document.Errors
	if !errors.As(err, &all) || all.Total != 3 {
		t.Errorf("got %v", err)
	}
}

func TestADescriptionHasALimit(t *testing.T) {
	t.Parallel()
	text := source(t, "setter.yaml") + "#" + strings.Repeat("x", 10<<20)
	if _, err := Read("p.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), "p.yaml: a description is at most 256 KiB long") {
		t.Errorf("got %v", err)
	}
}

// What the manual shows works.
func TestTheExampleOfTheManualIsTrue(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/providers/declared.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), "## An example\n\n```yaml\n")
	text, _, _ = strings.Cut(text, "```\n")
	d, err := Read("declared.md", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	report := d.Check(t.Context())
	for _, one := range append(report.Failed, report.Uncovered...) {
		t.Error(one)
	}
	for _, name := range fields {
		if !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("the manual does not say what %s is", name)
		}
	}
}
