package app

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"keyturn/internal/config"
	"keyturn/internal/queue"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// Keyring has the clients of a fleet use the management keys as they are now: those in files are read again every few
// seconds, those in Vault every minute, and both at once where a provider refuses one. Safe for concurrent use.
type Keyring struct {
	Breaker *queue.Breaker
	Uses    *keyUses // of keys that rotate themselves
	Clock   rotation.Clock
	Log     *slog.Logger

	mu       sync.Mutex
	subjects func() *Subjects // of the fleet in force; nil before Use
	unread   map[string]error // by account: why its keys could not be read the last time
}

const (
	filesEvery = 10 * time.Second
	vaultEvery = time.Minute // each key there is a call
	renewMost  = time.Minute // for the keys of one account
	// refusedMost is for that while a run waits, which has to say in time that a key was refused.
	refusedMost = 4 * time.Second
	keysAtOnce  = 8
)

// fingerprint tells management keys apart without keeping them.
type fingerprint [sha256.Size]byte

func fingerprintOf(keys map[string]secret.Value) fingerprint {
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(keys)) {
		value := keys[name].Reveal()
		fmt.Fprintf(sum, "%d:%s%d:%s", len(name), name, len(value), value)
	}
	return fingerprint(sum.Sum(nil))
}

// Use says where the subjects of the fleet in force are.
func (k *Keyring) Use(subjects func() *Subjects) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.subjects = subjects
}

func (k *Keyring) inForce() *Subjects {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.subjects == nil {
		return nil
	}
	return k.subjects()
}

// Run reads keys again until ctx ends. Those in files do not wait for a Vault that is away.
func (k *Keyring) Run(ctx context.Context) {
	var loops sync.WaitGroup
	loops.Go(func() { k.repeat(ctx, filesEvery, inFiles) })
	loops.Go(func() { k.repeat(ctx, vaultEvery, inVault) })
	loops.Go(func() { k.report(ctx) })
	loops.Wait()
}

// place is where the keys of an account stand.
type place int

const (
	inNone  place = iota // in the environment, which does not change
	inFiles              // some of them
	inVault              // some of them, and some may be in files
)

func placeOf(account *config.Account) place {
	found := inNone
	for _, source := range account.Keys {
		switch {
		case source.Vault != config.VaultRef{}:
			return inVault
		case source.File != "":
			found = inFiles
		}
	}
	return found
}

// repeat reads the keys of all accounts that stand at a place.
func (k *Keyring) repeat(ctx context.Context, every time.Duration, at place) {
	for k.Clock.Sleep(ctx, every) == nil {
		s := k.inForce()
		var group errgroup.Group
		group.SetLimit(keysAtOnce)
		for name, account := range s.cfg.Accounts {
			if s.waiting[name] == nil && placeOf(account) == at {
				group.Go(func() error {
					k.renew(ctx, s, name)
					return nil
				})
			}
		}
		_ = group.Wait() // none returns an error
		k.keep(func(account string) bool {
			a := s.cfg.Accounts[account]
			return a != nil && placeOf(a) != inNone
		})
	}
}

// renew reads the keys of an account again, and reports whether they have changed. A key that was replaced closes the
// account's breaker: what was refused is not in use any more.
func (k *Keyring) renew(ctx context.Context, s *Subjects, account string) bool {
	ctx, cancel := context.WithTimeout(ctx, renewMost)
	defer cancel()
	changed, err := s.Renew(ctx, account, func(ctx context.Context, id string) error { return k.takes(ctx, s, account, id) })
	if ctx.Err() != nil && err != nil {
		err = fmt.Errorf("account %s: %w", account, ctx.Err())
	}
	k.note(ctx, account, err)
	if !changed {
		return false
	}
	k.tell(ctx, account)
	return true
}

// tell notes that an account has another key.
func (k *Keyring) tell(ctx context.Context, account string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), refusedMost)
	defer cancel()
	k.Log.LogAttrs(ctx, slog.LevelInfo, "a management key was replaced", slog.String("account", account))
	if err := k.Breaker.Renewed(ctx, account); err != nil {
		k.Log.LogAttrs(ctx, slog.LevelWarn, "the breaker learns of a replaced key with the next probe", slog.String("account", account), slog.Any("error", err))
	}
}

