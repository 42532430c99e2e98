package declared

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"keyturn/internal/rotation"
)

// all are the descriptions that keyturn has with it, and others with what these do not need.
func all(t *testing.T) map[string]*Description {
	t.Helper()
	found := map[string]*Description{
		"setter": describe(t, "setter.yaml"), "issuer": describe(t, "issuer.yaml"),
		"form": describe(t, "setter.yaml", "path: /users/${target.login}", "path: /users", `json: {password: "${password}"}`,
			`form: {user: "${target}", password: "${password}", odd: "a=b&c"}`),
		"everything in JSON": describe(t, "setter.yaml", `json: {password: "${password}"}`,
			`json: {list: ["<${target}>", 1, true, null], in: {password: "${password}", again: "${password}"}}`),
		"a secret in the query": describe(t, "setter.yaml", "mode: setter", "mode: setter\nsecret_in_url: true",
			"json: {password: \"${password}\"}", "query: {password: \"${password}\", of: \"${target.domain}\"}", "bearer: \"${keys.token}\"", "query: {name: key, value: \"${keys.token}\"}"),
	}
	for _, name := range EmbeddedNames() {
		d, err := ReadEmbedded(name)
		if err != nil {
			t.Fatal(err)
		}
		if d.mode != rotation.ModeMinter { // which nothing plays
			found[name] = d
		}
	}
	return found
}

func withPassword(call sent, password string) sent {
	call.password = password
	return call
}

// What a description sends is what the sandbox that plays it reads.
func TestARequestIsReceivedAsItWasSent(t *testing.T) {
	t.Parallel()
	for name, d := range all(t) {
		call := d.examples.requests[0]
		const password = "p&q= \"é\\+%"
		c, _, _ := d.play(t.Context(), withPassword(call, password), told{status: 200})
		got, as := d.Receive(c.sent, c.body)
		want, parts, err := d.target.read(call.target)
		if !as || err != nil || got.Target != "" && got.Target != want || d.call.request.uses(slotPassword) && got.Password != password {
			t.Errorf("%s: %v, %+v of\n%s", name, as, got, c.text())
		}
		for _, key := range d.keys {
			if got.Keys[key] != ExampleKey(key) {
				t.Errorf("%s: key %s is %q", name, key, got.Keys[key])
			}
		}
		for part, text := range got.Parts {
			if parts[part] != text {
				t.Errorf("%s: part %s is %q", name, part, text)
			}
		}
		if got.Target == "" && len(got.Parts) == 0 {
			t.Errorf("%s: no target", name)
		}
	}
}

func TestAnotherRequestIsNotReceived(t *testing.T) {
	t.Parallel()
	for name, d := range all(t) {
		call := d.examples.requests[0]
		for change, spoil := range map[string]func(r *http.Request){
			"method": func(r *http.Request) { r.Method = "OPTIONS" },
			"path":   func(r *http.Request) { r.URL = r.URL.JoinPath("x") },
			"query":  func(r *http.Request) { r.URL.RawQuery += "&x=1" },
			"header": func(r *http.Request) {
				r.Header = http.Header{"Authorization": r.Header["Authorization"]}
			},
		} {
			c, _, _ := d.play(t.Context(), withPassword(call, "Example-1"), told{status: 200})
			spoil(c.sent)
			if change == "header" && len(d.call.request.headers) == 0 && d.call.request.body.kind == bodyless {
				continue
			}
			if _, as := d.Receive(c.sent, c.body); as {
				t.Errorf("%s: another %s is received", name, change)
			}
		}
		if d.call.request.body.kind == multipartBody {
			continue // what stands behind its end is no part of it
		}
		c, _, _ := d.play(t.Context(), withPassword(call, "Example-1"), told{status: 200})
		if _, as := d.Receive(c.sent, append(slices.Clone(c.body), "{x"...)); as {
			t.Errorf("%s: another body is received", name)
		}
	}
}

// A slot that occurs twice holds one value.
func TestASlotThatHoldsTwoValuesIsNotReceived(t *testing.T) {
	t.Parallel()
	d := describe(t, "setter.yaml", `json: {password: "${password}"}`, `json: {password: "${password}", again: "${password}"}`)
	c, _, _ := d.play(t.Context(), sent{target: "a@example.com", password: "Example-1"}, told{status: 200})
	if _, as := d.Receive(c.sent, []byte(strings.Replace(string(c.body), "Example-1", "Example-2", 1))); as {
		t.Errorf("received %s", c.body)
	}
}
