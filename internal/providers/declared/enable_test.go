package declared

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"keyturn/internal/providers/providertest"
	"keyturn/internal/rotation"
)

// enabling are the edits that make a minter one whose identities are disabled for a while before they are retired.
var enabling = slices.Concat(disabling, []string{
	"retire:\n", `enable:
  call: enable-credential
  method: PUT
  path: /domains/${target}/credentials/${id}
  json: {active: true}
  success: {status: 200, body: {id: {is: c-1}, active: {is: "true"}}}
retire:
`,
	"    - call: retire\n", `    - call: enable
      target: example.com
      id: c-1
      sends: |
        PUT /v1/domains/example.com/credentials/c-1
        Host: api.example.com
        Authorization: Bearer TOKEN
        Content-Type: application/json

        {"active":true}
    - call: retire
`,
	"    - {call: retire, status: 204,", `    - {call: enable, status: 200, body: '{"id": "c-1", "active": true}', means: success, source: page}
    - {call: enable, status: 404, body: '{"error": "unknown"}', means: target, source: page}
    - {call: retire, status: 204,`,
})

const enabled = `{"id": "c-1", "active": true}`

// disablerOf is a client of the description against an answer.
func disablerOf(t *testing.T, answer providertest.Answer) (rotation.Disabler, *providertest.Server) {
	t.Helper()
	p, server := describe(t, "minter.yaml", enabling...).Provider(), providertest.Serve(t, answer)
	c, err := p.New(server.Settings(p, ""))
	if err != nil {
		t.Fatal(err)
	}
	return c.Disabler, server
}

func TestADescriptionThatCanUndoADisablingHasADisabler(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		edits []string
		want  bool
	}{"neither": {nil, false}, "disable alone": {disabling, false}, "both": {enabling, true}} {
		d := describe(t, "minter.yaml", test.edits...)
		report := d.Check(t.Context())
		for _, one := range slices.Concat(report.Failed, report.Uncovered) {
			t.Errorf("%s: %v", name, one)
		}
		p, server := d.Provider(), providertest.Serve(t)
		c, err := p.New(server.Settings(p, ""))
		if err != nil {
			t.Fatal(err)
		}
		if (c.Disabler != nil) != test.want || p.Overlaps.Disables != test.want || p.Overlaps.Keys {
			t.Errorf("%s: disabler %v, %+v", name, c.Disabler, p.Overlaps)
		}
	}
}

// An identity is what keyturn's own accounts call with where its id is all that a program needs beside the secret.
func TestIdentitiesAreManagementKeysWhereTheirIdSignsAndCanBeEnabled(t *testing.T) {
	t.Parallel()
	var keys int
	for _, name := range EmbeddedNames() {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		o := overlaps(t, string(text))
		if o == nil {
			continue
		}
		if enables := strings.Contains(string(text), "\nenable:\n"); o.Disables != enables || o.Keys != enables {
			t.Errorf("%s: enable %v, %+v", name, enables, o)
		}
		if !o.Keys {
			continue
		}
		keys++
		if o := overlaps(t, edit(t, string(text), `username: "${id}"`, `username: "${id}@${target}"`)); o.Keys || !o.Disables {
			t.Errorf("%s: with another user name than the id: %+v", name, o)
		}
	}
	if keys == 0 {
		t.Error("no description makes management keys")
	}
}

