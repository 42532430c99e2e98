package operate

import (
	"errors"
	"fmt"
	"sort"
	"strings"
)

// Kind says what an error of this package means for the caller.
type Kind int

// The kinds of errors. The zero Kind is an error of something beneath: Redis, Vault, a provider.
const (
	Beneath  Kind = iota
	Invalid       // the request makes no sense; nothing was tried
	Absent        // it names what the configuration does not have; nothing was tried
	Conflict      // the credential does not allow it as it stands; nothing was changed
	Unable        // it takes rights that this process does not have; nothing was tried
)

// errNoTruth is a request that takes rights in Vault where there are none.
var errNoTruth = &Error{Unable, errors.New("it takes rights in Vault, which this process does not have")}

// Error is an error of this package.
type Error struct {
	Kind Kind
	Err  error
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of an error; Beneath if it is none of this package.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Beneath
}

func invalid(format string, args ...any) error {
	return &Error{Invalid, fmt.Errorf(format, args...)}
}

func absent(ids []string) error {
	sort.Strings(ids)
	return &Error{Absent, fmt.Errorf("not in the configuration: %s", strings.Join(ids, ", "))}
}
