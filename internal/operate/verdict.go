package operate

import "time"

// Outcome is what became of a request about one credential.
type Outcome string

// The outcomes.
const (
	Asked     Outcome = "asked"       // it is in the queue
	Open      Outcome = "open"        // it has not ended; it goes on by itself
	Rotated   Outcome = "rotated"     // consumers read a new password
	Served    Outcome = "served"      // another request's rotation served it, or Redis's clock went back
	Works     Outcome = "works"       // the verifier says that the password works
	Wrong     Outcome = "refused"     // the verifier says that it does not: a rotation was asked for
	Unchecked Outcome = "not checked" // no verifier was asked
	Stopped   Outcome = "quarantined" // it needs a person
	Failed    Outcome = "failed"      // it ended without any of these
	Released  Outcome = "released"    // it is out of quarantine
	Abandoned Outcome = "abandoned"   // its journal is closed, and its candidates are forgotten
	Adopted   Outcome = "stored in Vault"
	Retired   Outcome = "retired" // the identities whose time has come are gone
	Held      Outcome = "held"    // those that wait stay for another grace
	Froze     Outcome = "frozen"  // scheduled rotations of the scope wait
	Unfroze   Outcome = "thawed"  // they go on
	Dead      Outcome = "dead"    // a leaked password does not log in any more
	Alive     Outcome = "alive"   // a leaked password still logs in
)

// Verdict is what is known of a request about one credential.
type Verdict struct {
	Credential string     `json:"credential"`
	Asked      time.Time  `json:"asked_at"` // by Redis's clock
	Outcome    Outcome    `json:"outcome"`
	Why        string     `json:"why,omitempty"`
	Until      *time.Time `json:"until,omitempty"` // Open: when it goes on; Alive: until when it is
	// Seconds from the request to its end; 0 where it has not ended.
	Seconds float64 `json:"seconds,omitempty"`
}

// Ended tells whether nothing more will become of the request.
func (v Verdict) Ended() bool { return v.Outcome != Asked && v.Outcome != Open }

// Good tells whether what was asked for happened.
func (v Verdict) Good() bool {
	switch v.Outcome {
	case Rotated, Served, Works, Released, Abandoned, Adopted, Retired, Held, Froze, Unfroze, Dead:
		return true
	case Asked, Open, Alive, Wrong, Unchecked, Stopped, Failed:
	}
	return false
}

// Took is Seconds as a duration.
func (v Verdict) Took() time.Duration {
	return time.Duration(v.Seconds * float64(time.Second)).Round(time.Millisecond)
}
