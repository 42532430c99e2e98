package declared

import (
	"maps"
	"net/http"
	"slices"

	"keyturn/internal/config/document"
	"keyturn/internal/httpx"
)

// auth is how a request says who is calling.
type auth struct {
	basic  []template // user and password
	header field      // by another header; its name is "" if there is none
	query  []field
	scheme string              // that signs it; "" if none does
	with   map[string]template // what the scheme needs
}

// readAuth reads one of the ways by its name.
func (s scope) readAuth(v *document.Value) (a auth) {
	ways := append([]string{"basic", "bearer", "header", "query"}, sortedKeys(schemes)...)
	if !v.Only(ways...) {
		return a
	}
	v.ExactlyOne(ways...)
	for name, scheme := range schemes {
		if c := v.Child(name); c != nil && c.Only(scheme.fields...) {
			a.scheme, a.with = name, s.readScheme(c, scheme)
		}
	}
	if c := v.Child("basic"); c != nil && c.Only("user", "password") {
		c.Require("user", "password")
		for _, name := range []string{"user", "password"} {
			if part := c.Child(name); part != nil {
				a.basic = append(a.basic, s.parse(part, inAuth))
			}
		}
	}
	if c := v.Child("bearer"); c != nil {
		a.header = field{"Authorization", append(template{{literal: "Bearer "}}, s.parse(c, inAuth)...)}
	}
	if c := v.Child("header"); c != nil && c.Only("name", "value") {
		c.Require("name", "value")
		a.header = s.named(c, headerName)
		a.header.name = http.CanonicalHeaderKey(a.header.name)
		if slices.Contains(reserved, a.header.name) && a.header.name != "Authorization" {
			c.FailIn("name", "", "is not for a description to set")
		}
	}
	if c := v.Child("query"); c != nil && c.Only("name", "value") {
		c.Require("name", "value")
		a.query = []field{s.named(c, fieldName)}
		if !s.secretInURL {
			c.Fail("where the provider takes it nowhere else, say secret_in_url: true", "a key in the query would be seen in logs")
		}
	}
	if !a.uses(keyPrefix) {
		v.Fail("such as {bearer: \"${keys.token}\"}", "names no key")
	}
	return a
}

// named reads a name and a value.
func (s scope) named(v *document.Value, form interface{ MatchString(string) bool }) (f field) {
	if c := v.Child("name"); c != nil {
		if f.name = c.Text(); !form.MatchString(f.name) {
			c.Fail("", "is not a valid name")
		}
	}
	if c := v.Child("value"); c != nil {
		f.value = s.parse(c, inAuth)
	}
	return f
}

func (a *auth) uses(prefix string) bool {
	return a.header.value.uses(prefix) || slices.ContainsFunc(a.basic, func(t template) bool { return t.uses(prefix) }) ||
		slices.ContainsFunc(a.query, func(f field) bool { return f.value.uses(prefix) }) ||
		slices.ContainsFunc(slices.Collect(maps.Values(a.with)), func(t template) bool { return t.uses(prefix) })
}

// sign adds what the way wants to the head of a request. What goes into the query stands there already.
func (a *auth) sign(r httpx.Request, v values) {
	header := r.Header
	if a.scheme != "" {
		schemes[a.scheme].sign(r, v.stamp, func(name string) string { return a.with[name].text(v) })
	}
	if len(a.basic) == 2 {
		signed := http.Request{Header: header}
		signed.SetBasicAuth(a.basic[0].text(v), a.basic[1].text(v))
	}
	if a.header.name != "" {
		header.Set(a.header.name, a.header.value.text(v))
	}
}
