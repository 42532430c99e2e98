package redisx

import (
	"context"
	"fmt"
	"sync"

	"github.com/redis/go-redis/v9"
)

// Tail is what a run leaves to be written with the end of its task, in one transaction and before it. Where the process dies
// first, the task runs again and finds it undone. A nil Tail is that of a run whose task ends on its own: nothing can be left.
type Tail struct {
	late func(error) // hears that what was left is not written

	mu    sync.Mutex
	what  string
	write Writer
}

// Writer adds commands to a transaction.
type Writer func(ctx context.Context, p redis.Pipeliner)

type tailKey struct{}

// WithTail has what runs under ctx leave what it can.
func WithTail(ctx context.Context, late func(error)) (context.Context, *Tail) {
	t := &Tail{late: late}
	return context.WithValue(ctx, tailKey{}, t), t
}

// TailOf is the tail of the run that ctx belongs to.
func TailOf(ctx context.Context) *Tail {
	t, _ := ctx.Value(tailKey{}).(*Tail)
	return t
}

// Leave leaves something, and reports whether it did: if not, the caller writes it. What was left before has been written.
func (t *Tail) Leave(what string, write Writer) bool {
	if t == nil {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.write != nil {
		return false
	}
	t.what, t.write = what, write
	return true
}

// Empty reports that there is nothing to write.
func (t *Tail) Empty() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.write == nil
}

// Take hands over what was left, for a transaction; done hears how that ended. It is nil where nothing was left.
func (t *Tail) Take() (write Writer, done func(error)) {
	if t == nil {
		return nil, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	write, what := t.write, t.what
	t.write = nil
	return write, func(err error) {
		if err != nil {
			t.late(fmt.Errorf("%s: %w", what, err))
		}
	}
}

// Write writes what was left at once: something follows that it must not come after.
func (t *Tail) Write(ctx context.Context, rdb redis.UniversalClient) {
	if write, done := t.Take(); write != nil {
		_, err := rdb.TxPipelined(ctx, func(p redis.Pipeliner) error {
			write(ctx, p)
			return nil
		})
		done(err)
	}
}
