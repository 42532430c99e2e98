package rotation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"keyturn/internal/secret"
)

// maxIssues is how many passwords one rotation asks an Issuer for before it promotes the newest unproven.
const maxIssues = 3

// issue makes the provider generate a password until one may be promoted: the last intent's value, synced or
// verifiable, and the only one that reached the journal since that intent was marked. Any other value means that two
// calls may have crossed, and it is unknown which one the provider holds.
func (r *run) issue(ctx context.Context) error {
	for doubts := 0; !r.promotable() && !r.exhausted(); {
		if rest := r.syncRest(); rest > 0 {
			return wait(rest, errNotSynced)
		}
		if err := r.markIntent(ctx); err != nil {
			return err
		}
		here, number := situation{issuer: true, fresh: r.fresh}, r.rec.Last().Number
		var issued Issued
		answer, err := r.send(ctx, func(ctx context.Context) (err error) {
			issued, err = r.Client.Issuer.Issue(ctx, r.rec.Target)
			return err
		})
		if err != nil {
			return err
		}
		next := here.after(answer.refusal)
		if !issued.Password.IsZero() {
			// Whatever the answer says beside: what was shown is kept before it is judged.
			r.accepted, next = answer.at, stepVerify
			issued.Synced = issued.Synced && answer.refusal == nil
		}
		switch next {
		case stepVerify:
			err = r.keep(ctx, number, issued)
		case stepResend:
			r.loseGeneration()
			doubts++
			err = r.doubt(ctx, answer.refusal, doubts-1)
		default:
			r.after(ctx, "mark an intent dead", r.markDead)
			return r.endSend(ctx, next, answer.refusal)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

var errNotSynced = errors.New("the provider has not synced the new password to its servers yet")

// markIntent journals, before every call, that a password may come into being.
func (r *run) markIntent(ctx context.Context) error {
	if r.fresh {
		return nil // begin opened the journal with it
	}
	last := r.rec.Last()
	if last != nil && last.State == Intent {
		r.loseGeneration()
	}
	// One intent without a value is enough to say that a password may exist and be lost. The next one takes the place
	// of a second, under a number of its own, so that the journal does not grow while a provider is away.
	if n := len(r.rec.Candidates); n < 2 || !last.Value.IsZero() || !r.rec.Candidates[n-2].open() {
		return r.appendCandidate(ctx)
	}
	rec := r.rec.clone()
	next, err := r.nextCandidate(rec)
	if err != nil {
		return err
	}
	*rec.Last() = next
	if err := r.save(ctx, rec); err != nil {
		return fmt.Errorf("mark an intent: %w", err)
	}
	r.fresh = true
	return nil
}

// loseGeneration counts a password that may exist and that keyturn never received; the next save writes it.
func (r *run) loseGeneration() {
	r.rec.LostGenerations++
	r.Observer.LostGeneration(r.Credential)
}

// markDead notes that the last intent's call provably made nothing, so that it is not counted as lost.
func (r *run) markDead(ctx context.Context) error {
	rec := r.rec.clone()
	rec.Last().State = Dead
	return r.save(ctx, rec)
}

// keep journals an issued value before anything else happens, for as long as it takes: this process is the only one
// that holds it.
func (r *run) keep(ctx context.Context, number int, issued Issued) error {
	ctx = context.WithoutCancel(ctx)
	value := Candidate{Number: number, Value: issued.Password, State: Accepted, Synced: issued.Synced, At: r.accepted}
	for delay := 50 * time.Millisecond; ; delay = longer(delay, 2*time.Second) {
		rec := r.rec.clone()
		rec.Candidates = append(rec.Candidates, value)
		err := r.save(ctx, rec)
		if err == nil {
			return nil
		}
		if errors.Is(err, ErrStale) {
			switch kept, err := r.keepElsewhere(ctx, value); {
			case err != nil: // to be tried again
			case kept == keptHere:
				return nil
			default:
				return ErrStale
			}
		} else {
			r.Log.WarnContext(ctx, "an issued password waits to be journalled", "credential", r.Credential.ID, "rotation_id", r.rec.RotationID, "error", err)
		}
		if err := r.Clock.Sleep(ctx, delay); err != nil {
			return err
		}
	}
}

// kept is where a value came to stand whose journal changed under it.
type kept int

const (
	keptHere  kept = iota + 1 // in this run's journal: the write's reply was lost, or it looked like a mismatch
	keptThere                 // in another run's, who finishes
)

// keepElsewhere puts a value whose journal changed under it where the next run finds it: in the open journal, or in
// one opened for it. It then stands there without an intent of its own before it, so that no run promotes it or its
// neighbour without issuing once more. An error is to be tried again.
func (r *run) keepElsewhere(ctx context.Context, value Candidate) (kept, error) {
	now, err := r.Journals.Load(ctx, r.Credential)
	if err != nil {
		return 0, err
	}
	if holds(now.Candidates, value.Value) {
		if now.Version == r.rec.Version+1 {
			r.rec, r.confirmed, r.unsure = now, r.Clock.Now(), false // our own write, whose reply was lost
			return keptHere, nil
		}
		return keptThere, nil
	}
	if now.Version < r.rec.Version {
		return 0, errStaleRead
	}
	if r.rec.Strategy == StrategyPair && (now.State == Closed || now.RotationID != r.rec.RotationID) {
		return keptThere, nil // it is of no use: another rotation sets this target's password before it is used again
	}
	if now.State == Closed {
		base, err := r.readBase(ctx, now)
		if err != nil {
			return 0, err
		}
		now = r.orphan(now.Version, base)
	}
	if now.RotationID != r.rec.RotationID {
		value.Number = now.nextNumber() // or it would pass for the value of that rotation's own intent
	}
	now.Candidates = append(now.Candidates, value)
	now.Doubted = true
	now.TouchedAt = r.Clock.Now()
	if _, err := r.Journals.Save(ctx, r.Credential, now, now.Version); err != nil {
		return 0, err
	}
	return keptThere, nil
}

// readBase reads current beside a closed journal. Where what it reads is stale, a write decides as in catchUp: the fence
// changes nothing, and succeeds only where the path was reset.
func (r *run) readBase(ctx context.Context, closed Record) (base Entry, err error) {
	for looks := 0; ; looks++ {
		base, err = r.Secrets.Read(ctx, r.rec.Place)
		stale := closed.Place == r.rec.Place && base.Version < closed.CurrentVersion
		if err != nil || !stale {
			return base, err
		}
		if looks == staleLooks {
			err := r.Secrets.Fence(ctx, r.rec.Place, base)
			base.Version++
			return base, err
		}
		if err := r.Clock.Sleep(ctx, time.Second); err != nil {
			return base, err
		}
	}
}

// orphan is the record of a rotation that is opened for a value which came late. Its slot is that of the rotation that
// is over: the job for any later slot stays unserved, and the drift is repaired.
func (r *run) orphan(version int, base Entry) Record {
	return Record{
		Schema: Schema, State: Open, RotationID: r.NewID(), Slot: r.rec.Slot, Reason: ReasonReplaced, Owner: r.Owner,
		OpenedAt: r.Clock.Now(), Account: r.rec.Account, Mode: ModeIssuer, Target: r.rec.Target, Username: r.rec.Username,
		Login: r.rec.Login, Place: r.rec.Place, BaseVersion: base.Version, BasePassword: base.Password, Doubted: true,
		Repairs: r.rec.Repairs, Version: version,
	}
}

// afterPromoted returns what reached the journal after the candidate that current carries, if it carries one.
func (r *run) afterPromoted() (after []Candidate, found bool) {
	for i, c := range r.rec.Candidates {
		if !c.Value.IsZero() && c.Value.Equal(r.base.Password) {
			return r.rec.Candidates[i+1:], true
		}
	}
	return nil, false
}

// onlyValues reports that candidates are values without an intent of their own: they came late from other runs.
func onlyValues(candidates []Candidate) bool {
	return len(candidates) > 0 && !slices.ContainsFunc(candidates, func(c Candidate) bool { return c.Value.IsZero() })
}

// handOver ends a promoted rotation whose journal got late values before it was closed. One write closes it and opens
// one for them, so that no value is ever in no journal: any of them may be the live one.
func (r *run) handOver(ctx context.Context, late []Candidate) error {
	rec := r.orphan(r.rec.Version, r.base)
	for _, value := range late {
		value.Number = rec.nextNumber()
		rec.Candidates = append(rec.Candidates, value)
	}
	if err := r.save(ctx, rec); err != nil {
		return fmt.Errorf("open a journal for passwords that came late: %w", err)
	}
	return nil
}

func holds(candidates []Candidate, value secret.Value) bool {
	for _, c := range candidates {
		if c.Value.Equal(value) {
			return true
		}
	}
	return false
}

// values returns what reached the journal since the last intent was marked, and that intent's number.
func (r *run) values() (since []Candidate, intent int) {
	for _, c := range r.rec.Candidates {
		if c.Value.IsZero() {
			since, intent = nil, c.Number
		} else {
			since = append(since, c)
		}
	}
	return since, intent
}

func (r *run) promotable() bool {
	if r.rec.Strategy == StrategyOverlap {
		return r.minted()
	}
	since, intent := r.values()
	return len(since) == 1 && since[0].Number == intent && since[0].Sends == 0 && (since[0].Synced || r.Verifier != nil)
}

// exhausted reports that enough passwords were made; the newest is then promoted unproven, if it is the only answer to
// the last intent: one that came late is dead.
func (r *run) exhausted() bool {
	if r.rec.Strategy == StrategyOverlap {
		return r.made() >= maxIssues
	}
	since, intent := r.values()
	return r.made() >= maxIssues && len(since) == 1 && since[0].Number == intent
}

// syncRest is how long to leave a provider alone that made a password and has yet to tell its own servers.
func (r *run) syncRest() time.Duration {
	last := r.rec.Last()
	if last == nil || last.Value.IsZero() || last.Synced || last.Sends > 0 {
		return 0
	}
	passed := r.Clock.Now().Sub(last.At)
	if passed < 0 {
		return 0 // a clock was ahead
	}
	return syncBackoff - passed
}

// syncBackoff is a guess: KIRIM.EMAIL documents no duration.
const syncBackoff = 10 * time.Second
