package rotation

import (
	"context"
	"fmt"
)

// newRecord is the record of a rotation that begins now, apart from what it changes.
func (r *run) newRecord() Record {
	rec := Record{
		Schema: Schema, State: Open, RotationID: r.NewID(), Slot: r.job.Slot, Reason: r.job.Reason, Attempt: 1,
		Owner: r.Owner, RequestedBy: r.job.RequestedBy, OpenedAt: r.Clock.Now(), Version: r.rec.Version,
		BaseVersion: r.base.Version, BasePassword: r.base.Password, RecheckAt: r.rec.RecheckAt, Mode: ModeSetter,
		Account: r.Credential.Account, Place: r.Credential.Place, Identities: r.rec.clone().Identities,
	}
	if r.Client.Issuer != nil || r.Credential.Overlap != nil {
		rec.Mode = ModeIssuer
	}
	if r.job.Reason.repairs() {
		rec.Repairs = r.rec.Repairs + 1
	}
	if r.Credential.Policy != nil {
		rec.Policy = r.Credential.Policy.Fingerprint()
	}
	return rec
}

// issuer reports whether the provider makes the passwords of a rotation.
func (r *run) issuer(rec *Record) bool {
	return r.Client.Issuer != nil || rec.Strategy == StrategyOverlap
}

// nextCandidate makes what is appended before a call: a password for a Setter, an intent for an Issuer.
func (r *run) nextCandidate(rec Record) (Candidate, error) {
	c := Candidate{Number: rec.nextNumber(), State: Staged, At: r.Clock.Now()}
	if r.issuer(&rec) {
		c.State = Intent
		return c, nil
	}
	value, err := r.Generate(r.Credential.Policy, rec.Username, rec.Target)
	if err != nil {
		return c, fail(0, fmt.Errorf("generate a password: %w", err))
	}
	c.Value = value
	return c, nil
}

// appendCandidate adds the next candidate to the journal. Candidates are never replaced or removed: an earlier one
// may be the live one, whatever the provider answered to a later send.
func (r *run) appendCandidate(ctx context.Context) error {
	rec := r.rec.clone()
	limit := maxCandidates
	if r.issuer(&rec) {
		limit *= 3 // an intent, or two, and a value for each
	}
	if len(rec.Candidates) >= limit {
		return r.quarantine(ctx, fmt.Sprintf("%d candidates were tried and none could be promoted", len(rec.Candidates)))
	}
	c, err := r.nextCandidate(rec)
	if err != nil {
		return err
	}
	rec.Candidates = append(rec.Candidates, c)
	if err := r.save(ctx, rec); err != nil {
		return fmt.Errorf("append a candidate: %w", err)
	}
	r.fresh = true
	return nil
}

// maxCandidates bounds the journal against a provider that never stops refusing.
const maxCandidates = 8

// made counts the passwords that the provider has shown.
func (r *run) made() (n int) {
	for _, c := range r.rec.Candidates {
		if !c.Value.IsZero() {
			n++
		}
	}
	return n
}
