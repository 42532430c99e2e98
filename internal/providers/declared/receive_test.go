package declared

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// all are the descriptions that keyturn has with it, and others with what these do not need.
func all(t *testing.T) map[string]*Description {
	t.Helper()
	found := map[string]*Description{
		"setter": describe(t, "setter.yaml"), "issuer": describe(t, "issuer.yaml"), "minter": describe(t, "minter.yaml"),
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
		found[name] = d
	}
	return found
}

func withPassword(call sent, password string) sent {
	call.password = password
	return call
}

// exampleSecret knows the secret that goes with the id in the examples of a description, whose keys are their names.
func exampleSecret(d *Description) func(id string) (string, bool) {
	return func(string) (string, bool) { return ExampleKey(d.keys[len(d.keys)-1]), true }
}

// What a description sends is what the sandbox that plays it reads.
func TestARequestIsReceivedAsItWasSent(t *testing.T) {
	t.Parallel()
	for name, d := range all(t) {
		for _, call := range d.examples.requests {
			checkReceived(t, name, d, call)
		}
	}
}

func checkReceived(t *testing.T, name string, d *Description, call sent) {
	t.Helper()
	const password = "p&q= \"é\\+%"
	c, _, _ := d.play(t.Context(), withPassword(call, password), told{status: 200})
	got, as := d.Receive(c.sent, c.body, exampleSecret(d))
	want, parts, err := d.target.read(call.target)
	o := d.operation(call.call)
	if !as || err != nil || got.Target != "" && got.Target != want || o.request.uses(slotPassword) && got.Password != password {
		t.Errorf("%s: %v, %+v of\n%s", name, as, got, c.text())
	}
	if label := map[bool]string{true: ExampleLabel()}[o.request.uses(slotLabel)]; got.Call != call.call || got.Op != o.name || got.ID != call.id || got.Label != label {
		t.Errorf("%s: received as %+v, want %+v", name, got, call)
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
	if got.Target == "" && len(got.Parts) == 0 && (o.request.uses(slotTarget) || o.request.uses(partPrefix)) {
		t.Errorf("%s: no target", name)
	}
}

// A signature is checked by signing the same request again.
func TestASignatureIsOfItsRequest(t *testing.T) {
	t.Parallel()
	for scheme, d := range map[string]*Description{
		"sigv4": signedBy(t, `{sigv4: {id: "${keys.id}", secret: "${keys.secret}", region: eu, service: s}}`),
		"tc3":   signedBy(t, `{tc3: {id: "${keys.id}", secret: "${keys.secret}", service: s}}`),
		"acs3":  signedBy(t, `{acs3: {id: "${keys.id}", secret: "${keys.secret}"}}`),
	} {
		call := sent{target: "a@example.com", password: "Example-1"}
		c, _, _ := d.play(t.Context(), call, told{status: 200})
		if got, as := d.Receive(c.sent, c.body, exampleSecret(d)); !as || got.Keys["secret"] != "SECRET" || !got.Signed.Equal(exampleTime) {
			t.Errorf("%s: %v %+v", scheme, as, got)
		}
		other := func(string) (string, bool) { return "OTHER", true }
		unknown := func(string) (string, bool) { return "", false }
		spoiled := c.sent.Clone(t.Context())
		spoiled.Header.Set("Authorization", strings.Replace(c.sent.Header.Get("Authorization"), "Signature=", "Signature=0", 1))
		unsigned := c.sent.Clone(t.Context())
		unsigned.Header.Del("Authorization")
		for name, test := range map[string]struct {
			r      *http.Request
			body   string
			secret func(string) (string, bool)
		}{
			"another secret": {c.sent, string(c.body), other}, "another key": {c.sent, string(c.body), unknown},
			"another body": {c.sent, string(c.body) + " ", exampleSecret(d)}, "another signature": {spoiled, string(c.body), exampleSecret(d)},
			"no signature": {unsigned, string(c.body), exampleSecret(d)},
		} {
			if got, _ := d.Receive(test.r, []byte(test.body), test.secret); got.Keys["secret"] != "" {
				t.Errorf("%s: %s passes", scheme, name)
			}
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
			if _, as := d.Receive(c.sent, c.body, exampleSecret(d)); as {
				t.Errorf("%s: another %s is received", name, change)
			}
		}
		if d.call.request.body.kind == multipartBody {
			continue // what stands behind its end is no part of it
		}
		c, _, _ := d.play(t.Context(), withPassword(call, "Example-1"), told{status: 200})
		if _, as := d.Receive(c.sent, append(slices.Clone(c.body), "{x"...), exampleSecret(d)); as {
			t.Errorf("%s: another body is received", name)
		}
	}
}

// A slot that occurs twice holds one value.
func TestASlotThatHoldsTwoValuesIsNotReceived(t *testing.T) {
	t.Parallel()
	d := describe(t, "setter.yaml", `json: {password: "${password}"}`, `json: {password: "${password}", again: "${password}"}`)
	c, _, _ := d.play(t.Context(), sent{target: "a@example.com", password: "Example-1"}, told{status: 200})
	if _, as := d.Receive(c.sent, []byte(strings.Replace(string(c.body), "Example-1", "Example-2", 1)), exampleSecret(d)); as {
		t.Errorf("received %s", c.body)
	}
}
