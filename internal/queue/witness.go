package queue

import (
	"time"

	"keyturn/internal/rotation"
)

// Witness is a rotation.Observer that lets a breaker hear what providers answer: checks and rotations that end without a
// new password show that the key works too.
type Witness struct {
	rotation.Observer
	Breaker *Breaker
}

// Called implements rotation.Observer.
func (w Witness) Called(cred *rotation.Credential, op string, err error, took time.Duration) {
	w.Breaker.Heard(cred.Account, err)
	w.Observer.Called(cred, op, err, took)
}

// Verified implements rotation.Observer. Only a provider's own read-back is a call with its key.
func (w Witness) Verified(cred *rotation.Credential, verdict rotation.Verdict, took time.Duration) {
	if cred.Verify.Mode == rotation.VerifyProvider && verdict != rotation.Unknown {
		w.Breaker.Heard(cred.Account, nil)
	}
	w.Observer.Verified(cred, verdict, took)
}
