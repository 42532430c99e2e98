package document

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// Error is one thing that is wrong with a document. It never holds a secret.
type Error struct {
	File         string
	Line, Column int    // from 1; 0 if the whole file is meant
	Field        string // path of the field within its file, such as "accounts.tencent.rate[1]"; "" for a whole file
	Message      string
	Hint         string // what to do about it; "" if the message says it all
	Warning      bool   // it is legal, but surely not meant
	look         look
}

// look is how much of the source may be shown beside an Error.
type look uint8

const (
	lookValue look = iota // what stands at its column
	lookKey               // a key: never the value behind it
	lookPlace             // where it stands and not what, which may be a secret in the wrong place
)

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", e.Line, e.Column)
	}
	if e.Field != "" {
		b.WriteString(": " + e.Field)
	}
	if e.Warning {
		b.WriteString(": warning")
	}
	b.WriteString(": " + e.Message)
	if e.Hint != "" {
		b.WriteString(" (" + e.Hint + ")")
	}
	return b.String()
}

// Errors is everything that is wrong with documents, in the order of the files. It is bounded: Total counts those that
// are left out too.
type Errors struct {
	List     []*Error
	Total    int
	Warnings []*Error // beside them; bounded too
}

// Error renders a line for each error.
func (e *Errors) Error() string {
	lines := make([]string, 0, len(e.List)+1)
	for _, one := range e.List {
		lines = append(lines, one.Error())
	}
	if more := e.Total - len(e.List); more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.As find each error.
func (e *Errors) Unwrap() []error {
	list := make([]error, len(e.List))
	for i, one := range e.List {
		list[i] = one
	}
	return list
}

// Cause returns err without the path that Error.File says already.
func Cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
