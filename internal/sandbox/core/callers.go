package core

import "sync"

// Caller is what is known of a key that a request names. The zero Caller is one that no one has.
type Caller struct {
	Secret string
	Known  bool
	Active bool // one that is known and not active is refused
}

// callers knows the management keys that a stand-in holds as its targets: those of users of a cloud, with which its products
// are called.
type callers struct {
	mu    sync.Mutex
	looks map[string]func(id string) Caller // by cloud
}

// Lend has all stand-ins of this one's cloud let in who signs with a key that look finds active.
func (s *Service) Lend(look func(id string) Caller) {
	s.callers.mu.Lock()
	defer s.callers.mu.Unlock()
	s.callers.looks[s.cloud] = look
}

// lent looks up a key that another stand-in of the cloud, or this one, holds as a target.
func (s *Service) lent(id string) Caller {
	s.callers.mu.Lock()
	look := s.callers.looks[s.cloud]
	s.callers.mu.Unlock()
	if look == nil || s.cloud == "" {
		return Caller{}
	}
	return look(id)
}

// Caller looks up a key: of those that the sandbox was started with, or of a user of the cloud.
func (s *Service) Caller(id string) Caller {
	if a := s.accounts[id]; a != nil {
		return Caller{Secret: a.secret, Known: true, Active: true}
	}
	return s.lent(id)
}

// Secret looks up the secret of a key id that may call.
func (s *Service) Secret(id string) (string, bool) {
	c := s.Caller(id)
	return c.Secret, c.Active
}

// Account returns the account of a key that was let in. The keys of a cloud's users have one together, also where the key has
// been disabled since: what was let in is carried out.
func (s *Service) Account(id string) *Account {
	if a := s.accounts[id]; a != nil {
		return a
	}
	return s.whole
}

// KeyRefused counts a request whose key is unknown or inactive, or whose secret is wrong.
func (s *Service) KeyRefused() { s.stats.keyRefusals.Add(1) }
