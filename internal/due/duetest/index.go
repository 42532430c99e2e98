// Package duetest has the index of due times in memory, for simulations and tests that need no Redis, and the suite that
// it passes together with the one on Redis.
package duetest

import (
	"context"
	"slices"
	"sync"
	"time"

	"keyturn/internal/due"
	"keyturn/internal/rotation"
)

// Index is due.Shared, and the index's part of rotation.Agenda, in memory. It loses everything where Flush is called.
// Safe for concurrent use.
type Index struct {
	now func() time.Time

	mu       sync.Mutex
	accounts map[string]*account
	leases   map[due.Lease]lapsing
	marks    map[mark]lapsing
	peers    map[string]int64 // entry → when it was announced, unix ms
}

var _ due.Shared = (*Index)(nil)

// account is what the index says of one account; instants are unix milliseconds.
type account struct {
	due, open set
	retires   map[string]int64
	claimed   map[string]int64
	stuck     map[string]string
	doubted   map[string]bool
	shown     map[string]due.Shown
	holds     map[string]hold
	built     bool
}

// lapsing is a value that is gone after a time.
type lapsing struct {
	value string
	until int64
}

// hold is a run's. One that is new stands in the mirror for this hold alone.
type hold struct {
	fresh  bool  // in the mirror for this hold alone
	before int64 // when it was to be resumed before
	until  int64
}

type mark struct{ account, kind, id string }

// NewIndex makes an index that is empty, and goes by a clock.
func NewIndex(now func() time.Time) *Index {
	x := &Index{now: now}
	x.Flush()
	return x
}

// Flush does what FLUSHALL does.
func (x *Index) Flush() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.accounts, x.leases, x.marks, x.peers = map[string]*account{}, map[due.Lease]lapsing{}, map[mark]lapsing{}, map[string]int64{}
}

// ms is the time to the millisecond, as Redis's scripts have it.
func (x *Index) ms() int64 { return x.now().UnixMilli() }

func moment(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

func (x *Index) account(name string) *account {
	a := x.accounts[name]
	if a == nil {
		a = &account{due: newSet(), open: newSet(), claimed: map[string]int64{}, stuck: map[string]string{}, retires: map[string]int64{}, holds: map[string]hold{}, doubted: map[string]bool{}, shown: map[string]due.Shown{}}
		x.accounts[name] = a
	}
	return a
}

// Glance implements due.Claims.
func (x *Index) Glance(_ context.Context, accounts []string) (now time.Time, found []due.Glance, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, name := range accounts {
		a := x.account(name)
		g := due.Glance{Built: a.built}
		if at, ok := a.due.first(); ok {
			g.Due = moment(at)
		}
		if at, ok := a.open.first(); ok {
			g.Open = moment(at)
		}
		found = append(found, g)
	}
	return x.now().UTC(), found, nil
}

// Claim implements due.Claims.
func (x *Index) Claim(_ context.Context, name string, n int, push time.Duration) ([]due.Due, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	a, now := x.account(name), x.ms()
	claimed := a.due.take(now, n, push)
	for i, d := range claimed {
		if slot, ok := a.claimed[d.ID]; ok && slot >= 0 && slot <= now {
			claimed[i].Slot = moment(slot)
			continue
		}
		claimed[i].First = true
		a.claimed[d.ID] = d.Slot.UnixMilli()
	}
	return claimed, nil
}

// ClaimOpen implements due.Claims.
func (x *Index) ClaimOpen(_ context.Context, name string, n int, push time.Duration) ([]due.Due, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	a := x.account(name)
	open := a.open.take(x.ms(), n, push)
	for i, d := range open {
		open[i].First, open[i].Slot = true, time.Time{}
		if slot, ok := a.claimed[d.ID]; ok {
			open[i].Slot = moment(slot)
		}
	}
	return open, nil
}

// Move implements due.Claims.
func (x *Index) Move(_ context.Context, name string, claims []due.Moved) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	a := x.account(name)
	for _, m := range claims {
		if slot, ok := a.claimed[m.ID]; !ok || slot != m.Slot.UnixMilli() {
			continue
		}
		if _, ok := a.due.at[m.ID]; ok {
			a.due.put(m.ID, m.At.UnixMilli())
		}
		if m.Forget {
			delete(a.claimed, m.ID)
		}
	}
	return nil
}

