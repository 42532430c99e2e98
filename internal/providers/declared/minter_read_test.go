package declared

import (
	"strings"
	"testing"
)

// badMinter has what a description of a minter must not say.
var badMinter = []struct{ name, old, new, want string }{
	{"a call that is missing", "retire:\n", "delete:\n", "p.yaml:2:1: retire: is missing"},
	{"a call without its name", "  call: list-credentials\n", "", "list.call: is missing"},
	{"a label that is not sent", `json: {name: "${label}"}`, "json: {}", "p.yaml:20:3: mint: does not send ${label}"},
	{"a label that is not found", "  label: name\n", "", "p.yaml:25:3: list.label: is missing"},
	{"a label in a list", "  items: credentials", "  query: {q: \"${label}\"}\n  items: credentials", "list.query.q: there is no slot ${label}"},
	{"no id", "/credentials/${id}", "/credentials/last", "retire: does not say which identity"},
	{"an id before there is one", "json: {name: \"${label}\"}", "json: {name: \"${id}\"}", "mint.json.name: there is no slot ${id}"},
	{"a password that is sent", "json: {name: \"${label}\"}", "json: {name: \"${label}\", p: \"${password}\"}", "mint.json.p: there is no slot ${password}"},
	{"a rule", "mode: minter", "mode: minter\nrule: {min_length: 8, max_length: 9}", "rule: does not go with mode: minter"},
	{"a pair", "mode: minter", "mode: minter\npairs: true", "pairs: does not go with mode: minter"},
	{"a success for all calls", "  whole: [id", "  success: {status: 200, body: {id: given}}\n  whole: [id", "answer.success: of a minter differs from call to call"},
	{"a call without a success", "  success: {status: 200}\n", "", "list.success: is missing"},
	{"a creation by its status", "  success: {status: 201, body: {id: given, name: {is: \"${label}\"}}}", "  success: {status: 201}", "mint.success.body: is missing"},
	{"a creation without a body", "  success: {status: 201, body: {id: given, name: {is: \"${label}\"}}}", "  success: {status: 201, body: none}", "mint.success.body: must be a map"},
	{"a list of everything", "  items: credentials", "  items: \"*\"", "list.items: must lead to one place"},
	{"full of every call", "{call: mint, code: full", "{code: full", "errors[0].kind: is of one call alone (add call: mint)"},
	{"gone of another call", "{call: retire, status: 404", "{call: list, status: 404", "errors[2].kind: is of one call alone (add call: retire)"},
	{"gone by a fault", "{call: retire, status: 404", "{call: retire, status: 503", "errors[2].kind: a 503 does not prove"},
	{"full by a success", "{call: mint, code: full", "{call: mint, status: 200", "errors[0].kind: a 200 alone does not refuse"},
	{"a call that is none", "{call: mint, code: full", "{call: make, code: full", "errors[0].call: unknown value"},
	{"two rows of a call", "{call: mint, code: taken", "{call: mint, code: full", "errors[1]: overlaps the row in line"},
	{"a user name of no identity", "tls: implicit}", "tls: implicit, username: target}", "smtp.username: does not go with mode: minter"},
	{"no user name", "username: \"${id}@${target}\"\n", "", "username: must be said once"},
	{"two user names", "shows: {id: id,", "shows: {id: id, username: login,", "username: must be said once"},
	{"a password of no name", "password: [password, secret]", "password: []", "shows.password: must name a field"},
	{"an identity without an id", "shows: {id: id,", "shows: {", "shows.id: is missing"},
	{"no example of a list", "    - call: list\n      target: example.com\n      sends: |\n        GET", "    - target: example.com\n      sends: |\n        GET", "examples.requests: must have an example of list"},
	{"no success of a retirement", "    - {call: retire, status: 204, means: success, source: page}\n    - {call: retire, status: 404, body: '{\"error\": \"unknown\"}', means: success, source: page}\n", "", "examples.answers: must have a success of retire"},
	{"an example without its id", "      id: c-1\n", "", "examples.requests[2].id: goes with call: retire"},
	{"a list that is shown by another call", "means: full, source", "means: full, lists: [a], source", "examples.answers[1].lists: goes with call: list"},
	{"a list that shows nothing", ", means: success, lists: [c-1]", ", means: success", "examples.answers: must have a list that shows an identity"},
	{"an example that is gone", "means: full", "means: gone", "examples.answers[1].means: unknown value"},
}

func TestABadMinterIsRefusedWithItsPlace(t *testing.T) {
	t.Parallel()
	good := source(t, "minter.yaml")
	for _, test := range badMinter {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if _, err := Read("p.yaml", []byte(edit(t, good, test.old, test.new))); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got\n%v\nwant\n%s", err, test.want)
			}
		})
	}
}

// What belongs to a minter alone is refused elsewhere.
func TestOtherModesHaveNoIdentities(t *testing.T) {
	t.Parallel()
	for _, test := range [][3]string{
		{"mode: setter", "mode: setter\nmint: {}", "mint: does not go with mode: setter"},
		{"kind: repeat", "kind: full", `errors[0].kind: unknown value "full"`},
		{"kind: repeat", "call: mint, kind: repeat", "errors[0].call: unknown field"},
		{"means: repeat", "call: mint, means: repeat", "examples.answers[1].call: does not go with mode: setter"},
		{"body: {status: {is: ok}}", "body: none", "answer.success.body: must be a map"},
	} {
		if _, err := Read("p.yaml", []byte(edit(t, source(t, "setter.yaml"), test[0], test[1]))); err == nil || !strings.Contains(err.Error(), test[2]) {
			t.Errorf("got\n%v\nwant\n%s", err, test[2])
		}
	}
}
