// Package document reads YAML, JSON Lines and CSV into values that know where they stand, and collects what is wrong with
// them: every error has its file, line and column, the path of its field and a hint, and can be shown in its place. What
// the values mean is for the caller to say.
package document

import "fmt"

// File is one file, and where its errors go.
type File struct {
	name     string
	problems *Problems
}

// position counts from 1; a zero line means the whole file.
type position struct{ line, column int }

// fail reports an error in the file; path is asked for only if there is room for it.
func (f *File) fail(at position, how look, path func() string, hint, format string, args ...any) {
	f.problems.add(func() *Error { return f.problem(at, how, path(), hint, format, args...) })
}

func (f *File) problem(at position, how look, path, hint, format string, args ...any) *Error {
	return &Error{File: f.name, Line: at.line, Column: at.column, Field: path, Message: fmt.Sprintf(format, args...), Hint: hint, look: how}
}

// failAt reports an error that belongs to no field.
func (f *File) failAt(at position, hint, format string, args ...any) {
	f.fail(at, lookPlace, func() string { return "" }, hint, format, args...)
}

// FailRead reports that the file cannot be read.
func (f *File) FailRead(err error) { f.failAt(position{}, "", "%v", Cause(err)) }
