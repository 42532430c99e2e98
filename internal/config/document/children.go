package document

import (
	"slices"
	"strings"
)

// Require reports children that v should have and has not.
func (v *Value) Require(names ...string) {
	if v.kind != Object && v.kind != Null {
		return // said already
	}
	for _, name := range names {
		if v.Child(name) == nil {
			v.FailIn(name, "", "is missing")
		}
	}
}

// ExactlyOne reports if v has none or several of the children.
func (v *Value) ExactlyOne(names ...string) {
	if v.kind != Object && v.kind != Null {
		return // said already
	}
	given := 0
	for _, name := range names {
		if v.Child(name) != nil {
			given++
		}
	}
	if given != 1 {
		v.Fail("", "must have exactly one of: %s", strings.Join(names, ", "))
	}
}

// Children returns what v holds: the items of a list, or the values of an object, keys that are defined twice included.
func (v *Value) Children() []*Value { return v.children }

// Child returns the child of an object, or nil.
func (v *Value) Child(name string) *Value {
	if v.kind != Object {
		return nil
	}
	for _, child := range v.children {
		if child.name == name {
			return child
		}
	}
	return nil
}

// Is reports whether v has the wanted kind, and fails if not. The text of v is not shown: it may be a secret in the
// wrong place.
func (v *Value) Is(want Kind) bool {
	if v.kind == want {
		return true
	}
	hint := ""
	if want == Text && (v.kind == Number || v.kind == Boolean) {
		hint = "put it in quotes"
	}
	v.FailUnseen(hint, "must be %s, not %s", want, v.kind)
	return false
}

// Only reports children of an object that are not among names, and those that are defined twice. It returns whether v is an
// object; an empty value counts as an empty one.
func (v *Value) Only(names ...string) bool {
	if v.kind != Null && !v.Is(Object) {
		return false
	}
	for _, child := range v.Entries() {
		if !slices.Contains(names, child.name) {
			child.FailKey(Nearest(child.name, names), "unknown field")
		}
	}
	return true
}

// Items returns the children of a list; an empty value counts as an empty list.
func (v *Value) Items() []*Value {
	if v.kind == Null || !v.Is(List) {
		return nil
	}
	return v.children
}

// Entries returns the children of an object whose keys are names of the user's; an empty value counts as an empty
// object.
func (v *Value) Entries() []*Value {
	if v.kind == Null || !v.Is(Object) {
		return nil
	}
	seen := make(map[string]bool, len(v.children))
	for _, child := range v.children {
		if seen[child.name] {
			child.FailKey("", "is defined twice")
		}
		seen[child.name] = true
	}
	return v.children
}
