package document

import (
	"cmp"
	"slices"
)

// shown is how many errors are kept and rendered: a broken export of a million rows must not fill the terminal.
const shown = 100

// Problems collects errors and warnings up to a bound. The zero Problems is empty and ready for use.
type Problems struct {
	list     []*Error
	total    int
	warnings []*Error
	order    map[string]int // of the files, as they were opened
}

// NewProblems returns Problems whose errors come in the order of files.
func NewProblems(files ...string) *Problems {
	p := &Problems{}
	for _, file := range files {
		p.Open(file)
	}
	return p
}

// Open notes a file, so that errors come out in the order of the files, and returns what its values report to.
func (p *Problems) Open(file string) *File {
	if p.order == nil {
		p.order = map[string]int{}
	}
	if _, ok := p.order[file]; !ok {
		p.order[file] = len(p.order)
	}
	return &File{name: file, problems: p}
}

// Add notes an error.
func (p *Problems) Add(e *Error) { p.add(func() *Error { return e }) }

// add keeps the error that build returns, if there is room; it is not called otherwise, because positions and paths
// cost time when a million rows are wrong.
func (p *Problems) add(build func() *Error) {
	p.total++
	if len(p.list) < shown {
		p.list = append(p.list, build())
	}
}

// warn keeps a warning, if there is room.
func (p *Problems) warn(build func() *Error) {
	if len(p.warnings) < shown {
		e := build()
		e.Warning = true
		p.warnings = append(p.warnings, e)
	}
}

// Err returns what was collected as an *Errors, or nil if there are no errors.
func (p *Problems) Err() error {
	if p.total == 0 {
		return nil
	}
	return &Errors{List: p.sorted(p.list), Total: p.total, Warnings: p.Warnings()}
}

// Warnings returns the warnings that were collected.
func (p *Problems) Warnings() []*Error { return p.sorted(p.warnings) }

func (p *Problems) sorted(list []*Error) []*Error {
	slices.SortStableFunc(list, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(p.order[a.File], p.order[b.File]), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return list
}
