package rotation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// What differs where a provider holds several identities at once: each rotation makes one more, and consumers switch to it.
// No late call can take away what they use; it can only leave an unknown identity behind. These are found by
// their label, written down, and only then retired.

// minted reports that the last candidate is an identity that may be proven.
func (r *run) minted() bool {
	last := r.rec.Last()
	return !last.Value.IsZero() && last.Sends == 0 && (last.Synced || r.Verifier != nil)
}

// mint has the provider make another identity, until the journal has one that may be proven.
func (r *run) mint(ctx context.Context) error {
	for doubts := 0; !r.minted(); {
		if rest := r.syncRest(); rest > 0 {
			return wait(rest, errNotSynced)
		}
		if !r.fresh && r.made() >= maxIssues {
			return r.quarantine(ctx, neverSynced)
		}
		if !r.fresh {
			if err := r.tidy(ctx); err != nil {
				return err
			}
		}
		var made Identity
		number := r.rec.Last().Number
		answer, err := r.send(ctx, func(ctx context.Context) (err error) {
			made, err = r.Client.Minter.Mint(ctx, r.rec.Target, r.rec.label(number))
			return err
		})
		if err != nil {
			return err
		}
		switch refused := answer.refusal; {
		case !made.Password.IsZero(): // whatever the answer says beside
			r.accepted = answer.at
			made.Synced = made.Synced && refused == nil
			err = r.keepIdentity(ctx, number, made)
		case refused == nil || refused.Kind == InDoubt || refused.Kind == Repeat: // there may be an unknown one
			doubts++
			err = r.doubt(ctx, cmp.Or(refused, errNoSecret), doubts-1)
		case refused.Kind == Full:
			err = r.makeRoom(ctx, refused)
		default:
			r.after(ctx, "mark an intent dead", r.markDead)
			err = r.endSend(ctx, situation{issuer: true}.after(refused), refused)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// errNoSecret is an answer that says yes and shows nothing.
var errNoSecret = &Error{Kind: InDoubt, Op: "mint", Hint: "the provider showed no password"}

// tidy finds the identities that no journal knows, and writes down that they are to be retired, together with the intent of
// the next call: only then are they retired, with those that have waited long enough. Nothing is retired between the list
// and the write, because an identity that is not in this journal may be in the next version of it (P-overlap-listed).
func (r *run) tidy(ctx context.Context) error {
	ids, err := r.listed(ctx, &r.rec.Identities)
	if err != nil {
		return err
	}
	rec, now := r.rec.clone(), r.Clock.Now()
	for _, id := range ids {
		if !rec.knows(id) && id != r.base.ID {
			rec.Identities.add(id, now)
		}
	}
	for i := range rec.Candidates {
		if c := &rec.Candidates[i]; c.Sends > 0 {
			rec.Identities.add(c.ID, now) // it does not log in, and consumers never had it
		}
	}
	next, err := r.nextCandidate(rec)
	if err != nil {
		return err
	}
	if last := rec.Last(); last != nil && last.Value.IsZero() {
		*last = next // a call that made nothing that is known leaves nothing else to know
	} else {
		rec.Candidates = append(rec.Candidates, next)
	}
	if err := r.save(ctx, rec); err != nil {
		return fmt.Errorf("note what is to be retired: %w", err)
	}
	r.fresh, r.tidied = true, true
	before := len(rec.Identities.Retire)
	err = r.retireDue(ctx)
	r.freed = r.freed || len(r.rec.Identities.Retire) < before
	return err
}

// openIdentities notes, in the record that opens a rotation, which identities there are. An error leaves the record as it was:
// the overlap has not begun, and what is there is still a person's.
func (r *run) openIdentities(ctx context.Context, rec *Record) error {
	if err := r.revive(ctx, &rec.Identities); err != nil {
		return err
	}
	opened, known := *rec, rec.Identities.began(r.Credential)
	opened.openOverlap(r.Credential, r.base.ID, r.Timing.Recheck)
	opened.BaseLogin = r.base.Username
	if !known {
		if err := r.keepFound(ctx, &opened); err != nil {
			return err
		}
	}
	*rec = opened
	return nil
}

// maxKept bounds what a journal has to hold.
const maxKept = 1000

// keepFound notes the identities that no journal knows as a person's: one of them may be what consumers use, or will
// (P-overlap-kept).
func (r *run) keepFound(ctx context.Context, rec *Record) error {
	ids, err := r.listed(ctx, &rec.Identities)
	if err != nil {
		return err
	}
	kept := slices.Clone(rec.Identities.Kept)
	for _, id := range ids {
		if !rec.knows(id) {
			kept = append(kept, id)
		}
	}
	if len(kept) > maxKept {
		return errTooMany
	}
	rec.Identities.Kept = kept
	return nil
}

var errTooMany = errors.New("identities: the target has more than a thousand that are not keyturn's: give the credential a label, or a target of its own")

// keepIdentity journals what the provider has shown before anything else happens, for as long as it takes: this process is
// the only one that holds its password.
func (r *run) keepIdentity(ctx context.Context, number int, made Identity) error {
	ctx = context.WithoutCancel(ctx)
	value := Candidate{Number: number, Value: made.Password, ID: made.ID, Login: made.Username, State: Accepted, Synced: made.Synced, At: r.accepted}
	for delay := 50 * time.Millisecond; ; delay = longer(delay, 2*time.Second) {
		rec := r.rec.clone()
		rec.Candidates = append(rec.Candidates, value)
		rec.Username, rec.Login = made.Username, made.Username
		err := r.save(ctx, rec)
		if err == nil {
			return nil
		}
		if errors.Is(err, ErrStale) {
			err = r.giveBack(ctx, made.ID)
		}
		switch {
		case err == nil:
			return nil // our own write, whose reply was lost
		case errors.Is(err, ErrStale):
			return err
		}
		r.Log.WarnContext(ctx, "an identity that the provider made waits to be journalled", "credential", r.Credential.ID,
			"rotation_id", r.rec.RotationID, "error", err)
		if err := r.Clock.Sleep(ctx, delay); err != nil {
			return err
		}
	}
}

// giveBack finds out, after the loss of the claim, whether the journal has an identity that this run made. Where it has not,
// its password is lost with this run: it is retired at once. ErrStale means that the run is over, nil that the journal
// is still its own; any other error is to be tried again.
func (r *run) giveBack(ctx context.Context, id string) error {
	now, err := r.Journals.Load(ctx, r.Credential)
	switch {
	case err != nil:
		return err
	case now.Version <= r.rec.Version:
		return errStaleRead // it does not show yet who came between
	case now.Version == r.rec.Version+1 && now.State == Open && holdsID(now.Candidates, id):
		r.rec, r.confirmed, r.unsure = now, r.Clock.Now(), false
		return nil
	case !now.knows(id):
		r.inDoubt = !r.retire(ctx, r.rec.Target, id) // the recheck finds it
	}
	return ErrStale
}

func holdsID(candidates []Candidate, id string) bool {
	return slices.ContainsFunc(candidates, func(c Candidate) bool { return c.ID == id })
}

// makeRoom follows a refusal because the provider holds as many identities as it allows.
func (r *run) makeRoom(ctx context.Context, refused *Error) error {
	r.rec.LastError = refusal(refused, r.Clock.Now())
	r.after(ctx, "mark an intent dead", r.markDead)
	if !r.tidied {
		return r.tidy(ctx)
	}
	now := r.Clock.Now()
	switch next, waiting := r.rec.Identities.next(r.base.ID); {
	case waiting && next.NotBefore.After(now):
		return r.closeUntil(ctx, min(next.NotBefore.Sub(now), max(r.rec.Identities.Grace, r.Timing.Recheck)))
	case waiting && r.Client.Disabler != nil:
		return r.closeUntil(ctx, r.Timing.Recheck) // the job that retires it does one step after the other
	case waiting || r.freed:
		return r.comeBack(ctx, refused) // it could not be retired, or the provider has yet to notice
	}
	since := now.Sub(r.rec.OpenedAt)
	if since > giveUpAfter {
		return r.quarantine(ctx, "full: "+errForeign.Error())
	}
	if tells(since) {
		r.notice(ctx, NoticeFull, errForeign.Error())
	}
	return wait(parkFor(since), errForeign)
}

// closeUntil ends a rotation that has to wait for room, for as long as a grace: nothing that it has made is of any use. With
// the journal open the wait would count as a provider that gives no answer, and would keep the retirement from its job.
func (r *run) closeUntil(ctx context.Context, left time.Duration) error {
	end := r.closeForRecheck
	if r.unused() {
		end = r.giveUp
	}
	if err := end(ctx); err != nil {
		return err
	}
	return wait(left, errFull)
}

var (
	errFull    = errors.New("the provider holds as many identities as it allows, and one that programs may still use is retired then")
	errForeign = errors.New("the provider holds as many identities as it allows, and none of them is keyturn's to retire: remove one there")
)

// movedOn reports that current names an identity that is neither the base's nor one of this rotation: a person put it there.
func (r *run) movedOn() bool {
	return r.rec.Strategy == StrategyOverlap && r.base.ID != "" && r.base.ID != r.rec.Identities.Used && !holdsID(r.rec.Candidates, r.base.ID)
}

// foreignIdentityGone reports that a person put an identity into current that the provider does not have any more.
func (r *run) foreignIdentityGone(ctx context.Context) (bool, error) {
	if !r.movedOn() {
		return false, nil
	}
	ids, err := r.listed(ctx, &r.rec.Identities)
	return err == nil && !slices.Contains(ids, r.base.ID), err
}

// used is the identity that consumers use once this rotation is over.
func (r *run) used() string {
	switch {
	case r.promoted && r.base.RotationID != r.rec.RotationID:
		return r.rec.Last().ID
	case r.promoted || r.base.ID != "":
		return r.base.ID
	default:
		return r.rec.Identities.Used
	}
}
