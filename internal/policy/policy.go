package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/sethvargo/go-password/password"

	"keyturn/internal/fielderr"
)

// DefaultLength is how long passwords are where neither the user nor the rule says otherwise. The default is
// alphanumeric: 20 such characters satisfy every provider known to keyturn, and survive any quoting.
const DefaultLength = 20

// Spec is what a user asks for. The zero Spec asks for the default within the provider's rule.
type Spec struct {
	Name    string // for people; no part of the fingerprint
	Rule    Rule   // may only tighten the provider's
	Length  int    // 0: DefaultLength, moved into the rule's range
	Symbols bool   // use the allowed symbols too; implied where the rule demands any
}

// Policy is a rule that is known to be satisfiable, and how to generate passwords for it. It is immutable and may be
// used by many goroutines at once.
type Policy struct {
	name        string
	rule        Rule
	plan        plan
	source      password.GeneratorInput // all but the Reader, which each caller brings
	fingerprint string
}

// Resolve tightens a provider's rule by a user's spec and settles what to generate. Its errors are *fielderr.Error values
// joined by errors.Join: contradictions, and rules so strict that random passwords hardly ever pass, so that no rule
// first fails when a password is due.
func Resolve(provider Rule, spec Spec) (*Policy, error) {
	rule, err := Tighten(provider, spec.Rule)
	if err != nil {
		return nil, err
	}
	withSymbols := spec.Symbols || rule.Symbols.need() > 0
	if err := checkSpec(rule, spec); err != nil {
		return nil, err
	}
	chosen, err := choosePlan(rule, spec.Length, withSymbols)
	if err != nil {
		return nil, err
	}
	sets := rule.alphabet()
	return &Policy{
		name: spec.Name,
		rule: rule,
		plan: chosen,
		// An empty set would make go-password use its own; the plan then asks for none of that class.
		source:      password.GeneratorInput{LowerLetters: sets[lower] + sets[upper], Digits: sets[digits], Symbols: sets[symbols]},
		fingerprint: fingerprint(rule, chosen.length, withSymbols),
	}, nil
}

func checkSpec(rule Rule, spec Spec) error {
	var p fielderr.List
	switch n := spec.Length; {
	case n == 0:
	case n < max(1, rule.MinLength):
		p.Add("length", "%d is less than the rule's %d", n, max(1, rule.MinLength))
	case n > rule.maxLength():
		p.Add("length", "%d is more than the rule's %d", n, rule.maxLength())
	}
	if spec.Symbols && rule.alphabet()[symbols] == "" {
		p.Add("symbols", "the rule allows none")
	}
	return p.Err()
}

// Name returns the policy's name.
func (p *Policy) Name() string { return p.name }

// Rule returns the effective rule: the provider's, tightened by the user's. Do not modify its Forbidden.
func (p *Policy) Rule() Rule { return p.rule }

// Length returns how many characters a generated password has.
func (p *Policy) Length() int { return p.plan.length }

// Fingerprint identifies the policy's contents: it changes whenever other passwords may come out, and never with the
// name, the order in which a set is written, or a restart. 32 hexadecimal digits.
func (p *Policy) Fingerprint() string { return p.fingerprint }

// Entropy returns a lower bound of the entropy of a generated password in bits; see plan for the formula.
func (p *Policy) Entropy() float64 { return p.plan.bits }

// String names the policy for logs.
func (p *Policy) String() string {
	return fmt.Sprintf("%s (%d characters, %.0f bits)", p.name, p.plan.length, p.plan.bits)
}

// fingerprint hashes the canonical rule. JSON writes the fields in the order of their declaration, which is stable.
func fingerprint(rule Rule, length int, withSymbols bool) string {
	text, err := json.Marshal(struct {
		Rule    Rule
		Length  int
		Symbols bool
	}{rule, length, withSymbols})
	if err != nil {
		panic(err) // plain strings, numbers and booleans always marshal
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}
