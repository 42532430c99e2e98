package queue

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
)

// late is why jobs may begin late, by part: an account that cannot be looked at, the doorbell or the sweep. The zero value
// is that none does. Safe for concurrent use.
type late struct {
	mu  sync.Mutex
	why map[string]error
}

// The parts beside the accounts, whose names are no such.
const (
	partBell  = "(doorbell)"
	partSweep = "(sweep)"
)

// told is how many reasons are told one by one: without Redis there may be one for each account.
const told = 5

// note keeps how a part fared. An error after ctx has ended says only that it ends.
func (l *late) note(ctx context.Context, part string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil || ctx.Err() != nil {
		delete(l.why, part)
		return
	}
	if l.why == nil {
		l.why = map[string]error{}
	}
	l.why[part] = err
}

// forget drops a part that there is no more.
func (l *late) forget(part string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.why, part)
}

func (l *late) err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for _, part := range slices.Sorted(maps.Keys(l.why)) {
		if len(errs) == told {
			errs = append(errs, fmt.Errorf("and %d more", len(l.why)-told))
			break
		}
		errs = append(errs, l.why[part])
	}
	return errors.Join(errs...)
}
