package declared

import (
	"maps"
	"strings"

	"keyturn/internal/providers/lenient"
	"keyturn/internal/providers/spelling"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// Answer is an example of an answer, and what it means.
type Answer struct {
	Status       int
	Header       map[string]string
	Body         string
	Success      bool
	Gone         bool          // a success, because there is no such identity
	Kind         rotation.Kind // where it is no success
	Code         string        // the provider's, where there is one
	Shows        string        // the password in it, or what that is made of
	ID, Username string        // of the identity that it shows, or that was retired; "" for a user name that no field has
}

// AnswersTo returns the examples of answers to a call, "" for the one of a setter or an issuer, in their order. Behind those
// of a minter's call stand the refusals among those of its other calls that mean the same here.
func (d *Description) AnswersTo(call string) []Answer {
	o := d.operation(call)
	var own, others []Answer
	for _, one := range d.examples.answers {
		said := o.answer.read(one.status, []byte(one.body), values{})
		a := Answer{
			Status: one.status, Header: maps.Clone(one.headers), Body: one.body, Success: one.success, Kind: one.kind, Code: said.code,
			Gone: one.success && said.row != nil && said.row.gone, ID: one.id,
		}
		if aboutOne(one.call) {
			a.ID = d.example(one.call).id
		}
		if one.shows != "" {
			found := lenient.Read([]byte(one.body))
			raw, _ := found.Secret(d.shown.password...)
			a.Shows, a.Username = raw.Reveal(), textOf(found, d.shown.username)
		}
		if one.call == call {
			own = append(own, a)
		} else if !one.success && said.row != nil && !said.row.gone && said.row.kind == one.kind {
			others = append(others, a)
		}
	}
	return append(own, others...)
}

// Calls are the calls that the description has: those of a minter, or "".
func (d *Description) Calls() []string { return d.calls() }

// Op is what errors and metrics call one of the calls.
func (d *Description) Op(call string) string { return d.operation(call).name }

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

// SyncedField is the field that says whether a password that is shown is live; "" if none does.
func (d *Description) SyncedField() string { return d.shown.synced }

// Login is what a program logs in with as an identity; shown is the user name in the answer that showed it.
func (d *Description) Login(target, id, shown string) string {
	if d.shown.login == nil {
		return shown
	}
	return d.shown.login.text(values{target: target, parts: d.PartsOf(target), id: id})
}

// Password is what a program logs in with where an answer shows a text, at the SMTP server of the first region.
func (d *Description) Password(shown string) string {
	if derive := derivations[d.shown.derive]; derive != nil {
		return derive(secret.New(shown), d.regions[0].name).Reveal()
	}
	return shown
}

// IsID tells whether a text may be the id of an identity.
func IsID(text string) bool { return isID(text) }

// ExampleLabel is the label of examples.
func ExampleLabel() string { return spelling.Label(exampleLabel) }

// ExampleKey is what a key is in the examples.
func ExampleKey(name string) string { return strings.ToUpper(name) }
