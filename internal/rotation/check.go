package rotation

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Check asks whether the password in Vault still logs in. It never changes current (P-drift): what it finds is repaired
// by a resume or by an ordinary rotation.
func (m *Machine) Check(ctx context.Context, s Subject, job Job) Result {
	r := &run{Machine: m, Subject: s, job: job}
	next, err := r.check(ctx)
	if next == nil {
		return r.result(ctx, err, false)
	}
	return r.beside(m.Rotate(ctx, s, *next))
}

// beside is what becomes of a check that met a rotation, by how its part in that ended. The rotation has a job of its own, or
// is resumed: checks that come back as soon as it does would read Vault again and again for nothing.
func (r *run) beside(result Result) Result {
	goesOn := result.Status == Waiting || result.Status == Failed || result.Status == Replaced
	switch reason := r.job.Reason; {
	case result.Status == Done && !result.Rotated:
		// Nothing was open: what was read is an earlier version of the journal. The question is still to be answered.
		return Result{Status: Waiting, After: time.Second, Err: errStaleRead, RotationID: result.RotationID}
	case goesOn && reason == ReasonScheduled:
		result.Status, result.After = Unresolved, 0 // the next one comes by itself
	case goesOn && reason != ReasonDemand: // which a person waits for
		result.Status, result.After = Waiting, max(result.After, r.Timing.Recheck)
	}
	return result
}

// Try asks whether a password works that current held, for a person who wants it dead. It changes nothing. An error says that
// the question was not put; ErrNoVerifier, that there is none to ask.
func (m *Machine) Try(ctx context.Context, s Subject, held Entry) (Verdict, error) {
	r := &run{Machine: m, Subject: s, job: Job{Reason: ReasonDemand}, base: held}
	if r.Verifier == nil {
		return Unknown, ErrNoVerifier
	}
	verdict, err := r.askNow(ctx, held.Password)
	if err == nil && (verdict == Unknown || verdict == Unbelieved) {
		err = r.notAsked()
	}
	return verdict, err
}

// ErrNoVerifier is a credential whose password is not verified.
var ErrNoVerifier = errors.New("it has no verifier")

func (r *run) check(ctx context.Context) (resume *Job, err error) {
	if err := r.look(ctx); err != nil {
		return nil, err
	}
	retires := r.job.Reason == ReasonRetire || r.job.Reason == ReasonHold
	switch r.rec.State {
	case Open:
		switch {
		case retires && r.job.RequestedBy != "":
			return nil, unresolved(ErrOpen)
		case retires:
			return nil, nil // its end asks again
		}
		return &Job{Reason: ReasonDrift, RequestedBy: r.job.RequestedBy}, nil
	case Quarantined:
		if retires && r.job.RequestedBy != "" {
			return nil, unresolved(ErrQuarantined)
		}
		return nil, nil // it waits for a person, who sees more than a check does
	case Closed:
	}
	switch r.job.Reason {
	case ReasonRetire:
		return nil, r.tend(ctx, false)
	case ReasonHold:
		return nil, r.extend(ctx)
	default:
	}
	now := r.Clock.Now()
	// A recheck that is farther away than any is asked for was written by a clock that was ahead.
	if rest := r.rec.RecheckAt.Sub(now); rest > 0 && rest <= r.Timing.Recheck {
		return nil, wait(rest, fmt.Errorf("a late call could still arrive"))
	}
	answer := r.checkPassword(ctx, now)
	if ended := (*stop)(nil); answer != nil && (!errors.As(answer, &ended) || ended.Status != Unresolved) {
		return nil, answer // it comes back, and lists then
	}
	if tended := r.tend(ctx, true); tended != nil && answer == nil {
		if ended := (*stop)(nil); errors.As(tended, &ended) && ended.Err != nil {
			tended = ended.Err
		}
		answer = unresolved(fmt.Errorf("the password is answered for, and its identities are not looked after: %w", tended))
	}
	return nil, answer
}

