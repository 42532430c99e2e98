package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// shown is how many errors are kept and rendered: a broken export of a million rows must not fill the terminal.
const shown = 100

// Error is one thing that is wrong with a configuration. It never holds a secret.
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

// Errors is everything that is wrong with a configuration, in the order of the files. It is bounded: Total counts
// those that are left out too.
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

// problems collects errors up to a bound.
type problems struct {
	list     []*Error
	total    int
	warnings []*Error
	order    map[string]int // of the files, as they were opened
}

// add keeps the error that make returns, if there is room; it is not called otherwise, because positions and paths
// cost time when a million rows are wrong.
func (p *problems) add(build func() *Error) {
	p.total++
	if len(p.list) < shown {
		p.list = append(p.list, build())
	}
}

// warn keeps a warning, if there is room.
func (p *problems) warn(build func() *Error) {
	if len(p.warnings) < shown {
		e := build()
		e.Warning = true
		p.warnings = append(p.warnings, e)
	}
}

// opened notes a file, so that errors come out in the order of the files.
func (p *problems) opened(file string) {
	if p.order == nil {
		p.order = map[string]int{}
	}
	if _, ok := p.order[file]; !ok {
		p.order[file] = len(p.order)
	}
}

// err returns what was collected as an *Errors, or nil.
func (p *problems) err() error {
	if p.total == 0 {
		return nil
	}
	return &Errors{List: p.sorted(p.list), Total: p.total, Warnings: p.sorted(p.warnings)}
}

func (p *problems) sorted(list []*Error) []*Error {
	slices.SortStableFunc(list, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(p.order[a.File], p.order[b.File]), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return list
}

// cause returns err without the path that Error.File says already.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
