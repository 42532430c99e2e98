package rotation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"keyturn/internal/secret"
)

// maxNap is the longest wait within a run; longer ones are the queue's.
const maxNap = 2 * time.Second

// verify asks whether the last candidate is live until it is, or the time that a change may need to spread is spent.
// From acceptance to promotion consumers hold a dying password, so it asks at once and then at times that grow with
// the time passed (about 20 questions in two minutes: servers lock out who asks more). An empty Verified means that
// another send is needed.
func (r *run) verify(ctx context.Context) (Verified, error) {
	if r.Verifier == nil {
		if r.Client.Issuer != nil && !r.promotable() {
			return VerifiedNo, nil
		}
		return VerifiedOff, nil
	}
	deadline := r.accepted.Add(r.Credential.Verify.Propagation)
	j := judged{issuer: r.Client.Issuer != nil, synced: r.Client.Setter != nil || r.rec.Last().Synced}
	if r.rec.Last().Denied {
		j.last = Refused
	}
	for looked := false; ; {
		verdict, err := r.ask(ctx, r.rec.Last().Value)
		if err != nil {
			return "", r.parkAccepted(ctx, j.last == Refused, err)
		}
		if verdict == Works || verdict == Refused {
			j.last = verdict
		}
		now := r.Clock.Now()
		nap := min(max(now.Sub(r.accepted)/2, 20*time.Millisecond), 15*time.Second)
		j.spent = now.Add(nap).After(deadline)
		// Long enough refused to suspect that another candidate's late call is the live one.
		if !j.spent && j.last == Refused && nap > time.Second/2 && !looked {
			looked = true
			others, err := r.askOthers(ctx)
			if err != nil {
				return "", err
			}
			j.other = others == Works
		}
		if v, decided, err := r.decide(ctx, j); decided || err != nil {
			return v, err
		}
		if nap > maxNap {
			return "", r.parkAccepted(ctx, j.last == Refused, wait(nap, errNotLive))
		}
		if err := r.Clock.Sleep(ctx, nap); err != nil {
			return "", r.parkAccepted(ctx, j.last == Refused, wait(nap, errNotLive))
		}
	}
}

// decide executes the table of verdicts, up to where it says to ask on.
func (r *run) decide(ctx context.Context, j judged) (v Verified, decided bool, err error) {
	j.enough, j.sole = r.exhausted(), len(r.rec.Candidates) == 1 || r.answered()
	next := j.outcome()
	if next == askOld {
		if j.old, err = r.askOldPassword(ctx); err != nil {
			return "", true, err
		}
		j.asked = true
		next = j.outcome()
	}
	switch next {
	case promoteProven:
		return VerifiedYes, true, nil
	case promoteUnproven:
		return VerifiedNo, true, nil
	case sendAgain:
		return "", true, r.sendAgain(ctx)
	default:
		return "", false, nil
	}
}

// askOldPassword asks about what consumers read before this rotation; Refused if there was nothing.
func (r *run) askOldPassword(ctx context.Context) (Verdict, error) {
	old, err := r.oldPassword(ctx)
	if err != nil {
		return Unknown, err
	}
	if old.IsZero() {
		return Refused, nil
	}
	return r.ask(ctx, old)
}

// answered reports that this run alone sent any of the candidates, and that each send had an answer: what was not
// accepted is dead.
func (r *run) answered() bool { return r.created && !r.rec.Doubted }

// sendAgain journals that the last candidate was accepted and yet is not live, and asks for another send. After two
// such rounds a person has to look: consumers keep the old password.
func (r *run) sendAgain(ctx context.Context) error {
	rec := r.rec.clone()
	last := rec.Last()
	if r.Client.Setter != nil && last.Sends >= 2 {
		return r.quarantine(ctx, "the provider accepted the password and it still does not log in")
	}
	last.Sends++
	last.State, last.Denied = Accepted, false
	if r.Client.Setter != nil {
		last.State = Doubtful
		rec.Doubted = true
	}
	if err := r.save(ctx, rec); err != nil {
		return err
	}
	r.accepted = time.Time{}
	return nil
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
