package core

import "sync"

// callers knows the management keys that a stand-in holds as its targets: those of users of a cloud, with which its products
// are called.
type callers struct {
	mu      sync.Mutex
	secrets map[string]func(id string) (secret string, ok bool) // by cloud
}

// Lend has all stand-ins of this one's cloud let in who signs with a key that secret knows.
func (s *Service) Lend(secret func(id string) (secret string, ok bool)) {
	s.callers.mu.Lock()
	defer s.callers.mu.Unlock()
	s.callers.secrets[s.cloud] = secret
}

// lent looks up the secret of a key that another stand-in of the cloud, or this one, holds as a target.
func (s *Service) lent(id string) (secret string, ok bool) {
	s.callers.mu.Lock()
	look := s.callers.secrets[s.cloud]
	s.callers.mu.Unlock()
	if look == nil || s.cloud == "" {
		return "", false
	}
	return look(id)
}
