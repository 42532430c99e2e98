package freeze

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
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
	lookEvery  = time.Second     // for what is to be read
	// lookAgain is how long work waits at most before it is asked for again: a freeze may be ended before its time.
	lookAgain = 5 * time.Minute
)

// Book is what is frozen: what the stores have, as it was read last, and what the configuration says. What could not be read
// since the start counts as frozen. Safe for concurrent use.
type Book struct {
	records Records
	mirror  Mirror
	clock   rotation.Clock
	log     *slog.Logger

	mu     sync.RWMutex
	stores []string        // in order; replaced as a whole
	pages  map[string]page // by store
}

// page is what is known of one store.
type page struct {
	read bool
	set  Set
	err  error     // of the last try
	next time.Time // when it is read again; zero while it is being read
}

// rest is how long it stands as it is.
func (p page) rest() time.Duration {
	if p.read {
		return readEvery
	}
	return readSoon
}

var errUnread = errors.New("not read yet")

// NewBook reads what the stores have, and waits a few seconds for those that do not answer. Run goes on from there.
func NewBook(ctx context.Context, stores []string, records Records, mirror Mirror, clock rotation.Clock, log *slog.Logger) *Book {
	b := &Book{records: records, mirror: mirror, clock: clock, log: log, pages: map[string]page{}}
	b.Use(ctx, stores)
	return b
}

// Use makes it the book of other stores. It reads those that are new, as NewBook does.
func (b *Book) Use(ctx context.Context, stores []string) {
	ctx, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	var reading sync.WaitGroup
	for _, store := range b.turn(stores) {
		reading.Go(func() { b.read(ctx, store) })
	}
	reading.Wait()
}

// turn has a page for each store and for no other, and returns those that are new.
func (b *Book) turn(stores []string) (added []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	pages := make(map[string]page, len(stores))
	for _, store := range stores {
		p, ok := b.pages[store]
		if !ok {
			p.err = errUnread
			added = append(added, store)
		}
		pages[store] = p
	}
	b.stores, b.pages = slices.Sorted(maps.Keys(pages)), pages
	return added
}

// Run reads each store once a minute until ctx ends.
func (b *Book) Run(ctx context.Context) {
	var reading sync.WaitGroup
	defer reading.Wait()
	for b.clock.Sleep(ctx, lookEvery) == nil {
		for _, store := range b.due() {
			reading.Go(func() { b.read(ctx, store) })
		}
	}
}

// due returns the stores that are to be read now, and notes that they are.
func (b *Book) due() []string {
	now := b.clock.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	var stores []string
	for store, p := range b.pages {
		if p.next.IsZero() || now.Before(p.next) {
			continue
		}
		p.next = time.Time{}
		b.pages[store] = p
		stores = append(stores, store)
	}
	return stores
}

func (b *Book) page(store string) page {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.pages[store]
}

// all are its stores.
func (b *Book) all() []string {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.stores
}

// read reads one store. After an error what was read before holds.
func (b *Book) read(ctx context.Context, store string) {
	set, err := b.records.Freezes(ctx, store)
	now := b.clock.Now()
	b.mu.Lock()
	p, still := b.pages[store]
	if p.err = err; err == nil {
		p.read, p.set = true, set
	}
	p.next = now.Add(p.rest())
	if still {
		b.pages[store] = p
	}
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
	for _, store := range b.all() {
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
	if !p.read {
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
	for _, store := range b.all() {
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
