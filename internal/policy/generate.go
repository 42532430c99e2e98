package policy

import (
	"errors"
	"fmt"
	"io"

	"github.com/sethvargo/go-password/password"

	"keyturn/internal/secret"
)

// maxTries bounds how many random passwords Generate throws away.
const maxTries = 100

// ErrTooStrict is returned by Generate if no random password passed: the texts forbidden for the credential leave almost
// nothing, or the random source is broken.
var ErrTooStrict = errors.New("no random password passes")

// Generate returns a new password that satisfies the policy's rule and contains none of the texts in forbid, whatever
// their case (the user name of the credential, say; empty ones are ignored). random must be cryptographic; nil means
// crypto/rand. The error is that of random, or ErrTooStrict.
func (p *Policy) Generate(random io.Reader, forbid ...string) (secret.Value, error) {
	source := p.source
	source.Reader = random
	generator, err := password.NewGenerator(&source)
	if err != nil {
		return secret.Value{}, fmt.Errorf("policy %s: %w", p.name, err)
	}
	for range maxTries {
		// The letters are one alphabet of both cases, so "no upper". The rule takes care of repeats; forbidding them here
		// could loop without end.
		text, err := generator.Generate(p.plan.length, p.plan.digits, p.plan.symbols, true, true)
		if err != nil {
			return secret.Value{}, fmt.Errorf("policy %s: random source: %w", p.name, err)
		}
		if p.rule.Check(text) == nil && !containsAny(text, forbid) {
			return secret.New(text), nil
		}
	}
	return secret.Value{}, fmt.Errorf("policy %s: %w in %d tries", p.name, ErrTooStrict, maxTries)
}

func containsAny(text string, forbid []string) bool {
	for _, f := range forbid {
		if containsFold(text, f) {
			return true
		}
	}
	return false
}
