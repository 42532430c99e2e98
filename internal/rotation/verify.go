package rotation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"keyturn/internal/secret"
)

// maxNap is the longest wait within a run; longer ones are the queue's.
const maxNap = 8 * time.Second

// verify asks whether the last candidate is live until the table of verdicts decides. An empty Verified means that
// another send is needed.
//
// A crash here leaves an accepted candidate in the journal, or one that was sent; the next run asks on, or sends it again.
func (r *run) verify(ctx context.Context) (Verified, error) {
	if r.Verifier == nil {
		switch {
		case !r.issuer(&r.rec) || r.promotable():
			return VerifiedOff, nil
		case r.rec.lasting():
			return "", r.quarantine(ctx, neverSynced)
		default:
			return VerifiedNo, nil
		}
	}
	setter := !r.issuer(&r.rec)
	j := judged{issuer: !setter, synced: setter || r.rec.Last().Synced, again: setter && r.rec.Last().Sends > 0}
	j.lasting = r.rec.lasting()
	if r.rec.Last().Denied {
		j.last = Refused
	}
	for {
		verdict, err := r.askInTime(ctx, r.rec.Last().Value)
		if err != nil {
			return "", r.parkAccepted(ctx, j.last, err)
		}
		if verdict != Unknown && (verdict != Unbelieved || j.last == Unknown) {
			j.last = verdict
		}
		since := r.sinceAccepted()
		left := r.Credential.Verify.Propagation - since
		nap := min(r.nap(since), left) // the last question is put when the time is over
		j.spent = left <= 0
		// Another candidate's late call may have overtaken ours. Before the time is over, one that logs in shows only that
		// the servers have not heard of ours yet, and each further candidate would have to spread in its turn.
		if j.spent && j.last == Refused && r.rec.Strategy != StrategyOverlap {
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
			return "", r.parkAccepted(ctx, j.last, wait(nap, errNotLive))
		}
		if err := r.Clock.Sleep(ctx, nap); err != nil {
			return "", r.parkAccepted(ctx, j.last, wait(nap, errNotLive))
		}
	}
}

// sinceAccepted is how long ago the provider accepted the candidate. Where a clock has gone back since, that counts from now:
// the run would ask on without a pause until its clock has caught up.
func (r *run) sinceAccepted() time.Duration {
	now := r.Clock.Now()
	if r.accepted.After(now) {
		r.accepted = now
	}
	return now.Sub(r.accepted)
}

// nap is how long to wait until the next question. From acceptance to promotion consumers hold a dying password, so it
// asks at once and then at times that double: 12 questions in two minutes, because servers lock out who asks more. A
// candidate that was sent again, and what an Issuer made after another was refused, are asked about more rarely.
func (r *run) nap(since time.Duration) time.Duration {
	least := 250 * time.Millisecond
	switch {
	case r.issuer(&r.rec) && r.made() > 1:
		least = r.Credential.Verify.Propagation / 4
	case r.rec.Last().Sends > 0:
		least = 5 * time.Second
	}
	return min(max(since, least), max(30*time.Second, r.Credential.Verify.Propagation/6))
}

// decide executes the table of verdicts, up to where it says to ask on.
func (r *run) decide(ctx context.Context, j judged) (v Verified, decided bool, err error) {
	j.enough, j.sole = r.exhausted(), len(r.rec.Candidates) == 1 || r.answered()
	next := j.outcome()
	if next == askOld {
		if j.old, err = r.askOldPassword(ctx); err != nil {
			return "", true, r.parkAccepted(ctx, j.last, err)
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
	case park:
		return "", true, r.parkUnanswered(ctx, j.last)
	case giveUp:
		return "", true, r.quarantine(ctx, "the provider made several passwords, and none of them logs in")
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
	if r.rec.BaseLogin == "" {
		return r.askInTime(ctx, old)
	}
	return r.askInTimeAs(ctx, r.rec.BaseLogin, cmp.Or(r.rec.BaseTarget, r.rec.Target), old)
}

// answered reports that this run alone sent any of the candidates, and that each send had an answer: what was not
// accepted is dead.
func (r *run) answered() bool { return r.created && !r.rec.Doubted }

// sendAgain journals that the last candidate was accepted and yet is not live, and asks for another send. After two
// such rounds a person has to look: consumers keep the old password.
func (r *run) sendAgain(ctx context.Context) error {
	rec := r.rec.clone()
	last := rec.Last()
	setter := !r.issuer(&r.rec)
	if setter && (last.Sends >= 2 || rec.lasting() && rec.sends() >= 2) {
		return r.quarantine(ctx, "the provider accepted the password and it still does not log in")
	}
	last.Sends++
	last.State, last.Denied = Accepted, false
	if setter {
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
		verdict, err := r.askInTime(ctx, c.Value)
		if err != nil || verdict == Works {
			return verdict, err
		}
		if verdict != Refused {
			found = Unknown
		}
	}
	return found, nil
}

const neverSynced = "the provider made several passwords, and has not told its own servers of any"

var errNotLive = errors.New("accepted, and not live everywhere yet")

// parkAccepted journals what the provider and the verifier said, so that the next run only asks on, and then ends this
// one with why: even where the run's time is up, or each run that it cuts off would send again. That the verifier
// refused stays too: a later unanswered question must not count for more.
func (r *run) parkAccepted(ctx context.Context, verdict Verdict, why error) error {
	rec := r.rec.clone()
	last, refused := rec.Last(), verdict == Refused
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
	if verdict == Unknown || verdict == Unbelieved {
		r.notice(ctx, NoticeVerifierAway, "the provider accepted the new password, consumers have the old one, and the verifier "+
			"does not answer: "+r.notAsked().Error())
	}
	return why
}

// parkUnanswered waits, with the journal open, for a verifier that refused the new password and cannot be asked about the
// old one: promoting may give consumers a dead password, and so may keeping what they have.
func (r *run) parkUnanswered(ctx context.Context, last Verdict) error {
	since := r.sinceAccepted()
	what := "the new password was refused, and the old one"
	if r.rec.lasting() {
		what = "the new password, which consumers do not have yet,"
	}
	if since > giveUpAfter {
		return r.quarantine(ctx, "verifier: "+what+" could not be checked for a day")
	}
	if tells(since) {
		r.notice(ctx, NoticeVerifierAway, what+" cannot be checked: "+r.notAsked().Error())
	}
	return r.parkAccepted(ctx, last, wait(parkFor(since), r.notAsked()))
}

// oldPassword is what stood in current when the rotation was opened; zero if there was none or it is gone.
func (r *run) oldPassword(ctx context.Context) (secret.Value, error) {
	switch {
	case r.rec.Schema >= 2:
		return r.rec.BasePassword, nil
	case r.rec.BaseVersion == r.base.Version:
		return r.base.Password, nil
	default:
		return r.Secrets.Password(ctx, r.rec.Place, r.rec.BaseVersion)
	}
}
