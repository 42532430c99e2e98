package vaultkv

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"keyturn/internal/rotation"
)

// Vault is every configured store. It is safe for concurrent use.
type Vault struct {
	stores map[string]*store
	stop   context.CancelFunc
	done   sync.WaitGroup // the goroutines that keep the tokens alive
}

var (
	_ rotation.Journals = (*Vault)(nil)
	_ rotation.Secrets  = (*Vault)(nil)
)

// Open prepares the stores without calling them: the first call logs in, and Check says what is wrong. Tokens are
// renewed until ctx ends or Close is called. An error names every fault of the configuration.
func Open(ctx context.Context, configs map[string]StoreConfig) (*Vault, error) {
	v := &Vault{stores: make(map[string]*store, len(configs))}
	var problems []error
	gates := make(gates)
	for name, config := range configs {
		s, err := newStore(name, config.withDefaults(), gates)
		if err != nil {
			problems = append(problems, fmt.Errorf("vault store %q: %w", name, err))
			continue
		}
		v.stores[name] = s
	}
	if len(problems) > 0 {
		slices.SortFunc(problems, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
		return nil, errors.Join(problems...)
	}
	ctx, v.stop = context.WithCancel(ctx)
	for _, s := range v.stores {
		v.done.Go(func() { s.session.keep(ctx) })
	}
	return v, nil
}

// Stores returns how many stores there are.
func (v *Vault) Stores() int { return len(v.stores) }

// Close stops the renewals and closes idle connections. Calls under way end by their own contexts.
func (v *Vault) Close() {
	v.stop()
	v.done.Wait()
	for _, s := range v.stores {
		s.closeIdle()
	}
}

func (v *Vault) store(name string) (*store, error) {
	s, ok := v.stores[name]
	if !ok {
		return nil, fmt.Errorf("vault store %q is not configured", name)
	}
	return s, nil
}
