package config

import (
	"keyturn/internal/fielderr"
	"keyturn/internal/policy"
	"keyturn/internal/rotation"
)

// userPolicy is a policy as the user wrote it. What it comes to depends on the provider.
type userPolicy struct {
	spec   policy.Spec
	at     *value
	broken bool // wrong on its own, for every account
}

// policyKey names what a policy comes to at a provider.
type policyKey struct {
	user     *userPolicy
	provider *rotation.Provider
}

var policyFields = fields[policy.Spec]{
	{"length", func(_ *loader, p *policy.Spec, v *value) { p.Length = v.integer(1, policy.LengthLimit) }},
	{"min_length", func(_ *loader, p *policy.Spec, v *value) { p.Rule.MinLength = v.integer(1, policy.LengthLimit) }},
	{"max_length", func(_ *loader, p *policy.Spec, v *value) { p.Rule.MaxLength = v.integer(1, policy.LengthLimit) }},
	{"max_repeat", func(_ *loader, p *policy.Spec, v *value) { p.Rule.MaxRepeat = v.integer(1, policy.LengthLimit) }},
	{"digits", func(l *loader, p *policy.Spec, v *value) { classFields.decode(l, v, &p.Rule.Digits) }},
	{"lower", func(l *loader, p *policy.Spec, v *value) { classFields.decode(l, v, &p.Rule.Lower) }},
	{"upper", func(l *loader, p *policy.Spec, v *value) { classFields.decode(l, v, &p.Rule.Upper) }},
	{"symbols", (*loader).symbols},
	{"allowed_symbols", func(_ *loader, p *policy.Spec, v *value) { p.Rule.AllowedSymbols = v.string() }},
	{"forbidden", func(_ *loader, p *policy.Spec, v *value) { p.Rule.Forbidden = v.strings() }},
}

var classFields = fields[policy.Class]{
	{"min", func(_ *loader, c *policy.Class, v *value) { c.Min = v.integer(0, policy.LengthLimit) }},
	{"min_distinct", func(_ *loader, c *policy.Class, v *value) { c.MinDistinct = v.integer(0, policy.LengthLimit) }},
}

// symbols reads true (use those that are allowed) or a class with minimums.
func (l *loader) symbols(p *policy.Spec, v *value) {
	if v.kind == boolean {
		p.Symbols = v.boolean()
		return
	}
	classFields.decode(l, v, &p.Rule.Symbols)
}

func (l *loader) policy(v *value) {
	p := &userPolicy{spec: policy.Spec{Name: v.name}, at: v}
	policyFields.decode(l, v, &p.spec)
	l.policies[v.name] = p
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

func (l *loader) policyName(v *value) *userPolicy {
	name := v.string()
	p, ok := l.policies[name]
	if !ok && name != "" {
		v.fail(nearest(name, keysOf(l.policies)), "unknown policy %q", name)
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
		p.at.failIn(e.Field, "", "%s%s", e.Problem, with)
	}
}
