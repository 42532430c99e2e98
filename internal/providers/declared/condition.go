package declared

import (
	"slices"

	"keyturn/internal/config/document"
)

// condition is what must be true of a place in an answer; of every value there, where the path leads to several.
type condition struct {
	path  path
	test  test
	texts []string
}

type test int

const (
	given  test = iota + 1 // there is a value, and it is not empty
	absent                 // there is none
	equals                 // it is one of the texts
)

// readConditions reads a map of paths to conditions.
func readConditions(v *document.Value) []condition {
	var all []condition
	for _, c := range v.Entries() {
		if !pathForm.MatchString(c.Name()) {
			c.FailKey("such as data.error_code, log.0.type or *.type", "is not a valid path")
			continue
		}
		all = append(all, readCondition(c))
	}
	return all
}

func readCondition(v *document.Value) condition {
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
		c.texts = []string{scalar(is)}
	}
	if in := v.Child("in"); in != nil {
		for _, item := range in.Items() {
			c.texts = append(c.texts, scalar(item))
		}
	}
	return c
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
func (c condition) holds(root tree) bool {
	return !slices.ContainsFunc(find(root, c.path), func(found tree) bool {
		switch c.test {
		case given:
			return empty(found)
		case absent:
			return found != nil
		default:
			text, ok := found.(string)
			return !ok || !slices.Contains(c.texts, text)
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

func allHold(conditions []condition, root tree) bool {
	return !slices.ContainsFunc(conditions, func(c condition) bool { return !c.holds(root) })
}
