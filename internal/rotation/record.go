package rotation

import (
	"slices"
	"time"

	"keyturn/internal/secret"
)

// Schema is the version of the journal record that this program writes and the newest that it reads. Version 2 added the
// base's password, account, mode and who asked, and to a closed record the place and version of current and the repairs.
// Version 3 added the strategy, the base's target and login, the fields of the target, the time of quiet, and to a closed
// record the target. Version 4 added identities: the base's, the candidates', those that wait to be retired and those that
// a person keeps. Version 5 added how far a retirement has come.
const Schema = 5

// lowest is the first version that can say what r says, so that a roll-out can be taken back.
func (r *Record) lowest() int {
	if slices.ContainsFunc(r.Identities.Retire, func(w Retiring) bool { return w.mayBeOff() }) {
		return Schema
	}
	return Schema - 1
}

// State is the state of a journal record.
type State int

// The states of a journal. A credential that was never rotated has a zero Record: closed at version 0.
const (
	Closed State = iota
	Open
	Quarantined
)

// Record is the journal of one credential: the staging record of its open rotation, or what is left of the last one.
type Record struct {
	Version int // KV version it was read at, 0 if there is none; not part of the stored data

	Schema     int
	State      State
	RotationID string
	Slot       time.Time // the instant for which the job was asked
	Reason     Reason
	// RequestedBy is who asked for it, for people; empty for what keyturn asked for itself.
	RequestedBy string
	Attempt     int    // claims so far: 1 is the run that opened it
	Owner       string // who claimed it last, for people
	OpenedAt    time.Time
	TouchedAt   time.Time

	// Account, Mode, Target, Username, Login and Place as they were when the rotation was opened: it finishes against
	// these. A closed record keeps Account, Target and Place.
	Account     string
	Mode        Mode
	Strategy    Strategy
	Target      string
	Username    string            // written beside the password; "" leaves what stands there
	Fields      map[string]string // of a pair: written with them; never changed
	Login       string            // what the verifier logs in as
	Place       Place
	BaseVersion int // KV version of current when the rotation was opened
	// BasePassword is what consumers read when the rotation was opened, so that no comparison depends on how many
	// versions the mount keeps; zero if there was none.
	BasePassword secret.Value
	// BaseTarget and BaseLogin are whose password that is, where it is the other one of a pair; else "".
	BaseTarget, BaseLogin string
	Policy                string // fingerprint of the policy's contents

	// Identities is what an overlap knows of its identities; zero with any other strategy that followed none.
	Identities Identities

	Candidates []Candidate // appended to, never removed from
	Doubted    bool        // some send of this rotation had an unknown outcome
	// QuietAt is, while a pair's rotation waits for it, when no late call of an earlier run can arrive any more.
	QuietAt time.Time
	// LostGenerations counts an Issuer's calls that may have made a password that was lost.
	LostGenerations int

	Why   string    // Quarantined: the reason, for people
	Since time.Time // Quarantined: since when
	// RecheckAt asks for one more look at a closed rotation that a late send may have overtaken; zero means none. An
	// open record carries the one of the rotation before it.
	RecheckAt time.Time
	// CurrentVersion is, in a closed record, the newest KV version of current that keyturn knew of at Place: a read
	// below it is stale, or the path was reset.
	CurrentVersion int
	Repairs        int       // rotations in a row that keyturn asked for itself, to mend what an earlier one left
	RaisedAt       time.Time // closed: when a person was told that repairs do not help
	LastError      *Refusal  // the last answer of the provider that was not a plain success
}

// Refusal is what is kept of a provider's answer: never a text of theirs.
type Refusal struct {
	Kind      string
	Code      string
	RequestID string
	At        time.Time
}

// CandidateState says how far a candidate got.
type CandidateState int

const (
	// Staged: journalled; a Setter's call may or may not have been sent.
	Staged CandidateState = iota + 1
	// Doubtful: sent at least once with an unknown outcome.
	Doubtful
	// Accepted: the provider said yes (Setter), or made this value (Issuer).
	Accepted
	// Intent: an Issuer's call is about to be sent; no value yet.
	Intent
	// Dead: an Issuer's call that provably made nothing.
	Dead
	// Refused: a Setter's candidate that the provider refused by rule. It stays: a refusal proves nothing about
	// earlier sends.
	RefusedByRule
)