// checkPassword asks whether what consumers read works, and has it repaired where it does not.
func (r *run) checkPassword(ctx context.Context, now time.Time) error {
	if r.base.Password.IsZero() {
		return r.checkMissing(ctx)
	}
	if r.Credential.Overlap != nil && r.base.Username == "" && r.Verifier != nil {
		return unresolved(errNoLogin)
	}
	if r.Verifier == nil {
		// There is no verifier to ask. Where a late call may have won, only a new password is certain.
		recheck := r.job.Reason == ReasonReplaced || r.job.Reason == ReasonRecheck && !r.rec.RecheckAt.IsZero()
		if recheck && r.Credential.Overlap == nil { // of an overlap, none can
			return r.repair(ctx, "a late call may have made another password the live one, and there is no verifier to ask")
		}
		return nil
	}
	verdict, err := r.askNow(ctx, r.base.Password)
	if err != nil {
		return err
	}
	switch verdict {
	case Works:
		return nil
	case Unknown, Unbelieved:
		return r.checkUnanswered(ctx, now)
	case Refused:
	}
	if since := now.Sub(r.base.RotatedAt); since >= 0 && since < r.Credential.Verify.Propagation {
		return wait(min(r.Credential.Verify.Propagation-since, max(since, 10*time.Second)),
			fmt.Errorf("refused, and maybe not live everywhere yet"))
	}
	journal, current := r.rec.Version, r.base.Version
	if err := r.look(ctx); err != nil {
		return err
	}
	if r.rec.Version != journal || r.base.Version != current {
		return wait(10*time.Second, fmt.Errorf("refused, and rotated by another run meanwhile"))
	}
	return r.repair(ctx, "the password in Vault is refused after a repair as well: most likely the verifier is asked wrongly "+
		"(user name, address), or the password is changed elsewhere again and again")
}

var errNoLogin = errors.New("the secret names no user name, and an overlap's cannot be told from its target")

// checkMissing ends a check of a credential without a password: one that keyturn wrote is gone.
func (r *run) checkMissing(ctx context.Context) error {
	// A journal of schema 1 does not name a version, but a rotation.
	if r.rec.CurrentVersion == 0 && (!r.base.Deleted || r.rec.RotationID == "") {
		return nil // it was never rotated
	}
	const gone = "the secret is deleted in Vault, or its password is: undelete it, or rotate"
	r.notice(ctx, NoticeDeleted, gone)
	return unresolved(errors.New(gone))
}

// checkUnanswered ends a check that got no answer. A periodic one comes again by itself, and a person sees what it says;
// one that a rotation asked for has to be answered, however long that takes.
func (r *run) checkUnanswered(ctx context.Context, now time.Time) error {
	since := max(now.Sub(r.rec.TouchedAt), 0)
	if reason := r.job.Reason; reason != ReasonRecheck && reason != ReasonReplaced {
		return unresolved(r.notAsked())
	}
	if since > giveUpAfter {
		r.notice(ctx, NoticeVerifierAway, "a late call may have made another password the live one, and the verifier could not be asked for a day")
		return unresolved(r.notAsked())
	}
	return wait(parkFor(since), r.notAsked())
}

// The repairs that one wish may cause (P-bounded). A late call may overtake one repair, but one that was never seen to
// work shows that repairs do not help.
const (
	maxRepairs         = 2
	maxUnprovenRepairs = 1
	// Where no verifier can be asked, a run that was replaced after its call was sent is reason enough, and each is one
	// fault of a process more.
	maxReplacedRepairs = 4
)

// repair asks for another rotation, unless that was tried and did not help: then a person is told, once.
func (r *run) repair(ctx context.Context, why string) error {
	limit := maxRepairs
	switch {
	case r.Verifier == nil && r.job.Reason == ReasonReplaced:
		limit = maxReplacedRepairs
	case r.Verifier != nil && r.base.Verified != VerifiedYes:
		limit = maxUnprovenRepairs
	}
	// What was seen to work since the last repair has drifted again. A recheck is of the same wish as what it checks.
	renewed := r.base.Verified == VerifiedYes && r.job.Reason != ReasonRecheck && r.job.Reason != ReasonReplaced
	if r.rec.Repairs < limit || renewed {
		return r.Agenda.Ask(ctx, r.Credential, ReasonDrift, 0)
	}
	if r.rec.RaisedAt.IsZero() {
		rec := r.rec.clone()
		rec.Schema, rec.RaisedAt = Schema, r.Clock.Now()
		if err := r.save(ctx, rec); err != nil {
			return fmt.Errorf("note that repairs do not help: %w", err)
		}
		r.notice(ctx, NoticeRefusedRepair, why)
	}
	return unresolved(errors.New(why))
}
