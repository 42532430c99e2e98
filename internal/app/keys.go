package app

import (
	"context"
	"maps"
	"slices"
	"time"

	"keyturn/internal/config"
	"keyturn/internal/rotation"
	"keyturn/internal/vaultkv"
)

// keysPause is how often a worker looks whether a store with management keys is back.
const keysPause = 5 * time.Second

// Subjects is NewSubjects for a start: where a store is away, the accounts that have their management keys there wait,
// and the others need not wait for them.
func (p *Process) Subjects(ctx context.Context) (*Subjects, error) {
	cfg := p.Config()
	subjects, err := NewSubjects(ctx, cfg, p.Vault.ReadField, p.Mail())
	if err == nil {
		return subjects, nil
	}
	away := p.Vault.Unusable(ctx, vaultkv.ReadWrite)
	waiting, others := map[string]error{}, []string{}
	for name, account := range cfg.Accounts {
		if cause := keysAway(account, away); cause != nil {
			waiting[name] = cause
		} else {
			others = append(others, name)
		}
	}
	if len(waiting) == 0 || len(others) == 0 {
		return nil, err
	}
	if subjects, err = NewSubjects(ctx, cfg, p.Vault.ReadField, p.Mail(), others...); err != nil {
		return nil, err
	}
	subjects.waiting = waiting
	p.Log.WarnContext(ctx, "accounts wait for their management keys", "accounts", slices.Sorted(maps.Keys(waiting)))
	return subjects, nil
}

// keysAway says why an account's keys cannot be read, nil if they can as far as the stores go.
func keysAway(account *config.Account, away map[string]error) error {
	for _, source := range account.Keys {
		if cause := away[source.Vault.Store]; cause != nil {
			return cause
		}
	}
	return nil
}

// AwaitKeys returns subjects for which no account waits any more, once the keys can be read. It returns nil at once if
// none waits, and when ctx ends.
func (p *Process) AwaitKeys(ctx context.Context, s *Subjects) *Subjects {
	for len(s.waiting) > 0 {
		if (rotation.WallClock{}).Sleep(ctx, keysPause) != nil {
			return nil
		}
		if found, err := NewSubjects(ctx, s.cfg, p.Vault.ReadField, p.Mail()); err == nil {
			p.Log.InfoContext(ctx, "all management keys can be read")
			return found
		}
	}
	return nil
}
