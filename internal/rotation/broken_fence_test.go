package rotation_test

import (
	"context"
	"slices"
	"time"

	"keyturn/internal/rotation"
)

// The variants that write to Vault in another order, or believe what they read there.

// unfenced are Secrets whose fence writes nothing.
type unfenced struct {
	rotation.Secrets
	ahead *int // of what stands: what the run believes to have written
}

func (u unfenced) Read(ctx context.Context, p rotation.Place) (rotation.Entry, error) {
	e, err := u.Secrets.Read(ctx, p)
	e.Version += *u.ahead
	return e, err
}

func (u unfenced) Fence(context.Context, rotation.Place, rotation.Entry) error {
	*u.ahead++
	return nil
}

func (u unfenced) Write(ctx context.Context, p rotation.Place, e rotation.Entry) error {
	e.Version -= *u.ahead
	return u.Secrets.Write(ctx, p, e)
}

// withoutAFence adopts by the claim alone.
func withoutAFence(m *rotation.Machine, _ *rotation.Subject) {
	m.Secrets = unfenced{m.Secrets, new(int)}
}

// fenceBeforeClaim adopts in the wrong order, and confirms a claim by reading.
func fenceBeforeClaim(m *rotation.Machine, _ *rotation.Subject) {
	secrets, right := m.Secrets, m.Journals
	var found, last rotation.Record
	var base rotation.Entry
	m.Secrets = fencedEarly{secrets, &base}
	m.Journals = journals{
		Journals: right,
		load: func(ctx context.Context, c *rotation.Credential) (_ rotation.Record, err error) {
			found, err = right.Load(ctx, c)
			return found, err
		},
		save: func(ctx context.Context, c *rotation.Credential, rec rotation.Record, cas int) (int, error) {
			switch {
			case rec.State == rotation.Open && found.State == rotation.Open && rec.Attempt == found.Attempt+1:
				if err := secrets.Fence(ctx, rec.Place, base); err != nil {
					return 0, err
				}
			case provesClaim(rec, last):
				if now, err := right.Load(ctx, c); err != nil || now.Version == cas {
					return cas, err
				}
				return 0, rotation.ErrStale
			default:
			}
			version, err := right.Save(ctx, c, rec, cas)
			if err == nil {
				last = rec
			}
			return version, err
		},
	}
}

// fencedEarly are Secrets that were fenced before the claim.
type fencedEarly struct {
	rotation.Secrets
	base *rotation.Entry
}

func (f fencedEarly) Read(ctx context.Context, p rotation.Place) (rotation.Entry, error) {
	e, err := f.Secrets.Read(ctx, p)
	*f.base = e
	return e, err
}

func (f fencedEarly) Fence(context.Context, rotation.Place, rotation.Entry) error { return nil }

// provesClaim tells a write that only proves the claim.
func provesClaim(rec, last rotation.Record) bool {
	return rec.State == rotation.Open && rec.Attempt == last.Attempt && rec.QuietAt.Equal(last.QuietAt) &&
		slices.EqualFunc(rec.Candidates, last.Candidates, func(a, b rotation.Candidate) bool {
			return a.Value.Equal(b.Value) && a.State == b.State && a.Denied == b.Denied && a.Sends == b.Sends
		})
}

// forgetRechecks does not fence, and lets an opening void the recheck of the rotation before.
func forgetRechecks(m *rotation.Machine, s *rotation.Subject) {
	withoutAFence(m, s)
	right, doubted := m.Journals, false
	m.Journals = journals{Journals: right, save: func(ctx context.Context, c *rotation.Credential, rec rotation.Record, cas int) (int, error) {
		if doubted = doubted || rec.Doubted || rec.Attempt > 1; !doubted {
			rec.RecheckAt = time.Time{} // it is the earlier rotation's
		}
		return right.Save(ctx, c, rec, cas)
	}}
}

// forgetVersions believes every read of current: the closing record names no version.
func forgetVersions(m *rotation.Machine, _ *rotation.Subject) {
	right := m.Journals
	m.Journals = journals{Journals: right, load: func(ctx context.Context, c *rotation.Credential) (rotation.Record, error) {
		rec, err := right.Load(ctx, c)
		rec.CurrentVersion = 0
		return rec, err
	}}
}