// Candidate is a password that may or may not be live. An Issuer has two entries for one number: the intent before
// the call and the value after it, in the order in which they reached the journal.
type Candidate struct {
	Number int // from 1
	Value  secret.Value
	ID     string // of the identity whose password it is; "" but for a Minter's
	Login  string // of that identity
	State  CandidateState
	Synced bool // an Issuer's remote_synced
	Sends  int  // how often it was accepted and yet did not verify in time
	Denied bool // the verifier has refused it since it was accepted last
	At     time.Time
}

// open reports an intent that may have made a password which is not here.
func (c *Candidate) open() bool { return c.Value.IsZero() && c.State != Dead }

// anyAccepted reports that the provider took or made one of the candidates.
func (r *Record) anyAccepted() bool {
	return slices.ContainsFunc(r.Candidates, func(c Candidate) bool { return c.State == Accepted })
}

// mode is who makes the passwords of this rotation. Records of schema 1 do not say so: there only an Issuer's has a
// candidate without a value.
func (r *Record) mode() Mode {
	if r.Mode != 0 {
		return r.Mode
	}
	for _, c := range r.Candidates {
		if c.State == Intent || c.State == Dead {
			return ModeIssuer
		}
	}
	return ModeSetter
}

// sends is how often candidates were accepted and yet did not verify in time.
func (r *Record) sends() (n int) {
	for _, c := range r.Candidates {
		n += c.Sends
	}
	return n
}

// Last returns the newest candidate, which is the one that is sent; nil if there is none.
func (r *Record) Last() *Candidate {
	if len(r.Candidates) == 0 {
		return nil
	}
	return &r.Candidates[len(r.Candidates)-1]
}

// nextNumber returns a number that no candidate has had.
func (r *Record) nextNumber() int {
	next := 1
	for _, c := range r.Candidates {
		next = max(next, c.Number+1)
	}
	return next
}

// clone copies r so that a failed save leaves the original as the store has it.
func (r *Record) clone() Record {
	c := *r
	c.Candidates, c.Identities.Retire = slices.Clone(r.Candidates), slices.Clone(r.Identities.Retire)
	return c
}

// Entry is what stands at a credential's place: what consumers read.
type Entry struct {
	Version   int       // newest KV version, deleted or not; 0 if there never was one
	CreatedAt time.Time // created_time of that version
	Deleted   bool

	Target   string // the one of a pair that this is about; "" if keyturn wrote it for a single target, or not at all
	ID       string // of a Minter's identity; else ""
	Username string
	Password secret.Value
	Fields   map[string]string // of a pair's target, to be written beside it; a read leaves them out

	RotationID     string // "" if keyturn did not write it
	Candidate      int
	Slot           time.Time
	RotatedAt      time.Time
	JournalVersion int
	Verified       Verified

	// Rest carries the user's own fields from a read to the write that keeps them; it belongs to the store.
	Rest any
}

// maxSkew is more than clocks of machines that are looked after differ.
const maxSkew = time.Hour

// Serves reports whether e grants a wish for slot (P-served). What lies in the future, or was written by a clock that was far
// ahead of Vault's, is not believed: it would make every wish look served until then.
func (e *Entry) Serves(slot, now time.Time) bool {
	ahead := !e.CreatedAt.IsZero() && e.Slot.Sub(e.CreatedAt) > maxSkew
	return !ahead && !e.Slot.After(now) && !slot.After(e.Slot)
}

// rotatedAt is RotatedAt; where the clock that wrote it was far ahead of Vault's, when Vault took it.
func (e *Entry) rotatedAt() time.Time {
	if !e.CreatedAt.IsZero() && e.RotatedAt.Sub(e.CreatedAt) > maxSkew {
		return e.CreatedAt
	}
	return e.RotatedAt
}

// Verified says how far the promoted password was proven.
type Verified string

// The values of Verified, as they stand in Vault.
const (
	VerifiedYes Verified = "yes"        // it logged in before it was promoted
	VerifiedNo  Verified = "unverified" // a verifier is set and could not confirm it in time
	VerifiedOff Verified = "off"        // no verifier is configured
)
