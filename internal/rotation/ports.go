package rotation

import (
	"context"
	"errors"
	"time"

	"keyturn/internal/secret"
)

// ErrStale is a check-and-set that did not match: another writer came first. Nothing was written.
var ErrStale = errors.New("check-and-set did not match: another writer came first")

// ErrNewerSchema is a record or job written by a newer program: put it back, change nothing.
var ErrNewerSchema = errors.New("written by a newer version of keyturn")

// Journals keeps one Record per credential. Its check-and-set is the mutex and the fence of every rotation. Safe for
// concurrent use; returns soon after ctx ends.
type Journals interface {
	// Load returns the newest record; a zero Record (Closed, version 0) if there is none.
	Load(ctx context.Context, cred *Credential) (Record, error)
	// Save writes rec if the newest version is cas, and returns the new version. ErrStale: nothing was written. Any
	// other error: it may or may not have been written. It never retries beneath the caller.
	Save(ctx context.Context, cred *Credential, rec Record, cas int) (int, error)
}

// Secrets is where consumers read. Safe for concurrent use; returns soon after ctx ends.
type Secrets interface {
	// Read returns what stands at place; an Entry with Version 0 if nothing ever did.
	Read(ctx context.Context, place Place) (Entry, error)
	// Password returns the password of an earlier version; a zero Value if it is gone.
	Password(ctx context.Context, place Place, version int) (secret.Value, error)
	// Write puts e, merged over e.Rest, if the newest version is e.Version. Errors as with Journals.Save.
	Write(ctx context.Context, place Place, e Entry) error
	// Fence puts what e was read as back unchanged, if the newest version is e.Version: a run that read that version
	// before can no longer write. Where nothing stood, it puts an entry without fields. Errors as with Journals.Save.
	Fence(ctx context.Context, place Place, e Entry) error
}

// Limiter spaces the calls of one account across all workers. Safe for concurrent use; returns soon after ctx ends.
type Limiter interface {
	// Take gets in line for n calls in a row, and returns when it is time to prepare the first. What is urgent is never
	// sent away because of a backlog. A *WaitError means that the turns are too far off to sleep for, or that the
	// limiter itself is away (it fails closed): nothing was taken.
	Take(ctx context.Context, account string, n int, urgent bool) (Turns, error)
	// Penalise makes everybody's Take of this account wait for d.
	Penalise(ctx context.Context, account string, d time.Duration) error
}

// Turns are calls that may be made, each at its instant. Not safe for concurrent use.
type Turns interface {
	// Await returns at the instant of the nth call, the first being 0: the call must follow at once. A turn that was
	// missed is made up for by another one, also for calls beyond those that were taken. It may be asked again about the
	// same call, if something came between. A *WaitError is as of Take.
	Await(ctx context.Context, nth int) error
}

// WaitError asks to come back later. It consumes no attempt.
type WaitError struct {
	After  time.Duration
	Reason string
}

func (e *WaitError) Error() string { return "wait " + e.After.String() + ": " + e.Reason }

// Reason is why a job was asked for.
type Reason string

// The reasons.
const (
	ReasonScheduled Reason = "scheduled"
	ReasonDemand    Reason = "on demand"
	ReasonResume    Reason = "resume"
	ReasonDrift     Reason = "drift"
	ReasonReplaced  Reason = "replaced" // a run was replaced after its call was sent: its late write may be live
	ReasonPolicy    Reason = "policy changed"
	ReasonRecheck   Reason = "recheck"
)

// repairs tells that keyturn itself asked, to mend what an earlier rotation left.
func (reason Reason) repairs() bool {
	switch reason {
	case ReasonDrift, ReasonReplaced, ReasonRecheck:
		return true
	default:
		return false
	}
}

// Agenda is what comes next for a credential. Nothing in it is needed for safety: all of it can be rebuilt from
// Vault, so an error never fails a rotation. Safe for concurrent use.
type Agenda interface {
	// Hold takes the credential for quiet, and mirrors its journal as open: if nothing more is heard by then, the
	// rotation is resumed. A *WaitError says that another run holds it; with force it is taken all the same. The hold
	// is no lock: it only saves work, the journal's check-and-set is the fence.
	Hold(ctx context.Context, cred *Credential, quiet time.Duration, force bool) error
	// Park gives the hold back and has an open journal resumed after d, unless its own job returns before. With a d of
	// 0 no journal was opened under this hold, and nothing is to be resumed on its account.
	Park(ctx context.Context, cred *Credential, d time.Duration) error
	// Settle notes that a rotation ended: the journal is no longer open, the hold is gone, the due time moves, the
	// event goes out. Duplicates are allowed.
	Settle(ctx context.Context, cred *Credential, end Ending) error
	// Ask enqueues a fresh rotation (slot: now), or for ReasonRecheck and ReasonReplaced a check, after a delay.
	Ask(ctx context.Context, cred *Credential, reason Reason, after time.Duration) error
	// Block opens the account's breaker: its management key was refused.
	Block(ctx context.Context, account string, cause *Error) error
}

