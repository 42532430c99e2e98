package app

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"keyturn/internal/keyuse"
	"keyturn/internal/rotation"
)

const (
	reportEvery = 5 * time.Second
	// reportFresh is how old a report may be for a call to be made: what is not reported counts as gone later.
	reportFresh = keyuse.Silence / 2
	// leavePause is when a run comes back whose key is about to be disabled: by then the next one was read.
	leavePause = 5 * time.Second
	// keySpreads is how long a provider may refuse a new key at some of its servers.
	keySpreads = 2 * time.Minute
)

// keyUses is which management keys that rotate themselves this process calls with. Safe for concurrent use.
type keyUses struct{ *uses }

type uses struct {
	ledger *keyuse.Ledger
	worker string
	clock  rotation.Clock

	mu       sync.Mutex
	running  map[[2]string]int   // by credential and id: runs that call with it
	reported map[string]reported // by credential
}

// reported is what Redis has heard of a credential, and said.
type reported struct {
	at      time.Time
	ids     []string
	leaving []string
}

func newKeyUses(ledger *keyuse.Ledger, clock rotation.Clock) keyUses {
	return keyUses{&uses{
		ledger: ledger, worker: uuid.NewString(), clock: clock, running: map[[2]string]int{}, reported: map[string]reported{},
	}}
}

// begin notes a run that calls with a key, until it has ended.
func (u *uses) begin(cred *rotation.Credential, id string) (done func()) {
	key := [2]string{cred.ID, id}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.running[key]++
	return sync.OnceFunc(func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		if u.running[key]--; u.running[key] == 0 {
			delete(u.running, key)
		}
	})
}

// report tells Redis which keys of a credential this process calls with: those of its runs, and those that the next runs of
// its accounts will have. It returns those that none may begin to call with.
func (u *uses) report(ctx context.Context, cred *rotation.Credential, next ...string) (leaving []string, err error) {
	u.mu.Lock()
	ids := slices.Clone(next)
	for key := range u.running {
		if key[0] == cred.ID {
			ids = append(ids, key[1])
		}
	}
	u.mu.Unlock()
	slices.Sort(ids)
	ids = slices.DeleteFunc(slices.Compact(ids), func(id string) bool { return id == "" })
	at := u.clock.Now()
	if leaving, err = u.ledger.Report(ctx, cred, u.worker, ids); err != nil {
		return nil, err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.reported[cred.ID] = reported{at, ids, leaving}
	return leaving, nil
}

// admit reports why no call may be made with a key: Redis does not know of it, or it is about to be disabled.
func (u *uses) admit(ctx context.Context, cred *rotation.Credential, id string) error {
	u.mu.Lock()
	r := u.reported[cred.ID]
	u.mu.Unlock()
	leaving := r.leaving
	if !slices.Contains(r.ids, id) || u.clock.Now().Sub(r.at) > reportFresh {
		var err error
		if leaving, err = u.report(ctx, cred, id); err != nil {
			return err
		}
	}
	if slices.Contains(leaving, id) {
		return &rotation.WaitError{After: leavePause, Reason: "the management key is about to be disabled, and the next one is to be read"}
	}
	return nil
}

// takes reports why a key is not to be taken up: it is about to be disabled, or is, and a person has put it back. Until it is
// enabled again, the one that this process has is the one that works, and that can enable it.
func (u *uses) takes(ctx context.Context, cred *rotation.Credential, id string) error {
	leaving, err := u.ledger.Leaving(ctx, cred, id)
	if err != nil {
		return err
	}
	if leaving {
		return errLeaving
	}
	return nil
}

var errLeaving = errors.New("the key that stands in Vault is disabled, or about to be: the one of before stays in use until it is enabled")

// followers are the accounts of a fleet whose keys are those of credentials, by credential.
func (s *Subjects) followers() map[string][]string {
	all := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(s.cfg.Accounts)) {
		if from := s.cfg.Accounts[name].KeysFrom; from != "" && s.waiting[name] == nil {
			all[from] = append(all[from], name)
		}
	}
	return all
}

// report tells Redis again and again which keys this process calls with, and has those read again that are about to be
// disabled.
func (k *Keyring) report(ctx context.Context) {
	for k.Clock.Sleep(ctx, reportEvery) == nil {
		s := k.inForce()
		for id, accounts := range s.followers() {
			cred, known := s.cfg.Credential(id)
			if !known {
				continue
			}
			if err := k.follow(ctx, s, cred, accounts); err != nil && ctx.Err() == nil {
				k.Log.LogAttrs(ctx, slog.LevelWarn, "Redis does not hear which management key is used: no call is made with it",
					slog.String("credential", id), slog.Any("error", err))
			}
		}
	}
	k.forget(ctx)
}

// follow reports the keys of one credential. Where an account's is about to be disabled, the next one is read and reported.
func (k *Keyring) follow(ctx context.Context, s *Subjects, cred *rotation.Credential, accounts []string) error {
	for range 2 {
		var next []string
		for _, account := range accounts {
			next = append(next, s.client(account).id)
		}
		leaving, err := k.Uses.report(ctx, cred, next...)
		if err != nil {
			return err
		}
		changed := false
		for i, account := range accounts {
			if slices.Contains(leaving, next[i]) {
				changed = k.renew(ctx, s, account) || changed
			}
		}
		if !changed {
			return nil
		}
	}
	return nil
}

// forget takes back what this process reported, when it makes no call any more.
func (k *Keyring) forget(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), refusedMost)
	defer cancel()
	s := k.inForce()
	for id := range s.followers() {
		if cred, known := s.cfg.Credential(id); known {
			_ = k.Uses.ledger.Forget(ctx, cred, k.Uses.worker) // it counts as gone soon
		}
	}
}

// missed notes that a call was refused because of its key.
func (k *Keyring) missed(ctx context.Context) {
	u, known := ctx.Value(usedKey{}).(used)
	if !known || u.cred == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), refusedMost)
	defer cancel()
	if err := k.Uses.ledger.Miss(ctx, u.cred, u.id); err != nil {
		k.Log.LogAttrs(ctx, slog.LevelWarn, "Redis does not hear that a management key was refused", slog.String("credential", u.cred.ID), slog.Any("error", err))
	}
}

// young reports whether the key that was refused is so new that the provider may not know it everywhere.
func (k *Keyring) young(ctx context.Context) bool {
	u, known := ctx.Value(usedKey{}).(used)
	return known && u.cred != nil && k.Clock.Now().Sub(u.since) < keySpreads
}

// keyedLimiter lets no call through with a management key of which Redis does not know that it is used.
type keyedLimiter struct {
	rotation.Limiter
	keys *Keyring
}

// Take implements rotation.Limiter.
func (l keyedLimiter) Take(ctx context.Context, account string, n int, urgent bool) (rotation.Turns, error) {
	turns, err := l.Limiter.Take(ctx, account, n, urgent)
	if u, known := ctx.Value(usedKey{}).(used); err == nil && known && u.cred != nil {
		return keyedTurns{turns, l.keys, u}, nil
	}
	return turns, err
}

// keyedTurns are turns of an account whose management key rotates itself.
type keyedTurns struct {
	rotation.Turns
	keys *Keyring
	used used
}

// Await implements rotation.Turns.
func (t keyedTurns) Await(ctx context.Context, n int) error {
	if err := t.Turns.Await(ctx, n); err != nil {
		return err
	}
	return t.keys.Uses.admit(ctx, t.used.cred, t.used.id)
}
