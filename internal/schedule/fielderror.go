package schedule

import (
	"errors"
	"fmt"
)

// FieldError says what is wrong with one field of a Spec. Field is the name that a configuration gives it: every,
// cron, zone, window, days or splay.
type FieldError struct {
	Field   string
	Problem string
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Problem }

// problems collects field errors, so that one pass reports them all.
type problems []error

func (p *problems) add(field, format string, args ...any) {
	*p = append(*p, &FieldError{Field: field, Problem: fmt.Sprintf(format, args...)})
}

// err joins what was collected; nil if nothing was.
func (p problems) err() error { return errors.Join(p...) }
