package freeze

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"keyturn/internal/rotation"
)

// Records are the freezes that persons asked for. They stand in Vault, in each store, beside the journals of the credentials
// that they hold back. Safe for concurrent use; returns soon after ctx ends.
type Records interface {
	Freezes(ctx context.Context, store string) (Set, error)
}

// Mirror shows people what was read. Nothing depends on it. Safe for concurrent use; returns soon after ctx ends.
type Mirror interface {
	NoteFreezes(ctx context.Context, store string, set Set) error
}

const (
	readEvery  = time.Minute
	readSoon   = 5 * time.Second // while nothing is known
	readWithin = 5 * time.Second // the first time, before work starts
	// lookAgain is how long work waits at most before it is asked for again: a freeze may be ended before its time.
	lookAgain = 5 * time.Minute
)

// Book is what is frozen: what the stores have, as it was read last, and what the configuration says. What could not be read
// since the start counts as frozen. Safe for concurrent use.
type Book struct {
	stores  []string
	records Records
	mirror  Mirror
	clock   rotation.Clock
	log     *slog.Logger

	mu    sync.RWMutex
	pages map[string]page // by store
}

// page is what is known of one store.
type page struct {
	read bool
	set  Set
	err  error // of the last try
}

var errUnread = errors.New("not read yet")

// NewBook reads what the stores have, and waits a few seconds for those that do not answer. Run goes on from there.
func NewBook(ctx context.Context, stores []string, records Records, mirror Mirror, clock rotation.Clock, log *slog.Logger) *Book {
	b := &Book{stores: stores, records: records, mirror: mirror, clock: clock, log: log, pages: map[string]page{}}
	ctx, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	var reading sync.WaitGroup
	for _, store := range stores {
		b.pages[store] = page{err: errUnread}
	}
	for _, store := range stores {
		reading.Go(func() { b.read(ctx, store) })
	}
	reading.Wait()
	return b
}

// Run reads each store once a minute until ctx ends.
func (b *Book) Run(ctx context.Context) {
	var reading sync.WaitGroup
	for _, store := range b.stores {
		reading.Go(func() {
			for b.clock.Sleep(ctx, b.rest(store)) == nil {
				b.read(ctx, store)
			}
		})
	}
	reading.Wait()
}

func (b *Book) page(store string) page {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.pages[store]
}

func (b *Book) rest(store string) time.Duration {
	if b.page(store).read {
		return readEvery
	}
	return readSoon
}

// read reads one store. After an error what was read before holds.
func (b *Book) read(ctx context.Context, store string) {
	set, err := b.records.Freezes(ctx, store)
	b.mu.Lock()
	p := b.pages[store]
	if p.err = err; err == nil {
		p.read, p.set = true, set
	}
	b.pages[store] = p
	b.mu.Unlock()
	if err != nil {
		return
	}
	if err := b.mirror.NoteFreezes(ctx, store, set); err != nil && ctx.Err() == nil {
		b.log.WarnContext(ctx, "freezes are not shown", "store", store, "error", err)
	}
}

// Ready says which stores could not be read the last time.
func (b *Book) Ready() error {
	var errs []error
	for _, store := range b.stores {
		switch p := b.page(store); {
		case p.err != nil && !p.read:
			errs = append(errs, fmt.Errorf("%s: %w", unread(store), p.err))
		case p.err != nil:
			errs = append(errs, fmt.Errorf("the freezes in store %s are those that were read before: %w", store, p.err))
		}
	}
	return errors.Join(errs...)
}

func unread(store string) string {
	return "the freezes in store " + store + " could not be read since the start, and scheduled work waits"
}

// Holds is the freeze that holds scheduled work of a credential back now, among those of its store and those that the
// configuration has; nil where none does. One without an end stands for what could not be read.
func (b *Book) Holds(configured Set, store, account string, marks *rotation.Marks, now time.Time) *Freeze {
	p := b.page(store)
	switch {
	case !p.read && !slices.Contains(b.stores, store):
		return &Freeze{Reason: "store " + store + " is not open: this process needs a restart, and scheduled work waits"}
	case !p.read:
		return &Freeze{Reason: unread(store)}
	}
	var last *Freeze
	for _, set := range []Set{configured, p.set} {
		if f := set.Of(account, marks).At(now); f != nil && (last == nil || f.Until.After(last.Until)) {
			last = f
		}
	}
	return last
}

// HoldsAll tells whether all scheduled work of an account is held back, whichever store it is about.
func (b *Book) HoldsAll(configured Set, account string, now time.Time) bool {
	for _, store := range b.stores {
		if b.Holds(configured, store, account, nil, now) == nil {
			return false
		}
	}
	return true
}

// After is how long work waits that f holds back before it is asked for again.
func (f *Freeze) After(now time.Time) time.Duration {
	if f.Until.IsZero() {
		return readSoon
	}
	return max(time.Second, min(f.Until.Sub(now), lookAgain))
}
