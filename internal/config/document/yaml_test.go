package document

import (
	"errors"
	"testing"
)

// TestASyntaxErrorIsNamedWithItsLine holds our correction of the YAML parser's counting against the cases that it
// counts differently.
func TestASyntaxErrorIsNamedWithItsLine(t *testing.T) {
	t.Parallel()
	for text, line := range map[string]int{
		"a: b: c":                   1,
		"a: 1\nb: c: d":             2,
		"a: 1\n\tb: 2":              2,
		"a: 1\n- b":                 2,
		"a: 1\nb: [1\nc: 2":         2,
		"a: 1\n\nb: {x: 1\ny: 2\n]": 3,
		"a:\n  - 1\n - 2":           3,
		"a: 1\nb: *c":               2,
	} {
		var p Problems
		root, err := YAML(p.Open("a.yaml"), []byte(text), ""), p.Err()
		var e *Error
		if root != nil || !errors.As(err, &e) || e.Line != line {
			t.Errorf("%q: got %v, want line %d", text, err, line)
		}
	}
}
