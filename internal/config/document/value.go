package document

import (
	"strconv"
	"strings"
)

// Kind is the type of a Value.
type Kind uint8

// The kinds. Null is also what stands for something that was left out.
const (
	Null Kind = iota
	Text
	Number
	Boolean
	List
	Object
)

func (k Kind) String() string {
	return [...]string{"nothing", "text", "a number", "true or false", "a list", "a map"}[k]
}

// Value is one node of a file. YAML, JSON Lines and CSV are all turned into it, so that every rule is written once and
// every error has a position and a path.
type Value struct {
	file     *File
	parent   *Value
	name     string // key under an object
	index    int    // place in a list
	at       position
	keyAt    position // of the key, for children of an object
	kind     Kind
	text     string // of text, numbers and booleans, as written
	children []*Value
}

// Name returns the key under which v stands; "" where it stands under none.
func (v *Value) Name() string { return v.name }

// Kind returns the type of v.
func (v *Value) Kind() Kind { return v.kind }

// Raw returns the text of a scalar as it is written, "" of anything else.
func (v *Value) Raw() string { return v.text }

// Line returns the line of v, from 1.
func (v *Value) Line() int { return v.at.line }

// Place returns an Error without a message, for what is found out about v later.
func (v *Value) Place() Error { return *v.file.problem(v.at, lookValue, v.path(), "", "") }

// Missing returns the empty value that stands for a child that v does not have.
func (v *Value) Missing(name string) *Value {
	return &Value{file: v.file, parent: v, name: name, at: v.at}
}

// path spells where v is within its file.
func (v *Value) path() string {
	if v.parent == nil {
		return ""
	}
	if v.parent.kind == List {
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

// Fail reports that v is wrong.
func (v *Value) Fail(hint, format string, args ...any) {
	v.file.fail(v.at, lookValue, v.path, hint, format, args...)
}

// FailUnseen is Fail where v may be a secret in the wrong place.
func (v *Value) FailUnseen(hint, format string, args ...any) {
	v.file.fail(v.at, lookPlace, v.path, hint, format, args...)
}

// FailKey reports that v should not be there at all.
func (v *Value) FailKey(hint, format string, args ...any) {
	v.file.fail(v.keyAt, lookKey, v.path, hint, format, args...)
}

// Warn reports that v is legal, but surely not meant.
func (v *Value) Warn(hint, format string, args ...any) {
	v.file.problems.warn(func() *Error { return v.file.problem(v.at, lookValue, v.path(), hint, format, args...) })
}

// FailIn reports that a field somewhere below v is wrong, at the place that comes nearest to it.
func (v *Value) FailIn(field, hint, format string, args ...any) {
	at, how := v, lookValue
	for name := range strings.SplitSeq(field, ".") {
		child := at.Child(name)
		if child == nil {
			how = lookKey
			break
		}
		at = child
	}
	v.file.fail(at.at, how, func() string { return join(v.path(), field) }, hint, format, args...)
}
