package declared

import (
	"net/http"
	"strings"
	"testing"

	"keyturn/internal/providers/providertest"
	"keyturn/internal/rotation"
)

// disabling are the edits that make a minter one whose identities are disabled before they are retired.
var disabling = []string{
	"retire:\n", `disable:
  call: disable-credential
  method: PUT
  path: /domains/${target}/credentials/${id}
  json: {active: false}
  success: {status: 200, body: {id: {is: c-1}, active: {is: "false"}}}
retire:
`,
	"    - call: retire\n", `    - call: disable
      target: example.com
      id: c-1
      sends: |
        PUT /v1/domains/example.com/credentials/c-1
        Host: api.example.com
        Authorization: Bearer TOKEN
        Content-Type: application/json

        {"active":false}
    - call: retire
`,
	"    - {call: retire, status: 204,", `    - {call: disable, status: 200, body: '{"id": "c-1", "active": false}', means: success, source: page}
    - {call: disable, status: 404, body: '{"error": "unknown"}', means: success, source: page}
    - {call: retire, status: 204,`,
}

const disabled = `{"id": "c-1", "active": false}`

func TestAnIdentityIsDisabledBeforeItIsRetired(t *testing.T) {
	t.Parallel()
	d := describe(t, "minter.yaml", disabling...)
	report := d.Check(t.Context())
	for _, one := range append(report.Failed, report.Uncovered...) {
		t.Error(one)
	}
	p, gone := d.Provider(), providertest.Answer{Status: http.StatusNotFound, Body: `{"error": "unknown"}`}
	for name, test := range map[string]struct {
		answers []providertest.Answer
		sent    string // the methods, in their order
		op      string // of the error; "" for a success
		kind    rotation.Kind
	}{
		"both succeed":            {[]providertest.Answer{{Body: disabled}, {Status: http.StatusNoContent}}, "PUT DELETE", "", 0},
		"it is gone":              {[]providertest.Answer{gone}, "PUT DELETE", "", 0},
		"it is deleted between":   {[]providertest.Answer{{Body: disabled}, gone}, "PUT DELETE", "", 0},
		"it stays active":         {[]providertest.Answer{{Body: `{"id": "c-1", "active": true}`}}, "PUT", "disable-credential", rotation.InDoubt},
		"a fault":                 {[]providertest.Answer{{Status: http.StatusInternalServerError}}, "PUT", "disable-credential", rotation.InDoubt},
		"a refusal":               {[]providertest.Answer{{Status: http.StatusUnauthorized, Body: `{"error": "token"}`}}, "PUT", "disable-credential", rotation.Unauthorized},
		"the deletion is a doubt": {[]providertest.Answer{{Body: disabled}, {Status: http.StatusBadGateway}}, "PUT DELETE", "delete-credential", rotation.InDoubt},
	} {
		server := providertest.Serve(t, test.answers...)
		c, err := p.New(server.Settings(p, ""))
		if err != nil {
			t.Fatal(err)
		}
		err = c.Minter.Retire(t.Context(), "example.com", "c-1")
		var methods []string
		for _, request := range server.Sent() {
			method, _, _ := strings.Cut(request, " ")
			methods = append(methods, method)
		}
		if got := strings.Join(methods, " "); got != test.sent {
			t.Errorf("%s: sent %s, want %s", name, got, test.sent)
		}
		switch {
		case test.op == "":
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		case err == nil || rotation.AsError(err).Op != test.op || rotation.AsError(err).Kind != test.kind:
			t.Errorf("%s: %v, want %q of %s", name, err, test.kind, test.op)
		}
	}
}

// The key that an account calls with is not disabled either.
func TestTheKeyOfTheAccountIsNotDisabled(t *testing.T) {
	t.Parallel()
	p := describe(t, "minter.yaml", disabling...).Provider()
	server := providertest.Serve(t, providertest.Answer{Body: disabled})
	c, err := p.New(server.Settings(p, ""))
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"TOKEN", "", ".."} {
		_ = providertest.CheckKind(t, c.Minter.Retire(t.Context(), "example.com", id), rotation.Target)
	}
	if sent := server.Sent(); len(sent) != 0 {
		t.Errorf("sent %q", sent)
	}
}

// What is tried is what a rotation does, and what is shown is the answer that decided.
func TestATrialOfARetirementDisablesToo(t *testing.T) {
	t.Parallel()
	d := describe(t, "minter.yaml", disabling...)
	for want, answers := range map[string][]providertest.Answer{
		"success has no body":       {{Body: disabled}, {Status: http.StatusNoContent}},
		`success id is "c-1"`:       {{Body: `{"id": "c-2"}`}},
		`success active is "false"`: {{Status: http.StatusNotFound, Body: "404 page not found"}},
	} {
		trial, err := d.Try(t.Context(), providertest.Serve(t, answers...).Settings(d.Provider(), ""), Attempt{Call: CallRetire, Target: "example.com", ID: "c-1"})
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]int{}
		for _, one := range trial.Looked {
			seen[one.What]++
		}
		if seen[want] != 1 || trial.Status != answers[len(answers)-1].Status && trial.Status != http.StatusOK {
			t.Errorf("%+v, want %q once", trial, want)
		}
	}
}

func TestABadWayToDisableIsRefusedWithItsPlace(t *testing.T) {
	t.Parallel()
	good := edit(t, source(t, "minter.yaml"), disabling...)
	for _, test := range []struct{ name, old, new, want string }{
		{"without an id", "  path: /domains/${target}/credentials/${id}\n  json: {active: false}", "  path: /domains/${target}/credentials\n  json: {active: false}", "disable: does not say which identity"},
		{"without a name", "  call: disable-credential\n", "", "disable.call: is missing"},
		{"without a success", `  success: {status: 200, body: {id: {is: c-1}, active: {is: "false"}}}` + "\n", "", "disable.success: is missing"},
		{"by its status", `{status: 200, body: {id: {is: c-1}, active: {is: "false"}}}`, "{status: 200}", "disable.success.body: is missing"},
		{"a row of its own", "{call: retire, status: 404", "{call: disable, status: 404", "errors[2].call: unknown value"},
		{"without an example", "    - call: disable\n", "    - call: retire\n", "examples.requests: must have an example of disable"},
		{"an example without an id", "    - call: disable\n      target: example.com\n      id: c-1\n", "    - call: disable\n      target: example.com\n", "examples.requests[2].id: goes with call: retire"},
	} {
		if _, err := Read("p.yaml", []byte(edit(t, good, test.old, test.new))); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got\n%v\nwant\n%s", test.name, err, test.want)
		}
	}
	if _, err := Read("p.yaml", []byte(edit(t, source(t, "setter.yaml"), "mode: setter", "mode: setter\ndisable: {}"))); err == nil || !strings.Contains(err.Error(), "disable: does not go with mode: setter") {
		t.Error(err)
	}
}
