// Package fielderr holds what is wrong with single fields of a value that a user wrote: several at once, each with the
// name of its field, so that a configuration can show each in its place.
package fielderr

import (
	"errors"
	"fmt"
)

// Error says what is wrong with one field. Field is the path of the field as a configuration spells it ("every",
// "digits.min_distinct"); Problem never holds a password or a part of one.
type Error struct {
	Field   string
	Problem string
}

func (e *Error) Error() string { return e.Field + ": " + e.Problem }

// List collects errors, so that one pass reports them all. The zero List is empty and ready for use.
type List []error

// Add notes what is wrong with a field.
func (l *List) Add(field, format string, args ...any) {
	*l = append(*l, &Error{Field: field, Problem: fmt.Sprintf(format, args...)})
}

// Err returns what was collected: *Error values joined by errors.Join, or nil if there are none.
func (l List) Err() error { return errors.Join(l...) }

// All takes apart what Err returned, in the order in which it was collected.
func All(err error) []*Error {
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) {
		return nil
	}
	var all []*Error
	for _, leaf := range joined.Unwrap() {
		var e *Error
		if errors.As(leaf, &e) {
			all = append(all, e)
		}
	}
	return all
}