func overlaps(t *testing.T, text string) *rotation.Overlapping {
	t.Helper()
	d, err := Read("p.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d.Provider().Overlaps
}

// An identity that is gone is as good as disabled, and cannot be enabled.
func TestAnIdentityIsDisabledAndEnabledAgain(t *testing.T) {
	t.Parallel()
	unknown := providertest.Answer{Status: http.StatusNotFound, Body: `{"error": "unknown"}`}
	for name, test := range map[string]struct {
		answer            providertest.Answer
		disables, enables string // the error's kind; "" for a success
	}{
		"it is off":   {providertest.Answer{Body: disabled}, "", "in doubt"},
		"it is on":    {providertest.Answer{Body: enabled}, "in doubt", ""},
		"it is gone":  {unknown, "", "target"},
		"a fault":     {providertest.Answer{Status: http.StatusBadGateway}, "in doubt", "in doubt"},
		"a refusal":   {providertest.Answer{Status: http.StatusUnauthorized, Body: `{"error": "token"}`}, "unauthorized", "unauthorized"},
		"another one": {providertest.Answer{Body: `{"id": "c-2", "active": true}`}, "in doubt", "in doubt"},
	} {
		c, server := disablerOf(t, test.answer)
		got := map[string]error{"disable-credential": c.Disable(t.Context(), "example.com", "c-1"), "enable-credential": c.Enable(t.Context(), "example.com", "c-1")}
		for op, want := range map[string]string{"disable-credential": test.disables, "enable-credential": test.enables} {
			err := got[op]
			if want == "" && err != nil || want != "" && (err == nil || rotation.AsError(err).Op != op || rotation.AsError(err).Kind.String() != want) {
				t.Errorf("%s: %s: %v, want %q", name, op, err, want)
			}
		}
		sent := server.Sent()
		if len(sent) != 2 || !strings.Contains(sent[0], `{"active":false}`) || !strings.Contains(sent[1], `{"active":true}`) {
			t.Errorf("%s: sent %q", name, sent)
		}
	}
}

// A key that was disabled by mistake, as the one in use, is enabled with whatever key the account has.
func TestTheKeyOfTheAccountIsEnabledAndNeverDisabled(t *testing.T) {
	t.Parallel()
	c, server := disablerOf(t, providertest.Answer{Body: `{"id": "c-1", "active": true}`})
	for _, id := range []string{"TOKEN", "", ".."} {
		_ = providertest.CheckKind(t, c.Disable(t.Context(), "example.com", id), rotation.Target)
	}
	for _, id := range []string{"", ".."} {
		_ = providertest.CheckKind(t, c.Enable(t.Context(), "example.com", id), rotation.Target)
	}
	if sent := server.Sent(); len(sent) != 0 {
		t.Errorf("sent %q", sent)
	}
	if err := c.Enable(t.Context(), "example.com", "TOKEN"); err != nil || !c.Own("TOKEN") || c.Own("c-1") {
		t.Errorf("%v, own %v, another's %v", err, c.Own("TOKEN"), c.Own("c-1"))
	}
}

// To retire takes the same two calls whether or not there is a way back.
func TestAWayToEnableChangesNoRetirement(t *testing.T) {
	t.Parallel()
	p := describe(t, "minter.yaml", enabling...).Provider()
	server := providertest.Serve(t, providertest.Answer{Body: disabled}, providertest.Answer{Status: http.StatusNoContent})
	c, err := p.New(server.Settings(p, ""))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Minter.Retire(t.Context(), "example.com", "c-1"); err != nil {
		t.Error(err)
	}
	if sent := server.Sent(); len(sent) != 2 || !strings.Contains(sent[0], `{"active":false}`) || !strings.HasPrefix(sent[1], "DELETE ") {
		t.Errorf("sent %q", sent)
	}
}

func TestABadWayToEnableIsRefusedWithItsPlace(t *testing.T) {
	t.Parallel()
	good := edit(t, source(t, "minter.yaml"), enabling...)
	for _, test := range []struct{ name, old, new, want string }{
		{"without an id", "  path: /domains/${target}/credentials/${id}\n  json: {active: true}", "  path: /domains/${target}/credentials\n  json: {active: true}", "enable: does not say which identity"},
		{"without a name", "  call: enable-credential\n", "", "enable.call: is missing"},
		{"without a success", `  success: {status: 200, body: {id: {is: c-1}, active: {is: "true"}}}` + "\n", "", "enable.success: is missing"},
		{"by its status", `{status: 200, body: {id: {is: c-1}, active: {is: "true"}}}`, "{status: 200}", "enable.success.body: is missing"},
		{"a row of its own", "{call: retire, status: 404", "{call: enable, status: 404", "errors[2].call: unknown value"},
		{"without an example", "    - call: enable\n", "    - call: retire\n", "examples.requests: must have an example of enable"},
		{"an example without an id", "    - call: enable\n      target: example.com\n      id: c-1\n", "    - call: enable\n      target: example.com\n", "examples.requests[3].id: goes with call: retire"},
		{"a user name in the label", "  json: {active: true}", `  json: {active: true, name: "${label}"}`, "enable.json.name"},
	} {
		if _, err := Read("p.yaml", []byte(edit(t, good, test.old, test.new))); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got\n%v\nwant\n%s", test.name, err, test.want)
		}
	}
	for name, text := range map[string]string{
		"enable: goes with disable":             edit(t, source(t, "minter.yaml"), "retire:\n", "enable: {}\nretire:\n"),
		"enable: does not go with mode: setter": edit(t, source(t, "setter.yaml"), "mode: setter", "mode: setter\nenable: {}"),
	} {
		if _, err := Read("p.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got\n%v\nwant\n%s", err, name)
		}
	}
}
