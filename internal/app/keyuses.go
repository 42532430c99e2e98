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
	// leavePause is when a run comes back whose key is about to be disabled, with the next one.
	leavePause = 5 * time.Second
	// keySpreads is how long a provider may refuse a new key at some of its servers.
	keySpreads = 2 * time.Minute
)

// keyUses is which management keys that rotate themselves this process calls with. Redis hears only of those that runs have:
// what it costs follows the work. Safe for concurrent use.
type keyUses struct {
	ledger *keyuse.Ledger
	worker string
	clock  rotation.Clock

	mu      sync.Mutex
	callers map[string]*callers // by the account and the id of a credential, of those that Redis has heard of, or hears of soon
}

// callers are the runs that call with the keys of one credential.
type callers struct {
	cred *rotation.Credential
	// reporting is held from the reading of runs until Redis has heard of them: of two reports at once, the older would else
	// replace the newer, and a key be disabled that runs call with.
	reporting sync.Mutex

	// Guarded by keyUses.mu.
	runs  map[string]int // by the id of the key
	heard heard
}

// heard is what Redis was told, and said.
type heard struct {
	at      time.Time
	ids     []string
	leaving []string
}

// nameOf is what tells callers apart.
func nameOf(cred *rotation.Credential) string { return cred.Account + " " + cred.ID }

func newKeyUses(ledger *keyuse.Ledger, clock rotation.Clock) *keyUses {
	return &keyUses{ledger: ledger, worker: uuid.NewString(), clock: clock, callers: map[string]*callers{}}
}

// begin notes a run that calls with a key, until it has ended.
func (u *keyUses) begin(cred *rotation.Credential, id string) (done func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	c, known := u.callers[nameOf(cred)]
	if !known {
		c = &callers{cred: cred, runs: map[string]int{}}
		u.callers[nameOf(cred)] = c
	}
	c.runs[id]++
	return sync.OnceFunc(func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		if c.runs[id]--; c.runs[id] == 0 {
			delete(c.runs, id)
		}
	})
}

// report tells Redis which keys of a credential the runs of this process call with. It returns those that none may begin to
// call with.
func (u *keyUses) report(ctx context.Context, c *callers) (leaving []string, err error) {
	c.reporting.Lock()
	defer c.reporting.Unlock()
	u.mu.Lock()
	ids := slices.Sorted(maps.Keys(c.runs))
	u.mu.Unlock()
	at := u.clock.Now()
	if leaving, err = u.ledger.Report(ctx, c.cred, u.worker, ids); err != nil {
		return nil, err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if c.heard = (heard{at, ids, leaving}); len(c.runs) == 0 && len(ids) == 0 {
		delete(u.callers, nameOf(c.cred)) // here alone: what is reported now must not meet the report of others of the same name
	}
	return leaving, nil
}

// all are the callers of which Redis is to hear.
func (u *keyUses) all() []*callers {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Collect(maps.Values(u.callers))
}

// admit returns the keys of a credential that no call may be made with. An error means that none may: Redis does not know of
// this one.
func (u *keyUses) admit(ctx context.Context, cred *rotation.Credential, id string) (leaving []string, err error) {
	u.mu.Lock()
	c := u.callers[nameOf(cred)]
	if c == nil || c.runs[id] == 0 {
		u.mu.Unlock()
		return nil, errNoRun
	}
	h := c.heard
	u.mu.Unlock()
	if slices.Contains(h.ids, id) && u.clock.Now().Sub(h.at) <= reportFresh {
		return h.leaving, nil
	}
	return u.report(ctx, c)
}

var errNoRun = errors.New("a call with a management key after the end of its run")

// takes reports why a key is not to be taken up: it is about to be disabled, or is, and a person has put it back. Until it is
// enabled again, the one that this process has is the one that works, and that can enable it.
func (u *keyUses) takes(ctx context.Context, cred *rotation.Credential, id string) error {
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

// followers are the accounts of a fleet whose keys are those of a credential.
func (s *Subjects) followers(cred string) (accounts []string) {
	for name, account := range s.cfg.Accounts {
		if account.KeysFrom == cred && s.waiting[name] == nil {
			accounts = append(accounts, name)
		}
	}
	return accounts
}

// report tells Redis again and again which keys runs call with.
func (k *Keyring) report(ctx context.Context) {
	for k.Clock.Sleep(ctx, reportEvery) == nil {
		for _, c := range k.Uses.all() {
			if err := k.follow(ctx, c); err != nil && ctx.Err() == nil {
				k.Log.LogAttrs(ctx, slog.LevelWarn, "Redis does not hear which management key is used: no call is made with it",
					slog.String("credential", c.cred.ID), slog.Any("error", err))
			}
		}
	}
	k.forget(ctx)
}

// follow reports the keys of one credential. What is about to be disabled is read again by the accounts that have it.
func (k *Keyring) follow(ctx context.Context, c *callers) error {
	leaving, err := k.Uses.report(ctx, c)
	k.renewAll(ctx, c.cred, leaving)
	return err
}

// renewAll has the accounts read their keys again that have one that is about to be disabled.
func (k *Keyring) renewAll(ctx context.Context, cred *rotation.Credential, leaving []string) {
	if len(leaving) == 0 {
		return
	}
	s := k.inForce()
	for _, account := range s.followers(cred.ID) {
		if slices.Contains(leaving, s.client(account).id) {
			k.renew(ctx, s, account)
		}
	}
}

// forget takes back what this process reported, when it makes no call any more.
func (k *Keyring) forget(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), refusedMost)
	defer cancel()
	for _, c := range k.Uses.all() {
		_ = k.Uses.ledger.Forget(ctx, c.cred, k.Uses.worker) // it counts as gone soon
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
	leaving, err := t.keys.Uses.admit(ctx, t.used.cred, t.used.id)
	if err != nil || !slices.Contains(leaving, t.used.id) {
		return err
	}
	t.keys.renewAll(ctx, t.used.cred, leaving)
	return &rotation.WaitError{After: leavePause, Reason: "the management key is about to be disabled, and the next one is to be read"}
}
