package duetest

import (
	"context"
	"time"

	"keyturn/internal/due"
	"keyturn/internal/rotation"
)

// Hold is part of rotation.Agenda.
func (x *Index) Hold(_ context.Context, cred *rotation.Credential, quiet time.Duration, force bool) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	a, now := x.account(cred.Account), x.ms()
	held := a.holds[cred.ID]
	standing := held.until > now && held.until-now <= due.LongestHold.Milliseconds()
	if left := held.until - now; standing && !force {
		return &rotation.WaitError{After: time.Duration(left) * time.Millisecond, Reason: "another run works on it"}
	}
	before, open := a.open.at[cred.ID]
	next := hold{fresh: !open, before: before, until: now + quiet.Milliseconds()}
	if open && standing {
		next.fresh, next.before = held.fresh, held.before
	}
	a.holds[cred.ID] = next
	a.open.put(cred.ID, now+quiet.Milliseconds())
	return nil
}

// Park is part of rotation.Agenda.
func (x *Index) Park(_ context.Context, cred *rotation.Credential, d time.Duration) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	a, now := x.account(cred.Account), x.ms()
	held := a.holds[cred.ID]
	delete(a.holds, cred.ID)
	at, open := a.open.at[cred.ID]
	switch {
	case d.Milliseconds() > 0 && open:
		a.open.put(cred.ID, now+d.Milliseconds())
	case d.Milliseconds() > 0 || held.until <= now:
	case held.fresh:
		a.open.remove(cred.ID)
	case open && held.before < at:
		a.open.put(cred.ID, held.before)
	}
	return nil
}

// Doubt is what the index of Redis has for people.
func (x *Index) Doubt(_ context.Context, cred *rotation.Credential, _ time.Time) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.account(cred.Account).doubted[cred.ID] = true
	return nil
}

// Settle is part of rotation.Agenda.
func (x *Index) Settle(_ context.Context, cred *rotation.Credential, end rotation.Ending) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	a := x.account(cred.Account)
	delete(a.holds, cred.ID)
	a.open.remove(cred.ID)
	delete(a.doubted, cred.ID)
	before := a.shown[cred.ID]
	later := end.Version < before.Version && !end.RotatedAt.IsZero() && end.RotatedAt.Before(before.RotatedAt)
	if end.Version > 0 && !later {
		a.shown[cred.ID] = due.Shown{
			Known: true, Version: end.Version, RotatedAt: moment(end.RotatedAt.UnixMilli()), Verified: end.Verified,
		}
	}
	if end.State == rotation.Quarantined {
		a.due.remove(cred.ID)
		delete(a.claimed, cred.ID)
		a.stuck[cred.ID] = end.Why
		return nil
	}
	delete(a.stuck, cred.ID)
	if end.Slot.IsZero() {
		return nil
	}
	delete(a.claimed, cred.ID)
	next := func(from time.Time) int64 { return cred.Schedule.Next(from, cred.ID).UnixMilli() }
	now, at := x.ms(), next(end.Slot)
	if slot := end.Slot.UnixMilli(); slot > now+due.Skew.Milliseconds() {
		rotated := end.RotatedAt.UnixMilli()
		if at = now + at - slot; rotated <= now && rotated > 0 {
			at = next(end.RotatedAt)
		}
	}
	a.due.put(cred.ID, at)
	return nil
}
