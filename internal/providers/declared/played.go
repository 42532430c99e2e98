package declared

import (
	"maps"
	"strings"

	"keyturn/internal/rotation"
)

// Answer is an example of an answer, and what it means.
type Answer struct {
	Status  int
	Header  map[string]string
	Body    string
	Success bool
	Kind    rotation.Kind // where it is no success
	Code    string        // the provider's, where there is one
	Shows   string        // the password in it, at an issuer
}

// Answers returns the examples of answers in their order.
func (d *Description) Answers() []Answer {
	all := make([]Answer, len(d.examples.answers))
	for i, one := range d.examples.answers {
		said := d.call.answer.read(one.status, []byte(one.body), values{})
		all[i] = Answer{
			Status: one.status, Header: maps.Clone(one.headers), Body: one.body, Success: one.success, Kind: one.kind, Code: said.code, Shows: one.shows,
		}
	}
	return all
}

// Targets returns those of the examples, each in its one spelling. The answers are about the first.
func (d *Description) Targets() []string {
	var all []string
	seen := map[string]bool{}
	for _, one := range d.examples.requests {
		if target, err := d.target.canonical(one.target); err == nil && !seen[target] {
			seen[target], all = true, append(all, target)
		}
	}
	return all
}

// PartsOf takes a target apart; nil if it is none.
func (d *Description) PartsOf(target string) map[string]string {
	_, parts, err := d.target.read(target)
	if err != nil {
		return nil
	}
	return parts
}

// WaitHeader is the header, beside Retry-After, that says how long to wait; "" if there is none.
func (d *Description) WaitHeader() string { return d.call.answer.wait }

// ExampleKey is what a key is in the examples.
func ExampleKey(name string) string { return strings.ToUpper(name) }
