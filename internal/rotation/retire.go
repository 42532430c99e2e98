package rotation

import (
	"context"
	"errors"
	"fmt"
)

// ReasonRetire is a job that takes away identities which are of no use any more.
const ReasonRetire Reason = "retire"

// listed asks the provider which identities the credential has. That changes nothing, and needs no claim.
func (r *run) listed(ctx context.Context) (ids []string, err error) {
	err = r.outside(ctx, "list", func(ctx context.Context) (err error) {
		ids, err = r.Client.Minter.Identities(ctx, r.target(), r.owner(), r.turn)
		return err
	})
	var refused *Error
	if errors.As(err, &refused) {
		r.closeUnused(ctx)
		err = r.endSend(ctx, stepReturn, refused)
	}
	return ids, err
}

// retire takes one identity away, and reports whether that is certain. It needs no claim, because what is to be retired
// never comes back into use.
func (r *run) retire(ctx context.Context, id string) (gone bool) {
	err := r.outside(ctx, "retire", func(ctx context.Context) error {
		if err := r.turn(ctx); err != nil {
			return err
		}
		limited, cancel := context.WithTimeout(ctx, r.Timing.Call)
		defer cancel()
		return r.Client.Minter.Retire(limited, r.target(), id)
	})
	if refused := (*Error)(nil); errors.As(err, &refused) {
		r.tellNeighbours(ctx, refused)
	}
	return err == nil
}

// outside makes calls to the provider that change no password.
func (r *run) outside(ctx context.Context, op string, call func(context.Context) error) error {
	start := r.Clock.Now()
	err := call(ctx)
	r.Observer.Called(r.Credential, op, err, r.Clock.Now().Sub(start))
	return err
}

// turn returns when the next call may be made.
func (r *run) turn(ctx context.Context) error {
	if err := r.reserve(ctx); err != nil {
		return err
	}
	r.keepHold(ctx)
	if err := r.await(ctx); err != nil {
		return err
	}
	r.calls.used++
	return nil
}

func (r *run) target() string {
	if r.rec.State != Closed {
		return r.rec.Target
	}
	return r.Credential.Target
}

func (r *run) owner() string {
	if r.Credential.Overlap != nil && r.rec.State == Closed {
		return r.Credential.Overlap.Owner
	}
	return r.rec.Identities.Owner
}

// retireDue takes away what has waited long enough, but never what current names. What it took away leaves the record with
// its next write.
func (r *run) retireDue(ctx context.Context) error {
	ids := r.rec.Identities.due(r.Clock.Now(), r.Timing.Recheck)
	if r.job.Force && r.job.Reason == ReasonRetire {
		ids = r.rec.Identities.all()
	}
	if len(ids) == 0 {
		return nil
	}
	// A person may have put an earlier version of current back.
	now, err := r.Secrets.Read(ctx, r.place())
	if err != nil {
		return fmt.Errorf("read current: %w", err)
	}
	for _, id := range ids {
		if id != now.ID && r.retire(ctx, id) {
			r.rec.Identities.drop(id)
		}
	}
	return nil
}

func (r *run) place() Place {
	if r.rec.State != Closed {
		return r.rec.Place
	}
	return r.Credential.Place
}

// tend looks after the identities of a credential of which no rotation is open: it notes those that are unknown, takes
// away what has waited long enough, and asks to be called again. The journal's check-and-set sees to it that a rotation which
// was opened meanwhile loses nothing: what was listed is retired only if it was written down first (P-overlap-listed).
func (r *run) tend(ctx context.Context, list bool) error {
	if r.Client.Minter == nil || r.rec.State != Closed || r.Credential.Overlap == nil && len(r.rec.Identities.Retire) == 0 {
		return nil
	}
	rec := r.rec.clone()
	if list {
		ids, err := r.listed(ctx)
		if err != nil {
			return err
		}
		later := r.Clock.Now().Add(max(rec.Identities.Grace, r.Timing.Recheck))
		for _, id := range ids {
			if !rec.knows(id) && id != r.base.ID {
				rec.Identities.add(id, later)
			}
		}
		if len(rec.Identities.Retire) > len(r.rec.Identities.Retire) {
			if err := r.note(ctx, rec); err != nil {
				return err
			}
		}
	}
	before := len(r.rec.Identities.Retire)
	if err := r.retireDue(ctx); err != nil {
		return err
	}
	if len(r.rec.Identities.Retire) < before {
		if err := r.note(ctx, r.rec.clone()); err != nil {
			return err
		}
	}
	if next, waiting := r.rec.Identities.next(r.base.ID); waiting {
		if late := r.Clock.Now().Sub(next.NotBefore); late >= 0 {
			return wait(parkFor(late), errNotRetired)
		}
	}
	r.askRetire(ctx, r.base.ID)
	return nil
}

// note writes a closed record that differs in its identities only.
func (r *run) note(ctx context.Context, rec Record) error {
	rec.Schema = Schema
	if err := r.save(ctx, rec); err != nil {
		return fmt.Errorf("note what is to be retired: %w", err)
	}
	return nil
}

// askRetire has the identities that wait retired when their time has come, but for the one that is used. The next periodic
// check makes up for a request that was lost.
func (r *run) askRetire(ctx context.Context, used string) {
	next, waiting := r.rec.Identities.next(used)
	if !waiting || r.rec.State != Closed {
		return
	}
	r.after(ctx, "have what waits retired", func(ctx context.Context) error {
		return r.Agenda.Ask(ctx, r.Credential, ReasonRetire, max(next.NotBefore.Sub(r.Clock.Now()), 0))
	})
}

var errNotRetired = errors.New("an identity that is of no use any more could not be retired")
