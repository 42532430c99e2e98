package sandbox

import (
	"fmt"
	"slices"
)

// build makes the services from the definitions, the configuration and the state file.
func (s *Server) build() error {
	for _, p := range providers() {
		s.order = append(s.order, p.code)
		s.defs[p.code] = p
	}
	for code, c := range s.config.Providers {
		if _, ok := s.defs[code]; !ok {
			return fmt.Errorf("provider %q is unknown; there are %v", code, s.order)
		}
		if err := c.Options.check(); err != nil {
			return fmt.Errorf("provider %s: %w", code, err)
		}
	}
	kept, err := s.open()
	if err != nil {
		return err
	}
	for _, code := range s.order {
		s.services[code] = s.service(s.defs[code], s.config.Providers[code])
	}
	for _, item := range kept {
		if service := s.services[item.Provider]; service != nil {
			service.restore(item)
		}
	}
	for _, code := range s.order {
		if err := s.populate(code); err != nil {
			return err
		}
	}
	return nil
}

// open opens the state file, if there is to be one, and finds or makes the certificate authority.
func (s *Server) open() (kept []stored, err error) {
	if s.config.StateFile != "" {
		if s.store, kept, err = openStore(s.config.StateFile); err != nil {
			return nil, err
		}
	}
	if i := slices.IndexFunc(kept, func(item stored) bool { return item.CA != nil }); i >= 0 {
		s.ca = kept[i].CA
		return kept, nil
	}
	if s.ca, err = newAuthority(s.config.Now()); err != nil {
		return nil, err
	}
	return kept, s.store.put(stored{CA: s.ca})
}

func (s *Server) service(p provider, c ProviderConfig) *service {
	names := p.names
	if names == nil {
		names = func(record) []string { return nil }
	}
	v := &service{
		code: p.code, now: s.config.Now, log: s.config.Log, ledger: newLedger(p.code, s.config.Now, s.store, p.repeats, names),
		accounts: map[string]*account{}, injector: s.injector, holds: s.holds, guard: newGuard(s.config.Now),
		stats: &stats{arrivals: meter{now: s.config.Now}},
		delay: s.config.Delay, jitter: s.config.Jitter, stopping: s.stopping,
	}
	if p.contacts {
		v.book = &book{code: p.code, now: s.config.Now, store: s.store, contacts: map[string]Contact{}}
	}
	rate := p.rate
	if c.Rate != nil {
		rate = *c.Rate
	}
	for _, key := range append([]Key{p.key}, c.Keys...) {
		own := rate
		if key.Rate != nil {
			own = *key.Rate
		}
		v.accounts[key.ID] = &account{secret: key.Secret, window: newWindow(own, s.config.Now)}
	}
	v.open = p.open(v, c.Options)
	return v
}

// populate adds the targets that a provider knows from the start, unless the state file had them.
func (s *Server) populate(code string) error {
	targets := slices.Concat(s.defs[code].targets, s.config.Providers[code].Targets)
	_, err := s.AddTargets(code, targets...)
	return err
}

func (s *Server) known(code string) bool { return slices.Contains(s.order, code) }
