package rotation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"keyturn/internal/secret"
)

// The errors of repairs.
var (
	ErrNotQuarantined = errors.New("it is not in quarantine")
	ErrNothingOpen    = errors.New("no rotation of it is open")
)

// Release takes a credential out of quarantine with every candidate that it has: where there are any, its journal is
// open again and the next run resumes it.
func (m *Machine) Release(ctx context.Context, s Subject) error {
	r := &run{Machine: m, Subject: s, job: Job{Reason: ReasonDemand}}
	if err := r.look(ctx); err != nil {
		return err
	}
	if r.rec.State != Quarantined {
		return ErrNotQuarantined
	}
	rec := r.rec.clone()
	rec.State, rec.Why, rec.Owner = Open, "", r.Owner
	// Nothing was accepted at a target that the configuration has corrected since: a fresh rotation is for the new one.
	// What was sent to the old one stays in the journal's earlier versions.
	if moved := !r.Credential.has(rec.Target); len(rec.Candidates) == 0 || moved && !rec.anyAccepted() {
		rec = r.closing()
	}
	if err := r.save(ctx, rec); err != nil {
		return fmt.Errorf("release: %w", err)
	}
	r.askRetire(ctx, r.rec.Identities.Used)
	r.settleServed(ctx)
	if r.rec.State == Open {
		r.resumeSoon(ctx)
	}
	return nil
}

// resumeSoon has an open journal resumed that no job is about.
func (r *run) resumeSoon(ctx context.Context) {
	r.after(ctx, "have the journal resumed", func(ctx context.Context) error {
		if err := r.hold(ctx, true); err != nil {
			return err
		}
		return r.Agenda.Park(ctx, r.Credential, r.Timing.Resume)
	})
	r.heldAt = time.Time{}
}

// Abandon closes a journal and forgets its candidates, whatever they are: only a person can know that none is live.
func (m *Machine) Abandon(ctx context.Context, s Subject) error {
	r := &run{Machine: m, Subject: s, job: Job{Reason: ReasonDemand}}
	if err := r.look(ctx); err != nil {
		return err
	}
	if r.rec.State == Closed {
		return ErrNothingOpen
	}
	closed := r.closing()
	if r.rec.Strategy == StrategyPair {
		closed.RecheckAt = r.Clock.Now().Add(r.Timing.Recheck) // a late call could reach the next rotation of that target
	}
	if err := r.save(ctx, closed); err != nil {
		return fmt.Errorf("abandon: %w", err)
	}
	// As after any claim that takes a rotation from a run, which may be about to promote (P-fence). Where current was
	// written meanwhile, it has promoted, and cannot write again.
	if err := r.fence(ctx); err != nil && !errors.Is(err, ErrStale) {
		return fmt.Errorf("the rotation is abandoned, but a run that is still at work may promote its password: %w", err)
	}
	r.askRetire(ctx, r.rec.Identities.Used)
	r.settleServed(ctx)
	return nil
}

// Recover finds the password that works among the journal's candidates, current and what older versions of both hold,
// and promotes it. Where none works, or no verifier can be asked, it has the provider set or make a new one.
func (m *Machine) Recover(ctx context.Context, s Subject, job Job, older []secret.Value) Result {
	r := &run{Machine: m, Subject: s, job: job}
	return r.result(ctx, r.recover(ctx, older), r.promoted)
}

func (r *run) recover(ctx context.Context, older []secret.Value) error {
	if err := r.hold(ctx, true); err != nil {
		return err
	}
	if err := r.reserve(ctx); err != nil {
		return err
	}
	if err := r.look(ctx); err != nil {
		return err
	}
	if r.Credential.Strategy() != StrategyReplace {
		return r.recoverLasting(ctx)
	}
	found, err := r.findLive(ctx, older)
	if err != nil {
		return err
	}
	if r.rec.State == Closed && !found.IsZero() && found.Equal(r.base.Password) {
		r.settleServed(ctx)
		return nil
	}
	if err := r.takeOver(ctx, found); err != nil {
		return err
	}
	verified := VerifiedYes
	if found.IsZero() {
		if verified, err = r.obtain(ctx); err != nil {
			return err
		}
	}
	return r.complete(ctx, verified)
}

// findLive asks the verifier about every password that is still on record, the newest first; zero if none works or no
// verifier can be asked at all.
func (r *run) findLive(ctx context.Context, older []secret.Value) (secret.Value, error) {
	if r.Verifier == nil {
		return secret.Value{}, nil
	}
	var values []secret.Value
	for i := len(r.rec.Candidates) - 1; i >= 0; i-- {
		values = append(values, r.rec.Candidates[i].Value)
	}
	values = append(append(values, r.base.Password), older...)
	ask := r.ask
	if r.rec.State == Closed {
		ask = r.askNow
	}
	var asked []Candidate
	unbelieved := false
	for _, v := range values {
		if v.IsZero() || holds(asked, v) {
			continue
		}
		asked = append(asked, Candidate{Value: v})
		verdict, err := ask(ctx, v)
		switch {
		case err != nil:
			return secret.Value{}, err
		case verdict == Works:
			return v, nil
		case verdict == Unknown:
			return secret.Value{}, fail(0, r.notAsked())
		}
		unbelieved = unbelieved || verdict == Unbelieved
	}
	if unbelieved {
		return secret.Value{}, fail(0, r.notAsked()) // the server refuses every login: that says nothing about passwords
	}
	return secret.Value{}, nil
}

// takeOver opens the journal, or takes it over whatever its state, on what current holds now. Candidates that stand there
// stay; last comes the password that was found live, or a new one.
func (r *run) takeOver(ctx context.Context, found secret.Value) error {
	rec := r.rec.clone()
	if rec.State == Closed {
		var err error
		if rec, err = r.opening(ctx); err != nil {
			return err
		}
		r.created = true
	} else {
		rec.State, rec.Why, rec.Owner, rec.Schema = Open, "", r.Owner, Schema
		rec.BaseVersion, rec.BasePassword = r.base.Version, r.base.Password
		rec.Attempt++
	}
	c, err := r.nextCandidate(rec)
	if err != nil {
		return err
	}
	if !found.IsZero() {
		c.Value, c.State, c.Synced = found, Accepted, true
		for _, made := range rec.Candidates {
			if made.Value.Equal(found) {
				c.ID, c.Login = made.ID, made.Login
				rec.Username, rec.Login = cmp.Or(made.Login, rec.Username), cmp.Or(made.Login, rec.Login)
			}
		}
	}
	rec.Candidates = append(rec.Candidates, c)
	if err := r.save(ctx, rec); err != nil {
		return fmt.Errorf("claim the journal: %w", err)
	}
	r.fresh = found.IsZero()
	if r.created {
		return nil
	}
	if err := r.fence(ctx); errors.Is(err, ErrStale) {
		return wait(time.Second, errors.New("current changed meanwhile: try again"))
	} else if err != nil {
		return err
	}
	return nil
}