// note keeps how the reading of an account's keys went, and logs when that changes.
func (k *Keyring) note(ctx context.Context, account string, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, was := k.unread[account]
	if err == nil {
		delete(k.unread, account)
		return
	}
	if k.unread == nil {
		k.unread = map[string]error{}
	}
	k.unread[account] = err
	if !was {
		k.Log.LogAttrs(ctx, slog.LevelWarn, "the management keys of an account cannot be read again: those of before stay in use",
			slog.String("account", account), slog.Any("error", err))
	}
}

// keep forgets the accounts that are not there any more.
func (k *Keyring) keep(there func(account string) bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	maps.DeleteFunc(k.unread, func(account string, _ error) bool { return !there(account) })
}

// Ready names the accounts whose keys could not be read the last time.
func (k *Keyring) Ready() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	var errs []error
	for _, account := range slices.Sorted(maps.Keys(k.unread)) {
		errs = append(errs, fmt.Errorf("account %s: its management keys stay those of before: %w", account, k.unread[account]))
	}
	return errors.Join(errs...)
}

// usedKey is the key of what Using puts into a context.
type usedKey struct{}

// used is what a run calls its provider with.
type used struct {
	keyed
	cred *rotation.Credential // whose identity the key is; nil where it does not rotate itself
}

// Using returns the context of a run that uses the management keys of an account as they are now; it calls done when it has
// made its last call.
func (k *Keyring) Using(ctx context.Context, s *Subjects, account string) (using context.Context, done func()) {
	u := used{keyed: s.client(account)}
	if a := s.cfg.Accounts[account]; a != nil && a.KeysFrom != "" {
		u.cred, _ = s.cfg.Credential(a.KeysFrom)
	}
	done = func() {}
	if u.cred != nil {
		done = k.Uses.begin(u.cred, u.id)
	}
	return context.WithValue(ctx, usedKey{}, u), done
}

// outdated tells whether the key that a run under ctx was refused is not the account's any more: it may have been replaced
// just now.
func (k *Keyring) outdated(ctx context.Context, account string) bool {
	s := k.inForce()
	u, known := ctx.Value(usedKey{}).(used)
	if s == nil || !known || s.cfg.Accounts[account] == nil {
		return false
	}
	if s.client(account).print != u.print {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, refusedMost)
	defer cancel()
	return k.renew(ctx, s, account)
}

// takes reports why a key is not to be taken up that an account has from a credential.
func (k *Keyring) takes(ctx context.Context, s *Subjects, account, id string) error {
	cred, known := s.cfg.Credential(s.cfg.Accounts[account].KeysFrom)
	if !known {
		return nil
	}
	return k.Uses.takes(ctx, cred, id)
}

// Carry has the next fleet, before it is in force, go on with what no new configuration changes: the age of a key, and the
// key of before where the one that stands in Vault is not to be taken up, or that cannot be told.
func (k *Keyring) Carry(ctx context.Context, was, next *Subjects) {
	for name, account := range next.cfg.Accounts {
		before, now := was.client(name), next.client(name)
		if before.id == "" || now.id == "" || was.cfg.Accounts[name].Provider.Code != account.Provider.Code {
			continue
		}
		if before.print == now.print {
			now.since = before.since
			next.put(name, now)
		} else if err := k.takes(ctx, next, name, now.id); err != nil {
			next.put(name, before)
			k.note(ctx, name, fmt.Errorf("account %s: %w", name, err))
		}
	}
}

// Replaced closes the breakers of the accounts that have other keys in the next fleet.
func (k *Keyring) Replaced(ctx context.Context, was, next *Subjects) {
	for account := range next.cfg.Accounts {
		before := was.client(account)
		if before.print != (fingerprint{}) && before.print != next.client(account).print {
			k.tell(ctx, account)
		}
	}
}

// keyedAgenda has a refused management key read again before the breaker hears of it.
type keyedAgenda struct {
	rotation.Agenda
	keys *Keyring
}

// Block implements rotation.Agenda.
func (a keyedAgenda) Block(ctx context.Context, account string, cause *rotation.Error) error {
	a.keys.missed(ctx)
	if a.keys.outdated(ctx, account) || a.keys.young(ctx) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), refusedMost) // what was left of its time may be gone
	defer cancel()
	return a.Agenda.Block(ctx, account, cause)
}
