package smtpauth

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// Ledger is what all workers together know of one server. Safe for concurrent use; returns soon after ctx ends.
type Ledger interface {
	// Book books the next n questions about a login, those that it has included, and returns how many are booked. A
	// *rotation.WaitError says that none is, and when to try again.
	Book(ctx context.Context, login string, n int, urgency rotation.Urgency) (int, error)
	// Answer notes what became of a booked question, and says whether a refusal counts.
	Answer(ctx context.Context, a Answer) (Judgement, error)
	// Inquired notes an inquiry in which no login worked; refused says that logins were refused that had worked. first
	// is true for the first report of a server that refuses all logins, once until a login works again.
	Inquired(ctx context.Context, refused bool) (first bool, err error)
	// Strike counts a refusal if no other login is known, and says whether there have been enough.
	Strike(ctx context.Context, login string) (believed bool, err error)
	// Forget removes a witness that no longer exists.
	Forget(ctx context.Context, id string) error
}

// Answer is what became of a question.
type Answer struct {
	Login   string
	ID      string // of the credential
	Verdict rotation.Verdict
	Trouble Trouble // where the verdict is rotation.Unknown
	Took    time.Duration
	Routine bool // no rotation waits for it: a refusal must be backed by a login that worked meanwhile
}

// Trouble is what a question without an answer says about the server.
type Trouble int

// The troubles.
const (
	NoTrouble Trouble = iota
	Busy              // it asks for a pause, or refuses this machine
	Away              // it was not reached
)

// Standing is what an answer means.
type Standing int

// The standings. All but Recovered are about a refusal.
const (
	Nothing   Standing = iota
	Believed           // the server accepts other logins
	Doubted            // logins that worked are refused too
	Inquiring          // an inquiry is under way
	Ask                // the credentials named are to be asked
	Lone               // no other login is known
	Recovered          // a login works, after a time when none did
)

// Judgement is what a Ledger says to an answer.
type Judgement struct {
	Standing  Standing
	Recent    bool          // a login worked within ten minutes, and none but this one was refused since
	Pause     time.Duration // no login may be tried for so long
	Witnesses []string      // with Ask and Lone: credentials that logged in, newest first, with the asking one last
}

// Witness returns a credential's login and its password in Vault, so that they vouch for its server. ErrNoWitness means
// that the server no longer has the credential.
type Witness func(ctx context.Context, id string) (login string, password secret.Value, err error)

// ErrNoWitness is a credential that cannot vouch for a server.
var ErrNoWitness = errors.New("the credential does not log in at this server")

// troubleOf says what a probe's error means for all logins at the server. A wrong certificate or a missing mechanism
// means nothing: the next probe gets the same answer.
func troubleOf(ctx context.Context, err error) Trouble {
	var answered unexpected
	var failed *probeError
	var network net.Error
	switch {
	case err == nil, ctx.Err() != nil, !errors.As(err, &failed):
		return NoTrouble
	case errors.As(err, &answered):
		return troubleIn(failed.step, answered.code)
	case failed.step == stepConnect, errors.Is(err, context.DeadlineExceeded), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), failed.step != stepTLS && errors.As(err, &network):
		return Away
	}
	return NoTrouble
}

// passwordTransition is about the account, not about the server.
const passwordTransition = 432

func troubleIn(step string, code int) Trouble {
	switch {
	case code == passwordTransition:
		return NoTrouble
	case code < 500, code == 521, code == 554: // later, or never: 421, 450, 454; no mail service here; a block
		return Busy
	case step == stepGreeting, step == stepGreet:
		return Busy
	}
	return NoTrouble
}
