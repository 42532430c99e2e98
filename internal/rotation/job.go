package rotation

import "time"

// Job is one wish to rotate or check a credential.
type Job struct {
	// Slot is the instant for which the job was asked, by Redis's clock. Current's slot at or after it means that
	// the wish is granted. Zero (a resume) is granted by any promotion.
	Slot        time.Time
	Reason      Reason
	RequestedBy string // for people
	// Force rotates a pair within its grace, or ends the grace of an overlap's identities: programs that cached the password
	// before lose it.
	Force bool
}

// Status is how a run left its job.
type Status int

// The ways a run ends.
const (
	// Done: rotated, or nothing was left to do.
	Done Status = iota + 1
	// Waiting: come back after Result.After; consumes no attempt.
	Waiting
	// Failed: come back with a growing delay, or after Result.After where that is longer; consumes an attempt.
	Failed
	// Replaced: another run took over. It finishes the rotation; come back to see whether it served this slot.
	Replaced
	// Ended: the credential is in quarantine; nothing more happens until a person releases it.
	Ended
	// Unresolved: a check did not find out, or found what a repair does not mend. It is not tried again by itself; the next
	// periodic check is.
	Unresolved
)

var statusNames = [...]string{"", "done", "waiting", "failed", "replaced", "quarantined", "unresolved"}

func (s Status) String() string { return statusNames[s] }

// Retirement is what waits to be retired of the identities of an overlap.
type Retirement struct {
	First time.Time // when the first of them is retired; zero: none waits
}

// Result is what a run says to its queue.
type Result struct {
	Status     Status
	Rotated    bool          // Done: this run promoted a new password
	RotationID string        // of the journal as the run left or found it; "" if it did not come to one
	After      time.Duration // Waiting, Failed
	Retiring   *Retirement   // what waits to be retired, as the run left it; nil where it does not know
	Err        error         // the cause where Status is neither Done nor Replaced; free of secrets
}
