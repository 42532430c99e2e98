package core

import (
	"fmt"
	"slices"
)

// build makes the services from the definitions, the configuration and the state file.
func (s *Server) build() error {
	for _, d := range s.config.StandIns {
		s.order = append(s.order, d.Code)
		s.defs[d.Code] = d
	}
	for code, c := range s.config.Providers {
		if _, ok := s.defs[code]; !ok {
			return fmt.Errorf("provider %q is unknown; there are %v", code, s.order)
		}
		for name := range c.Options {
			if known := s.defs[code].Options; !slices.Contains(known, name) {
				return fmt.Errorf("provider %s: option %q is unknown; there are %v", code, name, known)
			}
		}
	}
	kept, err := s.open()
	if err != nil {
		return err
	}
	for _, code := range s.order {
		service, err := s.service(s.defs[code], s.config.Providers[code])
		if err != nil {
			return fmt.Errorf("provider %s: %w", code, err)
		}
		s.services[code] = service
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

func (s *Server) service(d StandIn, c ProviderConfig) (*Service, error) {
	names := d.Names
	if names == nil {
		names = func(Record) []string { return nil }
	}
	v := &Service{
		Code: d.Code, Ledger: newLedger(d.Code, s.config.Now, s.store, d.Repeats, names),
		now: s.config.Now, log: s.config.Log,
		accounts: map[string]*Account{}, injector: s.injector, holds: s.holds, guard: newGuard(s.config.Now),
		stats: &stats{arrivals: meter{now: s.config.Now}},
		cloud: d.Cloud, callers: s.callers, whole: &Account{window: newWindow(whole(d.Rate, c.Rate), s.config.Now)},
		delay: s.config.Delay, jitter: s.config.Jitter, stopping: s.stopping,
	}
	if d.Contacts {
		v.Book = &Book{code: d.Code, now: s.config.Now, store: s.store, contacts: map[string]Contact{}}
	}
	rate := whole(d.Rate, c.Rate)
	for _, key := range append([]Key{d.Key}, c.Keys...) {
		own := rate
		if key.Rate != nil {
			own = *key.Rate
		}
		v.accounts[key.ID] = &Account{secret: key.Secret, window: newWindow(own, s.config.Now)}
	}
	var err error
	v.open, err = d.Open(v, c.Options)
	return v, err
}

// whole is the rate of every key that names none.
func whole(usual Rate, configured *Rate) Rate {
	if configured != nil {
		return *configured
	}
	return usual
}

// populate adds the targets that a provider knows from the start, unless the state file had them.
func (s *Server) populate(code string) error {
	targets := slices.Concat(s.defs[code].Targets, s.config.Providers[code].Targets)
	_, err := s.AddTargets(code, targets...)
	return err
}

func (s *Server) known(code string) bool { return slices.Contains(s.order, code) }
