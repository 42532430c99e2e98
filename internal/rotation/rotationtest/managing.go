package rotationtest

import (
	"context"

	"keyturn/internal/rotation"
)

// Managing returns the subject of Overlap, whose identities are management keys that can be disabled.
func (k *Worker) Managing(verified bool) rotation.Subject {
	s := k.Overlap(verified)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.disabled == nil {
		k.disabled, k.leaving = map[string]bool{}, map[string]bool{}
	}
	k.Keys = keys{k}
	s.Client.Disabler = provider{k}
	s.Credential.Overlap.Disables, s.Credential.Overlap.Manages = true, true
	return s
}

// Disabled reports whether an identity is refused that the provider has.
func (w *World) Disabled(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.disabled[id]
}

// Leaving reports whether no process begins to call with a management key.
func (w *World) Leaving(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.leaving[id]
}

func (p provider) Disable(_ context.Context, _, id string) error {
	return p.do(p.Name, "disabler.disable", func() error {
		if p.Current().ID == id {
			p.violate("what consumers use is disabled")
		}
		if !p.leaving[id] {
			p.violate("a management key is disabled that processes may begin to call with")
		}
		p.disabled[id] = true
		return nil
	})
}

func (p provider) Enable(_ context.Context, _, id string) error {
	return p.do(p.Name, "disabler.enable", func() error {
		delete(p.disabled, id)
		return nil
	})
}

func (p provider) Own(string) bool { return false }

// keys is a Redis that knows of no process but of those that Refused counts.
type keys struct{ *Worker }

func (k keys) Leave(_ context.Context, _ *rotation.Credential, id string) (used bool, err error) {
	err = k.do(k.Name, "keys.leave", func() error {
		k.leaving[id] = true
		return nil
	})
	return false, err
}

func (k keys) Missed(_ context.Context, _ *rotation.Credential, id string) (missed bool, err error) {
	err = k.do(k.Name, "keys.missed", func() error {
		missed = k.disabled[id] && k.Refused > 0
		return nil
	})
	return missed, err
}

func (k keys) Stay(_ context.Context, _ *rotation.Credential, id string) error {
	return k.do(k.Name, "keys.stay", func() error {
		if k.disabled[id] {
			k.violate("processes begin to call with a management key that is disabled")
		}
		k.Refused = 0
		delete(k.leaving, id)
		return nil
	})
}
