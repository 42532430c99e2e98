package app

import (
	"context"
	"errors"
	"fmt"

	"keyturn/internal/config"
	"keyturn/internal/vaultkv"
)

// opened is a store as it was configured, and with what was read for it.
type opened struct {
	configured *config.Store
	settings   vaultkv.StoreConfig
}

// Stores are those of a configuration that may come into force.
type Stores struct {
	process *Process
	opened  map[string]opened
	change  *vaultkv.Change
}

// PrepareStores opens the stores of a configuration beside those in force, of which it keeps those that are named.
func (p *Process) PrepareStores(ctx context.Context, next *config.Config, keep ...string) (*Stores, error) {
	p.opening.Lock()
	defer p.opening.Unlock()
	s := &Stores{process: p, opened: make(map[string]opened, len(next.Stores))}
	var problems []error
	for name, configured := range next.Stores {
		if before, ok := p.opened[name]; ok && before.configured.Equal(configured) {
			s.opened[name] = before // what it logs in with may have been used up since
			continue
		}
		settings, err := storeConfig(ctx, configured)
		if err != nil {
			problems = append(problems, fmt.Errorf("vault store %q: %w", name, err))
		}
		s.opened[name] = opened{configured, settings}
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	for _, name := range keep {
		before, there := p.opened[name]
		if _, ok := s.opened[name]; !ok && there {
			s.opened[name] = before
		}
	}
	settings := make(map[string]vaultkv.StoreConfig, len(s.opened))
	for name, o := range s.opened {
		settings[name] = o.settings
	}
	var err error
	s.change, err = p.Vault.Prepare(settings)
	return s, err
}

// Subjects is NewSubjects with the management keys that stand in these stores.
func (s *Stores) Subjects(ctx context.Context, next *config.Config) (*Subjects, error) {
	subjects, err := NewSubjects(ctx, next, s.change.ReadField, s.process.Mail())
	if err != nil {
		return nil, err
	}
	subjects.read = s.process.Vault.ReadField
	return subjects, nil
}

// Commit puts the stores in force.
func (s *Stores) Commit() {
	s.process.opening.Lock()
	defer s.process.opening.Unlock()
	s.change.Commit()
	s.process.opened = s.opened
}