// Look implements due.Mirror.
func (x *Index) Look(_ context.Context, creds []*rotation.Credential) ([]due.Standing, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	found := make([]due.Standing, len(creds))
	for i, cred := range creds {
		a, s := x.account(cred.Account), &found[i]
		if at, ok := a.due.at[cred.ID]; ok {
			s.Due = moment(at)
		}
		if at, ok := a.open.at[cred.ID]; ok {
			s.Resume = moment(at)
		}
		if slot, ok := a.claimed[cred.ID]; ok {
			s.Claimed = moment(slot)
		}
		if at, ok := a.retires[cred.ID]; ok {
			s.Retires = moment(at)
		}
		s.Why, s.Quarantined = a.stuck[cred.ID]
		s.Doubted, s.Shown = a.doubted[cred.ID], a.shown[cred.ID]
	}
	return found, nil
}

// Add implements due.Mirror.
func (x *Index) Add(_ context.Context, found []due.Finding) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, f := range found {
		a := x.account(f.Cred.Account)
		a.mirror(f)
		if _, ok := a.due.at[f.Cred.ID]; !ok && !f.Due.IsZero() && !a.quarantined(f.Cred.ID) {
			a.due.put(f.Cred.ID, f.Due.UnixMilli())
		}
	}
	return nil
}

func (a *account) quarantined(id string) bool {
	_, stuck := a.stuck[id]
	return stuck
}

// Replace implements due.Mirror.
func (x *Index) Replace(_ context.Context, found []due.Finding) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, f := range found {
		a, id := x.account(f.Cred.Account), f.Cred.ID
		a.mirror(f)
		delete(a.claimed, id)
		if f.Due.IsZero() {
			a.due.remove(id)
		} else {
			a.due.put(id, f.Due.UnixMilli())
		}
		if f.Retires.IsZero() {
			delete(a.retires, id)
		}
		if !f.Doubted {
			delete(a.doubted, id)
		}
		if !f.Stuck {
			delete(a.stuck, id)
		}
	}
	return nil
}

// mirror writes what is written whatever stands there.
func (a *account) mirror(f due.Finding) {
	id := f.Cred.ID
	if at, ok := a.open.at[id]; !f.Resume.IsZero() && (!ok || f.Pull && f.Resume.UnixMilli() < at) {
		a.open.put(id, f.Resume.UnixMilli())
	}
	if !f.Retires.IsZero() {
		a.retires[id] = f.Retires.UnixMilli()
	}
	if f.Doubted {
		a.doubted[id] = true
	}
	if f.Shown.Known {
		a.shown[id] = f.Shown
	}
	if f.Stuck {
		a.stuck[id] = f.Why
		a.due.remove(id)
	}
}

// Remove implements due.Mirror.
func (x *Index) Remove(_ context.Context, name string, ids ...string) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	a := x.account(name)
	for _, id := range ids {
		a.due.remove(id)
		a.open.remove(id)
		delete(a.claimed, id)
		delete(a.stuck, id)
		delete(a.retires, id)
		delete(a.doubted, id)
		delete(a.shown, id)
	}
	return nil
}

// Members implements due.Mirror.
func (x *Index) Members(_ context.Context, name string, each func(ids []string) error) error {
	x.mu.Lock()
	a := x.account(name)
	known := map[string]bool{}
	for _, ids := range []map[string]int64{a.due.at, a.open.at, a.claimed} {
		for id := range ids {
			known[id] = true
		}
	}
	for id := range a.stuck {
		known[id] = true
	}
	x.mu.Unlock() // each may ask again
	ids := make([]string, 0, len(known))
	for id := range known {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	if len(ids) == 0 {
		return nil
	}
	return each(ids)
}
