package declared

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"keyturn/internal/config/document"
	"keyturn/internal/providers/spelling"
)

// longestTarget bounds every target, in characters, whatever a description allows.
const longestTarget = 512

// target is what the targets of a provider look like.
type target struct {
	form     *regexp.Regexp
	parts    []string // the names of its groups
	lower    []string // those that are written in lower case
	spelling string   // address, domain or text
	longest  int
	advice   error // what a target looks like
}

// readTarget reads target, and tries its own examples.
func readTarget(v *document.Value) target {
	t := target{spelling: "text", longest: longestTarget, advice: errors.New("the target is not of the form that its provider wants")}
	if !v.Only("form", "spelling", "lower", "max_length", "says", "pass", "fail") {
		return t
	}
	v.Require("form", "says", "pass", "fail")
	if c := v.Child("says"); c != nil {
		t.advice = errors.New(c.Text())
	}
	if c := v.Child("spelling"); c != nil {
		names := []string{"text", "address", "domain"}
		t.spelling = names[c.OneOf(names...)]
	}
	if c := v.Child("max_length"); c != nil {
		t.longest = c.Integer(1, longestTarget)
	}
	if c := v.Child("form"); c != nil {
		t.readForm(c)
	}
	if c := v.Child("lower"); c != nil {
		for _, item := range c.Items() {
			if t.lower = append(t.lower, item.Text()); !slices.Contains(t.parts, item.Raw()) {
				item.Fail(document.Nearest(item.Raw(), t.parts), "the form has no part %q", item.Raw())
			}
		}
	}
	if t.form != nil {
		t.try(v.Child("pass"), v.Child("fail"))
	}
	return t
}

func (t *target) readForm(v *document.Value) {
	parsed, err := syntax.Parse(v.Text(), syntax.Perl)
	if err != nil {
		v.Fail("RE2 has no look-around and no backreference", "is not a valid pattern: %v", err)
		return
	}
	if !anchored(parsed) {
		v.Fail("begin it with ^ and end it with $", "must match a target as a whole")
		return
	}
	t.form = regexp.MustCompile(v.Raw())
	for _, name := range t.form.SubexpNames() {
		switch {
		case name == "":
		case slices.Contains(t.parts, name):
			v.Fail("", "the part %q is defined twice", name)
		default:
			t.parts = append(t.parts, name)
		}
	}
}

// anchored reports whether every match begins at the beginning of the text and ends at its end.
func anchored(re *syntax.Regexp) bool {
	return re.Op == syntax.OpConcat && len(re.Sub) >= 2 && re.Sub[0].Op == syntax.OpBeginText && re.Sub[len(re.Sub)-1].Op == syntax.OpEndText
}

// try holds the form to its own examples.
func (t *target) try(pass, fail *document.Value) {
	if pass != nil {
		for _, c := range pass.Entries() {
			if got, _, err := t.read(c.Name()); err != nil {
				c.FailKey("the form, or the example, is wrong", "is refused, and should pass")
			} else if got != c.Text() {
				c.Fail("", "the one spelling of %q is %q", c.Name(), got)
			}
		}
		if len(pass.Children()) == 0 {
			pass.Fail("such as {alerts@EXAMPLE.com: alerts@example.com}", "must have an example and its one spelling")
		}
	}
	if fail != nil {
		for _, item := range fail.Items() {
			if got, _, err := t.read(item.Raw()); err == nil {
				item.Fail("the form, or the example, is wrong", "passes as %q, and should be refused", got)
			}
		}
		if len(fail.Children()) == 0 {
			fail.Fail("such as [not-an-address]", "must have an example")
		}
	}
}

// canonical is rotation.Provider.CheckTarget.
func (t *target) canonical(text string) (string, error) {
	one, _, err := t.read(text)
	return one, err
}

// read returns the one spelling of a target, and its parts.
func (t *target) read(text string) (one string, parts map[string]string, err error) {
	if one, err = t.spell(text); err != nil || len(one) > t.longest {
		return "", nil, t.advice
	}
	at := t.form.FindStringSubmatchIndex(one)
	if at == nil {
		return "", nil, t.advice
	}
	written := []byte(one)
	for i, name := range t.form.SubexpNames() {
		if from, to := at[2*i], at[2*i+1]; from >= 0 && slices.Contains(t.lower, name) {
			copy(written[from:to], strings.ToLower(one[from:to]))
		}
	}
	one = string(written)
	found := t.form.FindStringSubmatch(one)
	if found == nil {
		return "", nil, t.advice // in lower case it is none
	}
	parts = make(map[string]string, len(t.parts))
	for i, name := range t.form.SubexpNames() {
		if name != "" {
			parts[name] = found[i]
		}
	}
	return one, parts, nil
}

// spell returns printable ASCII, so that a letter in lower case is as long as in upper case.
func (t *target) spell(text string) (string, error) {
	one := strings.TrimSpace(text)
	var err error
	switch t.spelling {
	case "address":
		one, err = spelling.Address(one)
	case "domain":
		one, err = spelling.Domain(one)
	}
	if err != nil || strings.ContainsFunc(one, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", t.advice
	}
	return one, nil
}
