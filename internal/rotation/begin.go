package rotation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// found is what a run finds when it begins.
type found int

const (
	claimed   found = iota + 1 // the journal is open and this run's: go on
	served                     // nothing is left to do
	startOver                  // what was found has changed or was put in order: read it all again
)

// look reads the journal, then current: without a claim. The order matters: a rotation that completes in between leaves
// a journal that is older than current, and the next write of that journal fails.
func (r *run) look(ctx context.Context) (err error) {
	if r.rec, err = r.Journals.Load(ctx, r.Credential); err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	place := r.Credential.Place
	if r.rec.State != Closed {
		place = r.rec.Place
	}
	if r.base, err = r.readCurrent(ctx, place); err != nil {
		return fmt.Errorf("read current: %w", err)
	}
	if r.base.Version < r.floor(place) {
		return r.catchUp(ctx, place)
	}
	return nil
}

// readCurrent reads what consumers read. A management key that a person wrote there is known by its user name.
func (r *run) readCurrent(ctx context.Context, place Place) (Entry, error) {
	e, err := r.Secrets.Read(ctx, place)
	if o := r.Credential.Overlap; o != nil && o.Manages && e.RotationID == "" {
		e.ID = e.Username
	}
	return e, err
}

// floor is the version of current that the journal knows of: a read below it is stale, or the path was reset.
func (r *run) floor(place Place) int {
	switch {
	case r.rec.State != Closed:
		return r.rec.BaseVersion
	case r.rec.Place == place:
		return r.rec.CurrentVersion
	default:
		return 0
	}
}

// staleAlarm is how long after the journal's last write a stale read is news.
const staleAlarm = 5 * time.Minute

// catchUp waits until Vault answers with the version of current that the journal knows of. If it does not, a write
// decides (P-stale-read): putting back what was read succeeds only where it is the newest version, so that the path was
// reset: its metadata was deleted, or a backup was restored.
func (r *run) catchUp(ctx context.Context, place Place) (err error) {
	for range staleLooks {
		if err := r.Clock.Sleep(ctx, time.Second); err != nil {
			return wait(time.Second, errStaleRead)
		}
		if r.base, err = r.readCurrent(ctx, place); err != nil {
			return fmt.Errorf("read current: %w", err)
		}
		if r.base.Version >= r.floor(place) {
			return nil
		}
	}
	switch err := r.Secrets.Fence(ctx, place, r.base); {
	case errors.Is(err, ErrStale):
		if r.Clock.Now().Sub(r.rec.TouchedAt) > staleAlarm {
			r.notice(ctx, NoticeStaleRead, fmt.Sprintf("Vault answers with version %d of the secret, and keyturn wrote version %d",
				r.base.Version, r.floor(place)))
		}
		return wait(5*time.Second, errStaleRead)
	case err != nil:
		return fmt.Errorf("fence current: %w", err)
	}
	r.base.Version++
	return r.acceptReset(ctx)
}

var errStaleRead = errors.New("an earlier version of the secret was read than keyturn wrote: a standby of Vault lags")

// acceptReset notes in the journal that the versions of current started again.
func (r *run) acceptReset(ctx context.Context) error {
	rec, err := r.upgraded(ctx)
	if err != nil {
		return err
	}
	rec.BaseVersion, rec.CurrentVersion = min(rec.BaseVersion, r.base.Version), min(rec.CurrentVersion, r.base.Version)
	if err := r.save(ctx, rec); err != nil {
		return fmt.Errorf("note that the path was reset: %w", err)
	}
	r.notice(ctx, NoticePathReset, "the versions of the secret started again: its metadata was deleted, or a backup was restored")
	return nil
}

// begin finds out what stands and takes the claim: it opens a journal or adopts the open one.
func (r *run) begin(ctx context.Context) (found, error) {
	if err := r.look(ctx); err != nil {
		return 0, err
	}
	switch r.rec.State {
	case Quarantined:
		return 0, r.standQuarantined(ctx)
	case Open:
		return r.adopt(ctx)
	case Closed:
		// A resume is no wish of its own: what it was to finish is over.
		if r.job.Reason == ReasonResume || r.base.Serves(r.job.Slot, r.Clock.Now()) || r.granted() {
			r.settleServed(ctx)
			return served, nil
		}
		return claimed, r.open(ctx)
	default:
		return 0, fail(0, fmt.Errorf("journal: unknown state %d", r.rec.State))
	}
}

// granted reports that another run has finished the very rotation that this job's was begun for. Current does not tell where a
// clock is ahead that asked for it: it carries no slot that is yet to come.
func (r *run) granted() bool {
	since := r.Clock.Now().Sub(r.base.rotatedAt())
	return r.rec.Slot.Equal(r.job.Slot) && !r.job.Slot.IsZero() && r.rec.RotationID == r.base.RotationID && since >= 0 && since <= giveUpAfter
}

