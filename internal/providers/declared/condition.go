package declared

import (
	"slices"

	"keyturn/internal/config/document"
)

// condition is what must be true of a place in an answer; of every value there, where the path leads to several.
type condition struct {
	path  path
	test  test
	texts []template
}

type test int

const (
	given  test = iota + 1 // there is a value, and it is not empty
	absent                 // there is none
	equals                 // it is one of the texts, which may repeat a part of the target
)

// readConditions reads a map of paths to conditions.
func (s scope) readConditions(v *document.Value) []condition {
	var all []condition
	for _, c := range v.Entries() {
		if !pathForm.MatchString(c.Name()) {
			c.FailKey("such as data.error_code, log.0.type or *.type", "is not a valid path")
			continue
		}
		all = append(all, s.readCondition(c))
	}
	return all
}

func (s scope) readCondition(v *document.Value) condition {
	c := condition{path: parsePath(v.Name()), test: given}
	if v.Kind() == document.Text {
		c.test = []test{given, absent}[v.OneOf("given", "absent")]
		return c
	}
	c.test = equals
	if !v.Only("is", "in") {
		return c
	}
	v.ExactlyOne("is", "in")
	if is := v.Child("is"); is != nil {
		c.texts = []template{s.expected(is)}
	}
	if in := v.Child("in"); in != nil {
		for _, item := range in.Items() {
			c.texts = append(c.texts, s.expected(item))
		}
	}
	return c
}

// expected is a text that an answer may have. It may not be a secret: an answer that shows one is no proof of anything.
func (s scope) expected(v *document.Value) template {
	if scalar(v) == "" {
		return nil
	}
	return s.parse(v, inAnswer)
}

// scalar is the text of a value that an answer may have.
func scalar(v *document.Value) string {
	switch v.Kind() {
	case document.Text, document.Number, document.Boolean:
		if v.Raw() == "" {
			v.Fail("say absent", "is empty")
		}
	default:
		v.Is(document.Text)
	}
	return v.Raw()
}

// holds is strict: a value that is empty is neither given nor absent.
func (c condition) holds(root tree, v values) bool {
	return !slices.ContainsFunc(find(root, c.path), func(found tree) bool {
		switch c.test {
		case given:
			return empty(found)
		case absent:
			return found != nil
		default:
			text, ok := found.(string)
			return !ok || !slices.ContainsFunc(c.texts, func(t template) bool { return t.text(v) == text })
		}
	})
}

func empty(found tree) bool {
	switch found := found.(type) {
	case string:
		return found == ""
	case map[string]tree:
		return len(found) == 0
	case []tree:
		return len(found) == 0
	}
	return true
}

// missing tells that there is nothing at all: a list may have nothing in it, and is there.
func missing(found tree) bool {
	_, list := found.([]tree)
	return !list && empty(found)
}

func allHold(conditions []condition, root tree, v values) bool {
	return !slices.ContainsFunc(conditions, func(c condition) bool { return !c.holds(root, v) })
}
