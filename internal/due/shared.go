package due

import (
	"context"
	"time"

	"keyturn/internal/rotation"
)

// Shared is what all schedulers have in common. *Index keeps it in Redis, and package duetest in memory, for simulations;
// both pass duetest.Conform. Whatever is kept may be lost at any time. Every method is safe for concurrent use, returns
// soon after its context ends, and fails without having changed anything or with what it did unknown.
type Shared interface {
	Claims
	Mirror
	Leases
	Peers
	Points
}

// Claims hands out what is due. Instants are by the clock that all share, in whole milliseconds.
type Claims interface {
	// Glance looks at the accounts, and answers in their order. Some may answer and others not.
	Glance(ctx context.Context, accounts []string) (now time.Time, found []Glance, err error)
	// Claim takes up to n credentials of an account that are due, the longest overdue first, and puts each off by push:
	// who claims it and dies before it is enqueued loses nothing but that time. What is claimed again keeps its slot,
	// unless that is yet to come.
	Claim(ctx context.Context, account string, n int, push time.Duration) ([]Due, error)
	// ClaimOpen takes up to n credentials that a run held and that no run has touched for long enough, in the same way.
	// Slot is what was claimed of them and has not ended, so that a run that died before it opened a journal is made up
	// for too; zero if nothing was.
	ClaimOpen(ctx context.Context, account string, n int, push time.Duration) ([]Due, error)
	// Move gives back what was claimed and is not to be enqueued now, so that it need not wait for its push to end. What
	// has ended since stays as it is.
	Move(ctx context.Context, account string, claims []Moved) error
}

// Mirror says what stands in Vault.
type Mirror interface {
	// Look returns the standing of each of creds, in their order.
	Look(ctx context.Context, creds []*rotation.Credential) ([]Standing, error)
	// Add brings findings in where nothing is said yet: what stands there is newer than what was read. What stands in quarantine it does
	// not schedule.
	Add(ctx context.Context, found []Finding) error
	// Replace makes the index say what was found. Where something newer is overwritten, the next run finds its slot
	// served and sets it right.
	Replace(ctx context.Context, found []Finding) error
	// Remove forgets credentials that the configuration no longer has. Their journals and secrets stay in Vault.
	Remove(ctx context.Context, account string, ids ...string) error
	// Members goes over all ids of an account, some at a time. An id may come several times, and one that is added or
	// removed meanwhile may or may not come. It ends with the first error of each.
	Members(ctx context.Context, account string, each func(ids []string) error) error
}

// Finding is what the index is to say of one credential.
type Finding struct {
	Cred   *rotation.Credential
	Due    time.Time // zero: waits for a person
	Resume time.Time // zero: no journal is open
	Pull   bool      // the index would resume the journal far too late
	Stuck  bool      // in quarantine
	Why    string    // where it is stuck, shortened
	// Retires is when the first of its identities that wait is retired; zero: none waits.
	Retires time.Time
	Doubted bool  // its open journal is in doubt
	Shown   Shown // not known where current was not read
}

// Lease names what one scheduler does at a time: building the part of an account, or, where there is none, sweeping.
type Lease struct{ Account string }

// Leases keep several schedulers from doing the same work. They only save work.
type Leases interface {
	// TakeLease takes a lease for d unless it is held.
	TakeLease(ctx context.Context, what Lease, token string, d time.Duration) (taken bool, err error)
	// KeepLease holds it for d more. False: it is lost.
	KeepLease(ctx context.Context, what Lease, token string, d time.Duration) (kept bool, err error)
	// ReleaseLease gives it back. If it was still held, built marks the account's part of the index as built in the same
	// step.
	ReleaseLease(ctx context.Context, what Lease, token string, built bool) (held bool, err error)
	// Built reports whether an account's part of the index was built and has not been lost since.
	Built(ctx context.Context, account string) (bool, error)
}

// Peers is who schedules, with which configuration. An entry lapses PeerTime after it was announced last.
type Peers interface {
	// Announce puts an entry in the place of a former one, and returns all entries.
	Announce(ctx context.Context, entry, former string) (all []string, err error)
	// Announced returns all entries.
	Announced(ctx context.Context) (all []string, err error)
	// Leave takes an entry back.
	Leave(ctx context.Context, entry string) error
}

// Points remembers for which points of time recurring jobs were enqueued.
type Points interface {
	// Now is the time by the clock that all share.
	Now(ctx context.Context) (time.Time, error)
	// Mark notes a point of a subject, and reports whether neither it nor a later one was noted within memory.
	Mark(ctx context.Context, kind string, subject *rotation.Credential, point time.Time, memory time.Duration) (ours bool, err error)
	// Unmark forgets the last point.
	Unmark(ctx context.Context, kind string, subject *rotation.Credential) error
}

var _ Shared = (*Index)(nil)