// settleServed repairs what a crash after the close left undone: the due time and the hold.
func (r *run) settleServed(ctx context.Context) {
	slot := r.base.Slot
	if r.rec.RotationID == r.base.RotationID && r.rec.Slot.After(slot) {
		slot = r.rec.Slot // a clock was ahead: current carries none that is yet to come
	}
	r.settle(ctx, Ending{
		State: Closed, RotationID: r.base.RotationID, Slot: slot, Reason: r.job.Reason,
		RotatedAt: r.base.rotatedAt(), Version: r.base.Version, Verified: r.base.Verified, RecheckAt: r.rec.RecheckAt,
	})
}

func (r *run) standQuarantined(ctx context.Context) error {
	r.settleQuarantine(ctx, true)
	return &stop{Result{Status: Ended, Err: fmt.Errorf("in quarantine since %s: %s", r.rec.Since.UTC().Format(time.RFC3339), r.rec.Why)}}
}

// open starts a rotation. A lost reply here leaves an open journal that the next run resumes; its candidate was never
// sent, and sending it then is harmless.
func (r *run) open(ctx context.Context) error {
	if r.missedWindow() {
		r.park(ctx, 0)
		return &stop{Result{Status: Done}} // the scheduler has put it off until its next window
	}
	if rest, err := r.restInterval(ctx); rest > 0 || err != nil {
		r.settleServed(ctx)
		return cmp.Or(err, r.rest(rest))
	}
	rec, err := r.opening(ctx)
	switch {
	case errors.Is(err, errWhichTarget), errors.Is(err, errTooMany):
		return r.quarantineAs(ctx, rec, err.Error())
	case err != nil:
		return err
	}
	first, err := r.nextCandidate(rec)
	if err != nil {
		return err
	}
	rec.Candidates = []Candidate{first}
	noted := r.floor(rec.Place)
	if err := r.save(ctx, rec); err != nil {
		return fmt.Errorf("open the journal: %w", err)
	}
	r.created, r.fresh = true, true
	if noted == r.base.Version {
		return nil
	}
	return r.proveBase(ctx, noted)
}

// missedWindow reports a scheduled rotation that sat in its queue until its window was over.
func (r *run) missedWindow() bool {
	now, s := r.Clock.Now(), r.Credential.Schedule
	return r.job.Reason == ReasonScheduled && s != nil && s.Serve(r.job.Slot, now, r.Credential.ID).After(now)
}

// rest ends a run that comes too soon. Within the grace of a pair a person is told at once, who may insist (P-pair-grace);
// whatever else asks comes back then.
func (r *run) rest(d time.Duration) error {
	if until := r.base.RotatedAt.Add(r.leastInterval()); r.leastInterval() > r.Timing.MinInterval && until.After(r.Clock.Now()) &&
		r.job.Reason == ReasonDemand {
		return unresolved(fmt.Errorf("until %s programs may use what they cached before the last rotation: %w", until.UTC().Format(time.RFC3339), ErrGrace))
	}
	return wait(d, r.whyRest())
}

// ErrGrace is a demand that would cut short how long programs may use what they cached.
var ErrGrace = errors.New("ask again then, or with --force, and they are refused")

func (r *run) whyRest() error {
	if at := r.base.RotatedAt; at.After(r.Clock.Now()) {
		return fmt.Errorf("current says that it was rotated at %s, which is yet to come: a clock has gone back, and a late call of "+
			"that rotation could still arrive", at.UTC().Format(time.RFC3339))
	}
	if rest := r.leastInterval(); rest > r.Timing.MinInterval {
		return fmt.Errorf("rotated less than its grace of %s ago: programs may still use what they cached", rest)
	}
	return fmt.Errorf("rotated less than %s ago: a late call of that rotation could still arrive", r.Timing.MinInterval)
}

// leastInterval is how far apart two rotations are: of a pair, far enough for programs that cache what they read
// (P-pair-grace), unless consumers hold a dead password or a person insists.
func (r *run) leastInterval() time.Duration {
	if p := r.Credential.Pair; p != nil && !r.job.Reason.repairs() && !r.job.Force {
		return max(p.Grace, r.Timing.MinInterval)
	}
	return r.Timing.MinInterval
}

// restInterval is how long the credential has to be left alone (P-interval). An instant that is yet to come is not
// believed: a clock has gone back since. Then the interval is counted from the journal's last write, which is made now
// where that one is no better.
func (r *run) restInterval(ctx context.Context) (time.Duration, error) {
	now, last := r.Clock.Now(), r.base.RotatedAt
	if r.Credential.Pair != nil && r.base.Password.IsZero() {
		last = r.rec.TouchedAt // it is deleted, and programs may have cached it
	}
	if last.After(now) {
		last = r.rec.TouchedAt
	}
	if last.After(now) {
		if err := r.save(ctx, r.rec.clone()); err != nil {
			return 0, fmt.Errorf("set right an instant that is yet to come: %w", err)
		}
		last = r.rec.TouchedAt
	}
	return max(last.Add(r.leastInterval()).Sub(now), r.restTarget(now)), nil
}
