package core

import (
	"errors"
	"fmt"
	"time"
)

// ErrUnknown says that the sandbox knows no such provider or target.
var ErrUnknown = errors.New("unknown")

// TargetState is what the sandbox knows of one target. Passwords are in clear: showing them is what it is for.
type TargetState struct {
	Live       string    `json:"live"`     // the password that the provider's API regards as set
	Previous   string    `json:"previous"` // the one before
	Serving    string    `json:"serving"`  // the one that the SMTP server accepts now
	Version    int       `json:"version"`  // how many passwords have been accepted
	AcceptedAt time.Time `json:"accepted_at,omitzero"`
	// History holds the first 8 bytes of the SHA-256 of the last passwords in hex, oldest first, the live one last.
	History []string `json:"history"`
	Logins  []string `json:"logins,omitempty"` // SMTP user names
	Asked   Logins   `json:"asked"`            // how often a login was accepted and refused
	Calls   int      `json:"calls"`            // that would change it, whatever became of them; throttled ones left out
	// Throttled is how many calls would have changed it and were answered that there are too many.
	Throttled int `json:"throttled"`
	// Contact is set instead of all the others where contacts are kept.
	Contact *Contact `json:"contact,omitempty"`
}

// State returns every target's state, by provider and target.
func (s *Server) State() map[string]map[string]TargetState {
	state := map[string]map[string]TargetState{}
	for _, code := range s.order {
		targets := map[string]TargetState{}
		ledger := s.services[code].Ledger
		for _, r := range ledger.List("") {
			calls, throttled := ledger.calls(r.Target)
			targets[r.Target] = TargetState{
				Live: r.Live, Previous: r.Previous, Serving: r.Serving, Version: r.Version,
				AcceptedAt: r.AcceptedAt, History: r.History, Logins: ledger.names(r), Asked: ledger.asked(r.Target), Calls: calls,
				Throttled: throttled,
			}
		}
		if book := s.services[code].Book; book != nil {
			for address, c := range book.list() {
				targets[address] = TargetState{Contact: &c}
			}
		}
		state[code] = targets
	}
	return state
}

// Stats returns the counters by provider.
func (s *Server) Stats() map[string]Stats {
	all := map[string]Stats{}
	for _, code := range s.order {
		one := s.services[code].stats.snapshot()
		one.Faults = s.injector.counts(code)
		all[code] = one
	}
	for _, held := range s.holds.list() {
		one := all[held.Provider]
		one.Holding++
		all[held.Provider] = one
	}
	return all
}

// ResetStats sets the counters to zero.
func (s *Server) ResetStats() {
	for _, service := range s.services {
		service.stats.reset()
	}
	s.injector.resetCounts()
}

// AddFaults asks for faults, all or none, and returns them with ids and defaults filled in.
func (s *Server) AddFaults(faults ...Fault) ([]Fault, error) {
	for i := range faults {
		if err := faults[i].check(s.known, s.injector.traits); err != nil {
			return nil, err
		}
	}
	return s.injector.add(faults...)
}

// Faults lists those that can still strike.
func (s *Server) Faults() []Fault { return s.injector.remaining() }

// ClearFaults drops the faults that have not struck yet.
func (s *Server) ClearFaults() {
	s.injector.clear()
	for _, service := range s.services {
		service.guard.forget()
	}
}

// Holds lists the replies that are being held.
func (s *Server) Holds() []Held { return s.holds.list() }

// Release lets go of held replies; an empty argument matches all. It returns how many.
func (s *Server) Release(provider, target string) int { return s.holds.release(provider, target) }

// SetPassword makes a password live as a person in the provider's console would: no rule, no repeat check, no delay.
func (s *Server) SetPassword(code, target, password string) error {
	service := s.services[code]
	if service == nil {
		return fmt.Errorf("provider %q: %w", code, ErrUnknown)
	}
	switch _, result := service.Ledger.force(target, password); result {
	case OutAccepted:
		return nil
	case OutUnknown:
		return fmt.Errorf("target %q of %s: %w", target, code, ErrUnknown)
	default:
		return errStoreClosed
	}
}

// AddTargets makes targets known, all or none, and returns how many were new.
func (s *Server) AddTargets(code string, targets ...Target) (int, error) {
	if !s.known(code) {
		return 0, fmt.Errorf("provider %q: %w", code, ErrUnknown)
	}
	checked := make([]Target, 0, len(targets))
	for _, t := range targets {
		t, err := s.defs[code].Check(t)
		if err != nil {
			return 0, fmt.Errorf("provider %s: %w", code, err)
		}
		checked = append(checked, t)
	}
	if book := s.services[code].Book; book != nil {
		return book.add(checked...)
	}
	added, err := s.services[code].Ledger.Add(checked...)
	return len(added), err
}

// Reset goes back to the start: the targets of the defaults and of the data file, no faults, no counts, nothing held.
func (s *Server) Reset() error {
	s.ClearFaults()
	s.ResetStats()
	s.Release("", "")
	for _, code := range s.order {
		if err := s.services[code].reset(); err != nil {
			return err
		}
		if err := s.populate(code); err != nil {
			return err
		}
	}
	return nil
}
