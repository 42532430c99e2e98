package rotation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"keyturn/internal/secret"
)

// errSendAgain asks for the last candidate (of a Setter) or another one (of an Issuer) once more.
var errSendAgain = errors.New("send again")

// maxNap is the longest wait within a run; longer ones are the queue's.
const maxNap = 2 * time.Second

// verify asks whether the last candidate is live until it is, or the time that a change may need to spread is spent.
// From acceptance to promotion consumers hold a dying password, so it asks at once and then at times that grow with
// the time passed (about 20 questions in two minutes: servers lock out who asks more).
func (r *run) verify(ctx context.Context) (Verified, error) {
	if r.Verifier == nil {
		if r.Client.Issuer != nil && !r.promotable() {
			return VerifiedNo, nil
		}
		return VerifiedOff, nil
	}
	deadline := r.accepted.Add(r.Credential.Verify.Propagation)
	for looked, refused := false, r.rec.Last().Denied; ; {
		verdict, err := r.ask(ctx, r.rec.Last().Value)
		if err != nil {
			return "", r.parkAccepted(ctx, refused, err)
		}
		if verdict == Works {
			return VerifiedYes, nil
		}
		// One question that failed says less than one that was answered.
		if refused = refused || verdict == Refused; refused {
			verdict = Refused
		}
		now := r.Clock.Now()
		nap := min(max(now.Sub(r.accepted)/2, 20*time.Millisecond), 15*time.Second)
		if now.Add(nap).After(deadline) {
			return r.budgetSpent(ctx, verdict)
		}
		// Long enough refused to suspect that another candidate's late call is the live one.
		if verdict == Refused && nap > time.Second/2 && !looked {
			looked = true
			if others, err := r.askOthers(ctx); err != nil || others == Works {
				return r.sendAgain(ctx, err)
			}
		}
		if nap > maxNap {
			return "", r.parkAccepted(ctx, refused, wait(nap, errNotLive))
		}
		if err := r.Clock.Sleep(ctx, nap); err != nil {
			return "", r.parkAccepted(ctx, refused, wait(nap, errNotLive))
		}
	}
}

// budgetSpent decides what to do with an accepted candidate that did not verify in time.
func (r *run) budgetSpent(ctx context.Context, verdict Verdict) (Verified, error) {
	synced := r.Client.Setter != nil || r.rec.Last().Synced
	if verdict == Unknown && synced {
		return VerifiedNo, nil // nobody could be asked; the drift check asks again
	}
	if r.Client.Issuer != nil {
		if r.exhausted() {
			return VerifiedNo, nil
		}
		return r.sendAgain(ctx, nil)
	}
	// Consumers keep what they have, unless everything but the last candidate is dead.
	old, err := r.oldPassword(ctx)
	if err != nil {
		return "", err
	}
	if !old.IsZero() {
		if verdict, err := r.ask(ctx, old); err != nil || verdict != Refused {
			return r.sendAgain(ctx, err)
		}
	}
	// That the servers refuse an earlier candidate too proves nothing: they may not have heard of it yet.
	if len(r.rec.Candidates) > 1 && !r.answered() {
		return r.sendAgain(ctx, nil)
	}
	return VerifiedNo, nil
}

// answered reports that this run alone sent any of the candidates, and that each send had an answer: what was not
// accepted is dead.
func (r *run) answered() bool { return r.created && !r.rec.Doubted }

// sendAgain journals that the last candidate was accepted and yet is not live, and asks for another send. After two
// such rounds a person has to look: consumers keep the old password.
func (r *run) sendAgain(ctx context.Context, err error) (Verified, error) {
	if err != nil {
		return "", err
	}
	rec := r.rec.clone()
	last := rec.Last()
	if r.Client.Setter != nil && last.Sends >= 2 {
		return "", r.quarantine(ctx, "the provider accepted the password and it still does not log in")
	}
	last.Sends++
	last.State, last.Denied = Accepted, false
	if r.Client.Setter != nil {
		last.State = Doubtful
		rec.Doubted = true
	}
	if err := r.save(ctx, rec); err != nil {
		return "", err
	}
	r.accepted = time.Time{}
	return "", errSendAgain
}

// askOthers asks whether an earlier candidate logs in, because a late call overtook ours: Works if one does, Unknown
// if one could not be asked about, else Refused.
func (r *run) askOthers(ctx context.Context) (Verdict, error) {
	last, found := r.rec.Last(), Refused
	for _, c := range r.rec.Candidates[:len(r.rec.Candidates)-1] {
		if c.Value.IsZero() || c.Value.Equal(last.Value) {
			continue
		}
		verdict, err := r.ask(ctx, c.Value)
		if err != nil || verdict == Works {
			return verdict, err
		}
		if verdict == Unknown {
			found = Unknown
		}
	}
	return found, nil
}

var errNotLive = errors.New("accepted, and not live everywhere yet")

// parkAccepted journals what the provider and the verifier said, so that the next run only asks on, and then ends this
// one with why: even where the run's time is up, or each run that it cuts off would send again. That the verifier
// refused stays too: a later question that nobody answers must not count for more.
func (r *run) parkAccepted(ctx context.Context, refused bool, why error) error {
	rec := r.rec.clone()
	last := rec.Last()
	if last.State == Accepted && last.Denied == refused {
		return why
	}
	if last.State != Accepted {
		last.State, last.At = Accepted, r.accepted
	}
	last.Denied = refused
	ctx, cancel := outlive(ctx)
	defer cancel()
	if err := r.save(ctx, rec); err != nil {
		return fmt.Errorf("note the acceptance: %w", err)
	}
	return why
}

// oldPassword is what stood in current when the rotation was opened; zero if there was none or it is gone.
func (r *run) oldPassword(ctx context.Context) (secret.Value, error) {
	switch r.rec.BaseVersion {
	case 0:
		return secret.Value{}, nil
	case r.base.Version:
		return r.base.Password, nil
	default:
		return r.Secrets.Password(ctx, r.rec.Place, r.rec.BaseVersion)
	}
}

// ask puts one question to the verifier. A read-back at the provider waits for its turn like any other call.
func (r *run) ask(ctx context.Context, password secret.Value) (Verdict, error) {
	r.keepHold(ctx)
	if r.Credential.Verify.Mode == VerifyProvider {
		if err := r.take(ctx, 1); err != nil {
			return Unknown, err
		}
		if err := r.await(ctx); err != nil {
			return Unknown, err
		}
		r.calls.used++
	}
	start := r.Clock.Now()
	limited, cancel := context.WithTimeout(ctx, r.Timing.Call)
	defer cancel()
	login := r.rec.Login
	if r.Credential.Verify.Mode == VerifyProvider {
		login = r.rec.Target
	}
	verdict, err := r.Verifier.Verify(limited, login, password)
	if err != nil {
		verdict, r.unasked = Unknown, err
		r.Log.DebugContext(ctx, "could not ask the verifier", "credential", r.Credential.ID, "rotation_id", r.rec.RotationID, "error", err)
	}
	r.Observer.Verified(r.Credential, verdict, r.Clock.Now().Sub(start))
	return verdict, nil
}

// notAsked is ErrNotAsked with its cause.
func (r *run) notAsked() error {
	if r.unasked == nil {
		return ErrNotAsked
	}
	return fmt.Errorf("%w: %w", ErrNotAsked, r.unasked)
}
