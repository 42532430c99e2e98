package due

import (
	"context"
	"fmt"
	"iter"
	"time"

	"keyturn/internal/rotation"
)

// Inventory is the configured credentials. It never changes and is safe for concurrent use.
type Inventory interface {
	Credentials() iter.Seq[*rotation.Credential]
	Credential(id string) (*rotation.Credential, bool)
	// Fingerprint tells configurations apart.
	Fingerprint() string
}

// Truth is what the index mirrors.
type Truth struct {
	Journals rotation.Journals
	Secrets  rotation.Secrets
}

// finding is what was found out about one credential.
type finding struct {
	Finding
	certain bool      // Due is counted from a rotation, not from the time of looking
	recheck time.Time // zero: the last rotation asked for none
	retire  time.Time // zero: no identity waits to be retired
	gone    bool      // keyturn wrote a password, and none stands there
	untold  bool      // Redis says that it stands as it did before: no event may have told of it
	wrote   string    // the rotation that wrote what stands there; "" if none did
	journal *rotation.Record
}

// written is what the index is to say of what was found.
func written(found []finding) []Finding {
	all := make([]Finding, len(found))
	for i, f := range found {
		all[i] = f.Finding
	}
	return all
}

// readJournal finds out whether a rotation is open or in quarantine. Who touched an open one may still be at work; it
// has quiet since then to show itself. What a worker wrote by its own clock is believed only so far as it is not beyond
// now, which is Redis's.
func (t Truth) readJournal(ctx context.Context, f *finding, quiet time.Duration, now time.Time) error {
	rec, err := t.Journals.Load(ctx, f.Cred)
	if err != nil {
		return fmt.Errorf("read the journal of %s: %w", f.Cred.ID, err)
	}
	f.journal = &rec
	touched := earlier(rec.TouchedAt, now)
	switch rec.State {
	case rotation.Open:
		f.Resume, f.Doubted = touched.Add(quiet), rec.Doubted
	case rotation.Quarantined:
		f.Stuck, f.Why = true, shorten(rec.Why)
	case rotation.Closed:
		f.recheck = earlier(rec.RecheckAt, now.Add(recheckTime))
		if !rec.RecheckAt.IsZero() && !rec.TouchedAt.IsZero() {
			// Both were written by one clock: how far they lie apart is what was meant, whatever that clock showed.
			f.recheck = touched.Add(min(max(rec.RecheckAt.Sub(rec.TouchedAt), 0), recheckTime))
		}
		f.Retires = rec.Identities.First()
		f.retire = earlier(rec.Identities.First(), now.Add(max(rec.Identities.Grace, recheckTime)))
	}
	return nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// readAge finds out when the credential is due.
func (t Truth) readAge(ctx context.Context, f *finding, now time.Time) error {
	if f.Stuck {
		return nil
	}
	current, err := t.Secrets.Read(ctx, f.Cred.Place)
	if err != nil {
		return fmt.Errorf("read the age of %s: %w", f.Cred.ID, err)
	}
	if current.Password.IsZero() {
		if current, err = t.deleted(ctx, f, current); err != nil {
			return err
		}
	}
	f.Shown = shownOf(current, f.gone)
	if !f.gone {
		f.wrote = current.RotationID
	}
	f.Due, f.certain = dueAt(f.Cred, current, now)
	if !f.Due.IsZero() {
		f.Due = f.Cred.Schedule.Serve(f.Due, now, f.Cred.ID)
	}
	return nil
}

// deleted tells a secret that was deleted by hand from one that never was, which waits for a person. The journal knows
// what keyturn wrote, and the schedule goes on from there: the next rotation gives consumers a password again.
func (t Truth) deleted(ctx context.Context, f *finding, current rotation.Entry) (rotation.Entry, error) {
	if f.journal == nil {
		rec, err := t.Journals.Load(ctx, f.Cred)
		if err != nil {
			return current, fmt.Errorf("read the journal of %s: %w", f.Cred.ID, err)
		}
		f.journal = &rec
	}
	rec := f.journal
	wrote := rec.CurrentVersion > 0 || current.Deleted && rec.RotationID != ""
	if rec.State != rotation.Closed || current.RotationID == "" && !wrote {
		return current, nil
	}
	f.gone = true
	if current.RotationID == "" {
		current.RotationID, current.Slot, current.RotatedAt = rec.RotationID, rec.Slot, rec.TouchedAt
	}
	return current, nil
}

// dueAt computes when a credential is due; zero where it waits for a person. It is certain where keyturn wrote the
// secret, and so knows its slot.
func dueAt(cred *rotation.Credential, current rotation.Entry, now time.Time) (at time.Time, certain bool) {
	switch {
	case current.RotationID != "":
		from, known := since(current, now)
		return cred.Schedule.Next(from, cred.ID), known
	case !current.Password.IsZero():
		// keyturn never wrote it. Its age is known, but a fleet that is overdue at first sight must not fall due at once.
		if next := cred.Schedule.Next(earlier(current.CreatedAt, now), cred.ID); next.After(now) {
			return next, false
		}
		return cred.Schedule.First(now, cred.ID), false
	}
	switch cred.First {
	case rotation.FirstNow:
		return now, false
	case rotation.FirstScheduled:
		return cred.Schedule.First(now, cred.ID), false
	case rotation.FirstManual:
	}
	return time.Time{}, false
}

// Skew is how far ahead of Redis's clock a slot is believed: it came from Redis, whose nodes may differ by a little.
const Skew = time.Minute

// since is from when the age of a secret counts that keyturn wrote: its slot. Where that is yet to come, Redis's clock
// was ahead, and the next best is when it was rotated or written; now where even those are yet to come, which is not
// known to be right.
func since(current rotation.Entry, now time.Time) (from time.Time, known bool) {
	if !current.Slot.After(now.Add(Skew)) {
		return current.Slot, true
	}
	for _, at := range []time.Time{current.RotatedAt, current.CreatedAt} {
		if !at.IsZero() && !at.After(now) {
			return at, true
		}
	}
	return now, false
}
