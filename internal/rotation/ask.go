package rotation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"keyturn/internal/secret"
)

// booked is how many questions a rotation makes sure of before it sends: at once, and after a quarter and half a second.
const booked = 3

// book reserves the first questions to the verifier, where its server bears only so many: a spent budget then delays
// the send, and never the proof.
func (r *run) book(ctx context.Context, urgency Urgency) error {
	v, ok := r.Verifier.(Reserver)
	if !ok {
		return nil
	}
	err := v.Reserve(ctx, r.Credential.Login(), booked, urgency)
	if held := (*WaitError)(nil); urgency == Resumed && errors.As(err, &held) && held.After > askPatience {
		return nil // a password may be live that consumers do not have: that cannot wait for a server that is paused
	}
	return err
}

// askPatience is how long after its budget a rotation still waits for a verifier that says when it can be asked.
const askPatience = 10 * time.Second

// askInTime is ask about an accepted candidate. Where the question would be put only after the budget, it could not be put:
// consumers hold a password that is most likely dead, and a server may be away for days.
func (r *run) askInTime(ctx context.Context, password secret.Value) (Verdict, error) {
	return r.askInTimeAs(ctx, r.rec.Login, r.rec.Target, password)
}

// askInTimeAs is askInTime about a password of another login or target.
func (r *run) askInTimeAs(ctx context.Context, login, target string, password secret.Value) (Verdict, error) {
	verdict, err := r.askAs(ctx, login, target, password)
	held := (*WaitError)(nil)
	if errors.As(err, &held) && r.sinceAccepted()+held.After > r.Credential.Verify.Propagation+askPatience {
		r.unasked = held
		return Unknown, nil
	}
	return verdict, err
}

// ask puts one question to the verifier. A read-back at the provider, and a call with a new management key, waits for its turn like any other call, and what the
// account is told by it holds for all. An error means that the question was not put and when to come back.
func (r *run) ask(ctx context.Context, password secret.Value) (Verdict, error) {
	return r.askAs(ctx, r.rec.Login, r.rec.Target, password)
}

// askNow is ask where no rotation is open: about the credential as the configuration has it.
func (r *run) askNow(ctx context.Context, password secret.Value) (Verdict, error) {
	login, target := r.loginNow()
	return r.askAs(ctx, login, target, password)
}

func (r *run) askAs(ctx context.Context, login, target string, password secret.Value) (Verdict, error) {
	r.keepHold(ctx)
	asked, key := ctx, r.Credential.Overlap != nil && r.Credential.Overlap.Manages
	if r.Credential.Verify.Mode == VerifyProvider || key {
		if !key {
			login = target
		}
		if err := r.take(ctx, 1); err != nil {
			return Unknown, err
		}
		if err := r.await(ctx); err != nil {
			return Unknown, err
		}
		r.calls.used++
		limited, cancel := context.WithTimeout(ctx, r.Timing.Call)
		defer cancel()
		asked = limited
	}
	start := r.Clock.Now()
	verdict, err := r.Verifier.Verify(asked, login, password)
	var held *WaitError
	var refused *Error
	switch {
	case errors.As(err, &held):
		return Unknown, held
	case errors.As(err, &refused) && refused.Kind == ClockSkew:
		return Unknown, waitForOther(refused)
	case errors.As(err, &refused):
		r.tellNeighbours(ctx, refused)
		verdict = Unknown
	case err != nil && verdict != Unbelieved:
		verdict = Unknown
	}
	if err != nil {
		r.unasked = err
		r.Log.DebugContext(ctx, "could not ask the verifier", "credential", r.Credential.ID, "rotation_id", r.rec.RotationID, "error", err)
	}
	took := r.Clock.Now().Sub(start)
	if took > r.Timing.Resume/3 {
		r.slowest = max(r.slowest, took)
	}
	r.Observer.Verified(r.Credential, verdict, took)
	return verdict, nil
}

// notAsked is ErrNotAsked with its cause.
func (r *run) notAsked() error {
	if r.unasked == nil {
		return ErrNotAsked
	}
	return fmt.Errorf("%w: %w", ErrNotAsked, r.unasked)
}
