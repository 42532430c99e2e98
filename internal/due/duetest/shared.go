package duetest

import (
	"context"
	"slices"
	"time"

	"keyturn/internal/due"
	"keyturn/internal/rotation"
)

// TakeLease implements due.Leases.
func (x *Index) TakeLease(_ context.Context, what due.Lease, token string, d time.Duration) (bool, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	now := x.ms()
	if held, ok := x.leases[what]; ok && held.until > now && held.until-now <= d.Milliseconds() {
		return false, nil
	}
	x.leases[what] = lapsing{value: token, until: now + d.Milliseconds()}
	return true, nil
}

// KeepLease implements due.Leases.
func (x *Index) KeepLease(_ context.Context, what due.Lease, token string, d time.Duration) (bool, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.holds(what, token) {
		return false, nil
	}
	x.leases[what] = lapsing{value: token, until: x.ms() + d.Milliseconds()}
	return true, nil
}

// ReleaseLease implements due.Leases.
func (x *Index) ReleaseLease(_ context.Context, what due.Lease, token string, built bool) (bool, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.holds(what, token) {
		return false, nil
	}
	delete(x.leases, what)
	if built {
		x.account(what.Account).built = true
	}
	return true, nil
}

func (x *Index) holds(what due.Lease, token string) bool {
	held := x.leases[what]
	return held.value == token && held.until > x.ms()
}

// Built implements due.Leases.
func (x *Index) Built(_ context.Context, account string) (bool, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.account(account).built, nil
}

// Announce implements due.Peers.
func (x *Index) Announce(_ context.Context, entry, former string) ([]string, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if former != entry {
		delete(x.peers, former)
	}
	x.peers[entry] = x.ms()
	all := x.alive()
	clear(x.peers) // what has lapsed, or was announced while the clock was ahead, is gone
	for _, e := range all {
		x.peers[e.value] = e.until
	}
	return names(all), nil
}

// Announced implements due.Peers.
func (x *Index) Announced(context.Context) ([]string, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return names(x.alive()), nil
}

// alive returns the entries that have not lapsed, with the time of their announcement.
func (x *Index) alive() []lapsing {
	now, memory := x.ms(), due.PeerTime.Milliseconds()
	var all []lapsing
	for entry, at := range x.peers {
		if at > now-memory && at <= now+memory {
			all = append(all, lapsing{entry, at})
		}
	}
	return all
}

func names(all []lapsing) []string {
	entries := make([]string, len(all))
	for i, e := range all {
		entries[i] = e.value
	}
	slices.Sort(entries)
	return entries
}

// Leave implements due.Peers.
func (x *Index) Leave(_ context.Context, entry string) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.peers, entry)
	return nil
}

// Now implements due.Points.
func (x *Index) Now(context.Context) (time.Time, error) { return x.now().UTC(), nil }

// Mark implements due.Points.
func (x *Index) Mark(_ context.Context, kind string, subject *rotation.Credential, point time.Time, memory time.Duration) (bool, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	name, now := mark{subject.Account, kind, subject.ID}, x.ms()
	if last, ok := x.marks[name]; ok && last.until > now && last.value >= stamp(point) && last.value <= stamp(time.UnixMilli(now)) {
		return false, nil
	}
	x.marks[name] = lapsing{value: stamp(point), until: now + memory.Milliseconds()}
	return true, nil
}

// stamp is a point as text that sorts like time.
func stamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000") }

// Unmark implements due.Points.
func (x *Index) Unmark(_ context.Context, kind string, subject *rotation.Credential) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.marks, mark{subject.Account, kind, subject.ID})
	return nil
}
