package rotation

import (
	"cmp"
	"time"

	"keyturn/internal/policy"
	"keyturn/internal/schedule"
)

// Credential is the thing that is rotated: one target at one account, or a pair of them, with a policy and a place in
// Vault. There may be a million of them, so what many share is behind a pointer; none of it changes after the configuration
// is read.
type Credential struct {
	ID       string // unique, [a-z0-9] and "._-@", 1 to 128 characters
	Account  string // name of the account in the configuration
	Target   string // canonical, as Provider.CheckTarget returns it
	Place    Place  // where consumers read it
	Username string // written beside the password; "" leaves what stands there
	First    First
	Policy   *policy.Policy // nil for an Issuer, which makes passwords by its own rule
	Schedule *schedule.Schedule
	Verify   *Verification // never nil
	Pair     *Pair         // two targets that take turns; else nil
	Overlap  *Overlap      // identities that follow each other; else nil. Without either, a password is replaced
}

// Login is the name that a program logs in with; of a pair, the first.
func (c *Credential) Login() string {
	return cmp.Or(c.Verify.SMTP.Username, c.Username, c.Target)
}

// Strategy is what a rotation of the credential changes.
func (c *Credential) Strategy() Strategy {
	switch {
	case c.Pair != nil:
		return StrategyPair
	case c.Overlap != nil:
		return StrategyOverlap
	default:
		return StrategyReplace
	}
}

// Calls is how many calls of its account a rotation takes if all goes well.
func (c *Credential) Calls() int {
	switch {
	case c.Overlap != nil && c.Overlap.Disables:
		return 5 // it lists and disables one more often
	case c.Overlap != nil:
		return 3 // it makes an identity, retires one, and lists them now and then
	case c.Verify.Mode == VerifyProvider:
		return 2 // the read-back is one too
	default:
		return 1
	}
}

// Place is a KV v2 secret in one of the configured Vault stores.
type Place struct {
	Store string // name under vault.stores
	Path  string // below the store's mount, without "data/"
}

// First says what becomes of a credential that keyturn has never rotated.
type First int

const (
	// FirstManual waits for a person, because consumers must read from Vault before their password changes.
	FirstManual First = iota
	// FirstNow rotates at first sight.
	FirstNow
	// FirstScheduled rotates at a time spread over one full period.
	FirstScheduled
)

// String returns the name that a configuration gives it.
func (f First) String() string { return [...]string{"manual", "now", "scheduled"}[f] }

// VerifyMode says who is asked whether a password works.
type VerifyMode int

// The modes of verification.
const (
	VerifyOff      VerifyMode = iota // not at all; current is marked so
	VerifySMTP                       // an SMTP server, by AUTH
	VerifyProvider                   // the provider's own read-back
)

// Verification is how a credential's password is checked.
type Verification struct {
	Mode VerifyMode
	// Propagation is how long an accepted password may take until it works everywhere.
	Propagation time.Duration
	SMTP        SMTP // with VerifySMTP
}

// SMTP is a submission server and how to log in there.
type SMTP struct {
	Address   string        // host:port
	TLS       string        // "implicit" or "starttls"; there is no third
	CAFile    string        // PEM; "" means the system's roots
	Mechanism string        // "plain" or "login"; "" means what the server offers, PLAIN first
	Username  string        // "" means Credential.Username, else the target
	EHLO      string        // what the client calls itself; "" means the address of its end of the connection
	Timeout   time.Duration // of one login, connection included; never 0
	Rate      Rate          // how many questions the server bears, of all credentials together; never zero
}
