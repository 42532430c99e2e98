package rotation

import (
	"context"
	"time"
)

// hold keeps duplicates of this job waiting: for longer where a verifier has answered slowly, because a server that
// delays its refusals would else have a live run resumed.
func (r *run) hold(ctx context.Context, force bool) error {
	if err := r.Agenda.Hold(ctx, r.Credential, r.Timing.Resume+r.slowest, force); err != nil {
		return err
	}
	r.heldAt = r.Clock.Now()
	return nil
}

// keepHold renews the hold of a run that takes long, so that no other run resumes what is not dead.
func (r *run) keepHold(ctx context.Context) {
	if !r.heldAt.IsZero() && r.Clock.Now().Sub(r.heldAt) > r.Timing.Resume/3-r.slowest {
		r.after(ctx, "renew the hold", func(ctx context.Context) error { return r.hold(ctx, true) })
	}
}

// park gives the hold back and leaves an open journal alone until this job returns.
func (r *run) park(ctx context.Context, d time.Duration) {
	if r.heldAt.IsZero() {
		return
	}
	r.heldAt = time.Time{}
	d += r.Timing.Resume // the job itself comes back before
	if r.rec.State == Closed {
		d = 0
	}
	r.after(ctx, "park", func(ctx context.Context) error { return r.Agenda.Park(ctx, r.Credential, d) })
}

// settle notes the end of a rotation; the hold goes with it.
func (r *run) settle(ctx context.Context, end Ending) {
	r.heldAt = time.Time{}
	r.after(ctx, "settle", func(ctx context.Context) error { return r.Agenda.Settle(ctx, r.Credential, end) })
}
