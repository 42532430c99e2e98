package rotation

import (
	"context"
	"errors"
)

// ReasonHold is a job of a person who knows of programs that still use one of them: they stay for another grace.
const ReasonHold Reason = "hold"

// extend has those that wait stay for a whole grace from now, or as long as they were to stay. It is no longer, so that
// none stays valid because a person forgot it.
func (r *run) extend(ctx context.Context) error {
	if _, waiting := r.rec.Identities.next(r.base.ID); !waiting {
		return unresolved(ErrNoneWaits)
	}
	rec := r.rec.clone()
	until := r.Clock.Now().Add(max(rec.Identities.Grace, r.Timing.Recheck))
	for n := range rec.Identities.Retire {
		if w := &rec.Identities.Retire[n]; w.NotBefore.Before(until) {
			w.NotBefore = until
		}
	}
	if err := r.note(ctx, rec); err != nil {
		return err
	}
	r.askRetire(ctx, r.base.ID)
	return nil
}

// ErrNoneWaits is a credential that has no identity which waits to be retired.
var ErrNoneWaits = errors.New("no identity of it waits to be retired")
