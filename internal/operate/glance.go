package operate

import (
	"cmp"
	"context"

	"keyturn/internal/due"
	"keyturn/internal/rotation"
)

// Unread is a credential of which Redis knows nothing yet: it was emptied, or no scheduler has run since.
const Unread State = "unread"

// Glance is the state of credentials as Redis mirrors it, in their order: it takes no rights in Vault, and is at most as
// old as the last sweep. A thousand at a time are a good measure.
func (d *Desk) Glance(ctx context.Context, creds []*rotation.Credential) ([]Row, error) {
	standing, err := d.Index.Look(ctx, creds)
	if err != nil {
		return nil, err
	}
	checks, err := d.Index.Checks(ctx, creds)
	if err != nil {
		return nil, err
	}
	c, _ := d.calendar(ctx) // what is not known of freezes is said where they are listed
	now := d.Clock.Now()
	rows := make([]Row, len(creds))
	for i, cred := range creds {
		rows[i] = glanced(cred, standing[i], checks[i])
		d.file(&rows[i], cred)
		rows[i].Frozen = c.of(d, cred).At(now)
	}
	return rows, nil
}

// glanced is RowOf by what Redis mirrors.
func glanced(cred *rotation.Credential, s due.Standing, check due.Check) Row {
	r := Row{
		Credential: cred.ID, Account: cred.Account, Strategy: cred.Strategy().String(), Version: s.Shown.Version,
		Verified: string(s.Shown.Verified), OnDemand: cred.Schedule.IsManual(), State: Healthy,
	}
	if !s.Shown.RotatedAt.IsZero() {
		r.RotatedAt = &s.Shown.RotatedAt
	}
	if next := s.Due; !next.IsZero() && !r.OnDemand {
		if !s.Claimed.IsZero() {
			next = s.Claimed
		}
		r.Due = &next
	}
	if !s.Retires.IsZero() {
		r.RetiresAt = &s.Retires
	}
	if !check.At.IsZero() {
		r.Checked = &Checked{At: check.At, Verdict: verdictNames[check.Verdict]}
	}
	switch {
	case s.Quarantined:
		r.State, r.Note = Quarantined, cmp.Or(Plain(s.Why), "its journal says why")
	case !s.Resume.IsZero() && s.Doubted:
		r.State, r.Note = InDoubt, "the outcome of a call is not known: a worker goes on with it"
	case !s.Resume.IsZero():
		r.State = Rotating
	case !s.Shown.Known:
		r.State, r.Note = Unread, "not read from Vault since Redis was emptied"
	case s.Shown.Deleted:
		r.State, r.Note = Deleted, "consumers find no password: undelete the secret in Vault, or rotate"
	case s.Shown.Version == 0:
		r.State = Waiting
		if cred.First == rotation.FirstManual {
			r.Manual, r.Note = true, "never rotated"
		}
	case check.Verdict == rotation.Refused && check.At.After(s.Shown.RotatedAt):
		r.State, r.Note = Refused, "the last check was refused: a rotation was asked for"
	case s.Shown.Verified == rotation.VerifiedNo:
		r.Note = "promoted unverified"
	}
	return r
}
