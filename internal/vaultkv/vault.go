package vaultkv

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"keyturn/internal/rotation"
)

// Vault is every configured store. It is safe for concurrent use.
type Vault struct {
	live func(*store) // keeps its token alive until it is released or Close is called
	stop context.CancelFunc
	done sync.WaitGroup // the goroutines that do, and those that wait to release a store

	mu     sync.RWMutex
	stores map[string]*store
	gates  gates // also those of earlier stores: what Vault refused, it refuses
	leaves map[string]*time.Timer
}

var (
	_ rotation.Journals = (*Vault)(nil)
	_ rotation.Secrets  = (*Vault)(nil)
)

// Open prepares the stores without calling them: the first call logs in, and Check says what is wrong. Tokens are
// renewed until ctx ends or Close is called. An error names every fault of the configuration.
func Open(ctx context.Context, configs map[string]StoreConfig) (*Vault, error) {
	v := &Vault{stores: map[string]*store{}, gates: gates{}, leaves: map[string]*time.Timer{}}
	ctx, v.stop = context.WithCancel(ctx)
	v.live = func(s *store) {
		ctx, cancel := context.WithCancel(ctx)
		s.release = cancel
		v.done.Go(func() { s.session.keep(ctx) })
	}
	if err := v.Use(configs); err != nil {
		v.stop()
		return nil, err
	}
	return v, nil
}

// ErrMoved is a store that would not be the same store any more: what stands in it would be looked for elsewhere.
var ErrMoved = errors.New("the mounts and the namespace of a store that is in use cannot change")

// Use puts other stores in force: Prepare and Commit.
func (v *Vault) Use(configs map[string]StoreConfig) error {
	change, err := v.Prepare(configs)
	if err != nil {
		return err
	}
	change.Commit()
	return nil
}

// Change is other stores for a Vault, which Commit puts in force. Before that they can be read from.
type Change struct {
	vault  *Vault
	stores map[string]*store
}

// Prepare opens stores beside those in force. One that is configured as before stays as it is, logged in. An error names every
// fault. A change that is not committed leaves nothing behind.
func (v *Vault) Prepare(configs map[string]StoreConfig) (*Change, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	c := &Change{vault: v, stores: map[string]*store{}}
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(configs)) {
		s, err := v.opened(name, configs[name].withDefaults())
		if err != nil {
			problems = append(problems, fmt.Errorf("vault store %q: %w", name, err))
			continue
		}
		c.stores[name] = s
	}
	if len(problems) > 0 {
		slices.SortFunc(problems, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
		return nil, errors.Join(problems...)
	}
	return c, nil
}

// Commit puts the change in force. Calls that are under way end with the store that they began with. A store that is not named
// any more goes after the longest run, for those that are under way.
func (c *Change) Commit() {
	v := c.vault
	v.mu.Lock()
	defer v.mu.Unlock()
	for name, s := range c.stores {
		v.put(name, s)
	}
	for name := range v.stores {
		if c.stores[name] == nil {
			v.leave(name)
		}
	}
}

// opened returns the store that has this configuration: the one that is there, or a new one.
func (v *Vault) opened(name string, config StoreConfig) (*store, error) {
	was := v.stores[name]
	switch {
	case was == nil:
	case reflect.DeepEqual(was.config, config):
		return was, nil
	case was.config.Mount != config.Mount || was.config.JournalMount != config.JournalMount || was.config.Namespace != config.Namespace:
		return nil, ErrMoved
	}
	return newStore(name, config, v.gates)
}

// put makes a store the one of its name.
func (v *Vault) put(name string, s *store) {
	if timer := v.leaves[name]; timer != nil {
		timer.Stop()
		delete(v.leaves, name)
	}
	was := v.stores[name]
	if was == s {
		return
	}
	v.stores[name] = s
	v.live(s)
	if was != nil {
		was.close()
	}
}

// leave has a store go when no run that knows it can be under way.
func (v *Vault) leave(name string) {
	if v.leaves[name] != nil {
		return
	}
	v.leaves[name] = time.AfterFunc(rotation.MaxRun, func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		if v.leaves[name] == nil {
			return // it was put back meanwhile
		}
		v.stores[name].close()
		delete(v.stores, name)
		delete(v.leaves, name)
	})
}

// Stores returns how many stores there are.
func (v *Vault) Stores() int { return len(v.all()) }

// all are the stores in force, by name.
func (v *Vault) all() map[string]*store {
	v.mu.RLock()
	defer v.mu.RUnlock()
	stores := maps.Clone(v.stores)
	for name := range v.leaves {
		delete(stores, name)
	}
	return stores
}

// Close stops the renewals and closes idle connections. Calls under way end by their own contexts.
func (v *Vault) Close() {
	v.stop()
	v.done.Wait()
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, timer := range v.leaves {
		timer.Stop()
	}
	clear(v.leaves)
	for _, s := range v.stores {
		s.close()
	}
}

// store returns one by name, also one that is about to go.
func (v *Vault) store(name string) (*store, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	s, ok := v.stores[name]
	if !ok {
		return nil, fmt.Errorf("vault store %q is not configured", name)
	}
	return s, nil
}
