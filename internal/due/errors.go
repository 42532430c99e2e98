package due

import (
	"errors"
	"fmt"
)

// maxTold is how many errors are told one by one.
const maxTold = 5

// errorList joins errors of which there may be a million: it tells the first few and counts the others.
type errorList struct {
	told []error
	more int
}

func (l *errorList) add(err error) {
	switch {
	case err == nil:
	case len(l.told) < maxTold:
		l.told = append(l.told, err)
	default:
		l.more++
	}
}

func (l *errorList) err() error {
	if l.more > 0 {
		return errors.Join(append(l.told, fmt.Errorf("and %d more", l.more))...)
	}
	return errors.Join(l.told...)
}
