package rotation

import (
	"context"
	"fmt"
	"time"
)

// Check asks whether the password in Vault still logs in. It never writes current: what it finds is repaired by a
// resume or by an ordinary rotation.
func (m *Machine) Check(ctx context.Context, s Subject, job Job) Result {
	r := &run{Machine: m, Subject: s, job: job}
	next, err := r.check(ctx)
	if next != nil {
		return m.Rotate(ctx, s, *next)
	}
	return r.result(ctx, err, false)
}

func (r *run) check(ctx context.Context) (resume *Job, err error) {
	if err := r.look(ctx); err != nil {
		return nil, err
	}
	switch r.rec.State {
	case Open:
		return &Job{Reason: ReasonDrift, RequestedBy: r.job.RequestedBy}, nil
	case Quarantined:
		return nil, nil // it waits for a person, who sees more than a check does
	case Closed:
	}
	now := r.Clock.Now()
	if rest := r.rec.RecheckAt.Sub(now); rest > 0 {
		return nil, wait(min(rest, r.Timing.Recheck), fmt.Errorf("a late call could still arrive"))
	}
	if r.base.Password.IsZero() {
		return nil, nil
	}
	if r.Verifier == nil {
		// Nobody can be asked. Where a late call may have won, only a new password is certain.
		if r.job.Reason == ReasonReplaced || (r.job.Reason == ReasonRecheck && !r.rec.RecheckAt.IsZero()) {
			return nil, r.Agenda.Ask(ctx, r.Credential, ReasonDrift, 0)
		}
		return nil, nil
	}
	r.rec.configure(r.Credential)
	verdict, err := r.ask(ctx, r.base.Password)
	if err != nil {
		return nil, err
	}
	switch verdict {
	case Works:
		return nil, nil
	case Unknown, Unbelieved:
		return nil, fail(0, r.notAsked())
	case Refused:
	}
	if rest := r.base.RotatedAt.Add(r.Credential.Verify.Propagation).Sub(now); rest > 0 {
		return nil, wait(min(rest, 10*time.Second), fmt.Errorf("refused, and maybe not live everywhere yet"))
	}
	return nil, r.Agenda.Ask(ctx, r.Credential, ReasonDrift, 0)
}
