package config

import (
	"keyturn/internal/config/document"
	"keyturn/internal/fielderr"
	"keyturn/internal/policy"
	"keyturn/internal/rotation"
)

// userPolicy is a policy as the user wrote it. What it comes to depends on the provider.
type userPolicy struct {
	spec   policy.Spec
	at     *document.Value
	broken bool // wrong on its own, for every account
}

// policyKey names what a policy comes to at a provider.
type policyKey struct {
	user     *userPolicy
	provider *rotation.Provider
}

var policyFields = fields[policy.Spec]{
	{"length", func(_ *loader, p *policy.Spec, v *document.Value) { p.Length = v.Integer(1, policy.LengthLimit) }},
	{"min_length", func(_ *loader, p *policy.Spec, v *document.Value) {
		p.Rule.MinLength = v.Integer(1, policy.LengthLimit)
	}},
	{"max_length", func(_ *loader, p *policy.Spec, v *document.Value) {
		p.Rule.MaxLength = v.Integer(1, policy.LengthLimit)
	}},
	{"max_repeat", func(_ *loader, p *policy.Spec, v *document.Value) {
		p.Rule.MaxRepeat = v.Integer(1, policy.LengthLimit)
	}},
	{"digits", func(l *loader, p *policy.Spec, v *document.Value) { classFields.decode(l, v, &p.Rule.Digits) }},
	{"lower", func(l *loader, p *policy.Spec, v *document.Value) { classFields.decode(l, v, &p.Rule.Lower) }},
	{"upper", func(l *loader, p *policy.Spec, v *document.Value) { classFields.decode(l, v, &p.Rule.Upper) }},
	{"symbols", (*loader).symbols},
	{"allowed_symbols", func(_ *loader, p *policy.Spec, v *document.Value) { p.Rule.AllowedSymbols = v.Text() }},
	{"forbidden", func(_ *loader, p *policy.Spec, v *document.Value) { p.Rule.Forbidden = v.Texts() }},
}

var classFields = fields[policy.Class]{
	{"min", func(_ *loader, c *policy.Class, v *document.Value) { c.Min = v.Integer(0, policy.LengthLimit) }},
	{"min_distinct", func(_ *loader, c *policy.Class, v *document.Value) { c.MinDistinct = v.Integer(0, policy.LengthLimit) }},
}

// symbols reads true (use those that are allowed) or a class with minimums.
func (l *loader) symbols(p *policy.Spec, v *document.Value) {
	if v.Kind() == document.Boolean {
		p.Symbols = v.Boolean()
		return
	}
	classFields.decode(l, v, &p.Rule.Symbols)
}

func (l *loader) policy(v *document.Value) {
	p := &userPolicy{spec: policy.Spec{Name: v.Name()}, at: v}
	policyFields.decode(l, v, &p.spec)
	l.policies[v.Name()] = p
	// A rule that contradicts itself is wrong for every account. Which symbols are allowed is for the provider to say.
	alone := p.spec.Rule
	if alone.AllowedSymbols == "" {
		alone.AllowedSymbols = allSymbols
	}
	if err := alone.Satisfiable(); err != nil {
		p.broken = true
		p.fail("", err)
	}
}

const allSymbols = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"

func (l *loader) policyName(v *document.Value) *userPolicy {
	name := v.Text()
	p, ok := l.policies[name]
	if !ok && name != "" {
		v.Fail(document.Nearest(name, keysOf(l.policies)), "unknown policy %q", name)
	}
	return p
}

// resolvePolicy returns what a user's policy comes to at a provider, or nil after an error, which is reported once
// however many credentials use it.
func (l *loader) resolvePolicy(user *userPolicy, provider *rotation.Provider) *policy.Policy {
	if user == nil {
		user = l.noPolicy
	}
	key := policyKey{user, provider}
	if p, ok := l.resolved[key]; ok {
		return p
	}
	p, err := policy.Resolve(provider.Rule, user.spec)
	if !user.broken {
		user.fail(" (with "+provider.Code+")", err)
	}
	l.resolved[key] = p
	return p
}

// fail reports what package policy found, where the user wrote it.
func (p *userPolicy) fail(with string, err error) {
	for _, e := range fielderr.All(err) {
		p.at.FailIn(e.Field, "", "%s%s", e.Problem, with)
	}
}