// Ending is how a rotation ended.
type Ending struct {
	State      State // Closed or Quarantined
	Promoted   bool  // false: given up without a change
	RotationID string
	Slot       time.Time
	Reason     Reason
	// RequestedBy is who asked for it, for people; empty for what keyturn asked for itself.
	RequestedBy string
	RotatedAt   time.Time // of what stands in current now; zero if keyturn never wrote it
	Version     int       // of current after the promotion
	Attempt     int
	Verified    Verified
	Why         string // Quarantined: the reason
	RecheckAt   time.Time
	// Found: it ended in quarantine before this run, which was asked in vain, or whose predecessor died before it could settle.
	Found bool
}

// NoticeKind names what a notice is about. It is the label of a metric and the type of an event.
type NoticeKind string

// The kinds of notices.
const (
	NoticeUnverified    NoticeKind = "promoted_unverified"  // consumers read a password that no verifier has seen work
	NoticeVerifierAway  NoticeKind = "verifier_away"        // the provider accepted a password, and it is unknown whether it works
	NoticeRefusedRepair NoticeKind = "repair_refused"       // a repair did not help: a person has to look
	NoticeStaleRead     NoticeKind = "stale_read"           // Vault keeps answering with an earlier version
	NoticePathReset     NoticeKind = "path_reset"           // a secret's versions started again: deleted with its metadata, or restored
	NoticeDeleted       NoticeKind = "secret_deleted"       // consumers find no secret where keyturn wrote one
	NoticeNotRetired    NoticeKind = "identity_not_retired" // an identity that is of no use any more is still valid an hour after its time
	NoticeFull          NoticeKind = "identities_full"      // the provider makes no further identity, and none can be retired
	NoticeMissed        NoticeKind = "identity_missed"      // an identity was disabled, and is enabled again: a program still used it
)

// NoticeKinds are all kinds of notices.
var NoticeKinds = []NoticeKind{
	NoticeUnverified, NoticeVerifierAway, NoticeRefusedRepair, NoticeStaleRead, NoticePathReset, NoticeDeleted, NoticeNotRetired, NoticeFull,
	NoticeMissed,
}

// Notice is what a person or an alert should hear of, though the rotation goes on by itself. It holds no secret.
type Notice struct {
	Kind        NoticeKind
	RotationID  string // "" where it is about no rotation
	Reason      Reason // why the job was asked for
	RequestedBy string
	Detail      string
}

// Notices takes notices. Losing one changes nothing in a rotation. Safe for concurrent use; returns soon after ctx ends.
type Notices interface {
	Note(ctx context.Context, cred *Credential, n Notice) error
}

// Keys knows which management keys the processes call providers with. Safe for concurrent use.
type Keys interface {
	// Leave says that a key is about to be disabled, so that no process begins to call with it, and reports whether one may
	// still do so. What was missed before is forgotten.
	Leave(ctx context.Context, cred *Credential, id string) (used bool, err error)
	// Missed reports whether a call with a key was refused since Leave.
	Missed(ctx context.Context, cred *Credential, id string) (bool, error)
	// Stay takes Leave back.
	Stay(ctx context.Context, cred *Credential, id string) error
}

// Clock tells and passes time.
type Clock interface {
	Now() time.Time
	// Sleep returns early with ctx's error.
	Sleep(ctx context.Context, d time.Duration) error
}

// Observer sees the steps of a rotation, for metrics. It must return at once.
type Observer interface {
	// Called reports one provider call; err is nil when it was accepted.
	Called(cred *Credential, op string, err error, took time.Duration)
	// Verified reports one question to a verifier.
	Verified(cred *Credential, verdict Verdict, took time.Duration)
	// Exposed reports the time between the provider's acceptance and the promotion.
	Exposed(cred *Credential, took time.Duration)
	// LostGeneration reports an Issuer's password that was lost.
	LostGeneration(cred *Credential)
}
