package declared

import (
	"slices"
	"strings"

	"keyturn/internal/config/document"
	"keyturn/internal/secret"
)

// place is where a template stands: it decides which slots are allowed.
type place int

const (
	inPath place = iota + 1
	inQuery
	inHeader
	inBody
	inAuth
	inAnswer
)

func (p place) String() string {
	return [...]string{"", "a path", "a query", "a header", "a body", "the authentication", "an answer"}[p]
}

// The slots that are no part of a target and no key.
const (
	slotTarget   = "target"
	slotPassword = "password"
	slotRegion   = "region"
	slotLabel    = "label" // the name of an identity that is made
	slotID       = "id"    // of one that is retired
	partPrefix   = "target."
	keyPrefix    = "keys."
)

// scope is what the templates of a description may name.
type scope struct {
	slots       []string // all that the description defines
	secretInURL bool     // a password or a key may stand in a query
}

// with is a scope that has more slots.
func (s scope) with(slots ...string) scope {
	s.slots = append(slices.Clone(s.slots), slots...)
	return s
}

// template is a text with slots such as ${target.domain}.
type template []piece

// piece is a literal text, or a slot.
type piece struct{ literal, slot string }

// parse reads a template and reports slots that do not exist or must not stand there.
func (s scope) parse(v *document.Value, where place) template {
	if v.Kind() == document.List || v.Kind() == document.Object || v.Kind() == document.Null {
		v.Is(document.Text)
		return nil
	}
	var t template
	rest := v.Raw()
	for {
		literal, behind, found := strings.Cut(rest, "${")
		if literal != "" {
			t = append(t, piece{literal: literal})
		}
		if !found {
			return t
		}
		name, after, closed := strings.Cut(behind, "}")
		if !closed {
			v.Fail("a slot looks like ${target}", "has a slot without an end")
			return t
		}
		s.check(v, name, where)
		t, rest = append(t, piece{slot: name}), after
	}
}

func (s scope) check(v *document.Value, name string, where place) {
	isKey := strings.HasPrefix(name, keyPrefix)
	switch {
	case !slices.Contains(s.slots, name):
		v.Fail(document.Nearest(name, s.slots), "there is no slot ${%s}", name)
	case where == inAuth && !isKey && name != slotRegion:
		v.Fail("only keys prove who is calling", "${%s} must not stand in the authentication", name)
	case where == inAnswer && (isKey || name == slotPassword):
		v.Fail("a part of the target, or a text", "${%s} must not stand in an answer", name)
	case where == inAuth, where == inBody, !isKey && name != slotPassword:
	case where != inQuery:
		v.Fail("put a password into the body, and keys there or into auth", "${%s} must not stand in %s: it would be seen in logs", name, where)
	case !s.secretInURL:
		v.Fail("put it into the body; where the provider takes it nowhere else, say secret_in_url: true", "${%s} must not stand in a query", name)
	}
}

// uses tells whether a template has a slot: the one with this name, or any below a name that ends in a dot.
func (t template) uses(name string) bool {
	return slices.ContainsFunc(t, func(p piece) bool {
		return p.slot != "" && p.slot == name || strings.HasSuffix(name, ".") && strings.HasPrefix(p.slot, name)
	})
}

// values are what the slots of one call stand for.
type values struct {
	target, region, label, id string
	parts                     map[string]string
	keys                      map[string]secret.Value
	password                  secret.Value
	raw                       secret.Value // what the password was made of
	stamp                     stamp
}

func (v values) of(slot string) string {
	if name, ok := strings.CutPrefix(slot, keyPrefix); ok {
		return v.keys[name].Reveal()
	}
	if name, ok := strings.CutPrefix(slot, partPrefix); ok {
		return v.parts[name]
	}
	switch slot {
	case slotPassword:
		return v.password.Reveal()
	case slotRegion:
		return v.region
	case slotLabel:
		return v.label
	case slotID:
		return v.id
	}
	return v.target
}

// fill puts the values into the slots, each of them escaped.
func (t template) fill(v values, escape func(string) string) string {
	var b strings.Builder
	for _, p := range t {
		if p.slot == "" {
			b.WriteString(p.literal)
		} else {
			b.WriteString(escape(v.of(p.slot)))
		}
	}
	return b.String()
}

// text is fill for what is escaped as a whole.
func (t template) text(v values) string { return t.fill(v, func(s string) string { return s }) }

// shows tells whether a text holds a secret of the call.
func (v values) shows(text string) bool {
	for _, key := range v.keys {
		if !key.IsZero() && strings.Contains(text, key.Reveal()) {
			return true
		}
	}
	for _, made := range []secret.Value{v.password, v.raw} {
		if !made.IsZero() && strings.Contains(text, made.Reveal()) {
			return true
		}
	}
	return false
}
