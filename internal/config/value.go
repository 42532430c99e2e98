package config

import (
	"fmt"
	"strconv"
	"strings"
)

// kind is the type of a value.
type kind uint8

const (
	null kind = iota
	text
	number
	boolean
	list
	object
)

func (k kind) String() string {
	return [...]string{"nothing", "text", "a number", "true or false", "a list", "a map"}[k]
}

// document is one file, or one line of a file, and where its errors go.
type document struct {
	file     string
	problems *problems
}

// position counts from 1; a zero line means the whole file.
type position struct{ line, column int }

// fail reports an error in the document; path is asked for only if there is room for it.
func (d *document) fail(at position, how look, path func() string, hint, format string, args ...any) {
	d.problems.add(func() *Error { return d.problem(at, how, path(), hint, format, args...) })
}

func (d *document) problem(at position, how look, path, hint, format string, args ...any) *Error {
	return &Error{File: d.file, Line: at.line, Column: at.column, Field: path, Message: fmt.Sprintf(format, args...), Hint: hint, look: how}
}

// failFile reports an error that belongs to no field.
func (d *document) failFile(at position, hint, format string, args ...any) {
	d.fail(at, lookPlace, func() string { return "" }, hint, format, args...)
}

// value is one node of a document. YAML, JSON Lines and CSV are all turned into it, so that every rule is written
// once and every error has a position and a path.
type value struct {
	doc      *document
	parent   *value
	name     string // key under an object
	index    int    // place in a list
	at       position
	keyAt    position // of the key, for children of an object
	kind     kind
	text     string // of text, numbers and booleans, as written
	children []*value
}

// path spells where v is within its file.
func (v *value) path() string {
	if v.parent == nil {
		return ""
	}
	if v.parent.kind == list {
		return v.parent.path() + "[" + strconv.Itoa(v.index) + "]"
	}
	return join(v.parent.path(), v.name)
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// fail reports that v is wrong.
func (v *value) fail(hint, format string, args ...any) {
	v.doc.fail(v.at, lookValue, v.path, hint, format, args...)
}

// failUnseen is fail where v may be a secret in the wrong place.
func (v *value) failUnseen(hint, format string, args ...any) {
	v.doc.fail(v.at, lookPlace, v.path, hint, format, args...)
}

// failKey reports that v should not be there at all.
func (v *value) failKey(hint, format string, args ...any) {
	v.doc.fail(v.keyAt, lookKey, v.path, hint, format, args...)
}

// warn reports that v is legal, but surely not meant.
func (v *value) warn(hint, format string, args ...any) {
	v.doc.problems.warn(func() *Error { return v.doc.problem(v.at, lookValue, v.path(), hint, format, args...) })
}

// failIn reports that a field somewhere below v is wrong, at the place that comes nearest to it.
func (v *value) failIn(field, hint, format string, args ...any) {
	at, how := v, lookValue
	for name := range strings.SplitSeq(field, ".") {
		child := at.child(name)
		if child == nil {
			how = lookKey
			break
		}
		at = child
	}
	v.doc.fail(at.at, how, func() string { return join(v.path(), field) }, hint, format, args...)
}

// require reports children that v should have and has not.
func (v *value) require(names ...string) {
	if v.kind != object && v.kind != null {
		return // said already
	}
	for _, name := range names {
		if v.child(name) == nil {
			v.failIn(name, "", "is missing")
		}
	}
}

// exactlyOne reports if v has none or several of the children.
func (v *value) exactlyOne(names ...string) {
	if v.kind != object && v.kind != null {
		return // said already
	}
	given := 0
	for _, name := range names {
		if v.child(name) != nil {
			given++
		}
	}
	if given != 1 {
		v.fail("", "must have exactly one of: %s", strings.Join(names, ", "))
	}
}

// child returns the child of an object, or nil.
func (v *value) child(name string) *value {
	if v.kind != object {
		return nil
	}
	for _, child := range v.children {
		if child.name == name {
			return child
		}
	}
	return nil
}

// is reports whether v has the wanted kind, and fails if not. The text of v is not shown: it may be a secret in the
// wrong place.
func (v *value) is(want kind) bool {
	if v.kind == want {
		return true
	}
	hint := ""
	if want == text && (v.kind == number || v.kind == boolean) {
		hint = "put it in quotes"
	}
	v.failUnseen(hint, "must be %s, not %s", want, v.kind)
	return false
}

// items returns the children of a list; an empty value counts as an empty list.
func (v *value) items() []*value {
	if v.kind == null || !v.is(list) {
		return nil
	}
	return v.children
}

// entries returns the children of an object whose keys are names of the user's; an empty value counts as an empty
// object.
func (v *value) entries() []*value {
	if v.kind == null || !v.is(object) {
		return nil
	}
	seen := make(map[string]bool, len(v.children))
	for _, child := range v.children {
		if seen[child.name] {
			child.failKey("", "is defined twice")
		}
		seen[child.name] = true
	}
	return v.children
}
