package rotation

import (
	"context"
	"crypto/x509"
	"math"
	"net/http"
	"time"

	"keyturn/internal/policy"
	"keyturn/internal/secret"
)

// Setter is a provider that takes a password that we chose.
type Setter interface {
	// Set makes password the live one of target. A nil error means that the provider accepted it (propagation may
	// follow); every other error is an *Error. It sends at most one request, never retries, may be called from many
	// goroutines, and returns soon after ctx ends, as InDoubt if the request had been sent.
	Set(ctx context.Context, target string, password secret.Value) error
}

// Issuer is a provider that generates the password itself and shows it once.
type Issuer interface {
	// Issue makes the provider generate a new password. Each call that arrives makes another one, so nothing
	// beneath the state machine may repeat it. Errors, concurrency and cancellation as with Setter.Set. A password that
	// an answer shows comes with the error as well, whatever the answer says beside it: the answer has the only copy.
	Issue(ctx context.Context, target string) (Issued, error)
}

// Issued is what an Issuer made.
type Issued struct {
	Password secret.Value
	Synced   bool // false: generated, but the serving side may still accept the old one for a while
}

// Minter is a provider that holds several identities for one target at once, each with a secret of its own.
type Minter interface {
	// Mint makes another identity for target, under label. Each call that arrives makes another one, or is refused as Repeat
	// because that label is taken. Errors, concurrency and cancellation as with Issuer.Issue: a secret that an answer shows
	// comes with the error as well.
	Mint(ctx context.Context, target string, label Label) (Identity, error)
	// Identities names those of target that carry a label of owner; where owner is "", all of them, or all that keyturn can
	// have made. Turn and errors as with Lister.List.
	Identities(ctx context.Context, target, owner string, turn func(context.Context) error) ([]string, error)
	// Retire takes an identity away for good; one that is gone already is a success. It may send two requests, where a
	// provider wants an identity disabled before. Other errors, concurrency and cancellation as with Setter.Set.
	Retire(ctx context.Context, target, id string) error
}

// Disabler is a provider whose identities can be disabled and enabled again, so that one is missed before it is gone.
type Disabler interface {
	// Disable has an identity refused until it is enabled; one that is disabled already is a success. Errors, concurrency and
	// cancellation as with Setter.Set.
	Disable(ctx context.Context, target, id string) error
	// Enable undoes Disable. Errors, concurrency and cancellation as with Setter.Set.
	Enable(ctx context.Context, target, id string) error
	// Own reports whether an identity is the management key that the client calls with.
	Own(id string) bool
}

// Label tells an identity from those of others. A provider joins the two into a name.
type Label struct {
	Owner string // the same for all that a credential ever has; "" where a target is a credential's alone
	Part  string // another one for each call; of a-z, 0-9 and "-"
}

// Identity is what a Minter made.
type Identity struct {
	ID       string // what Retire takes and Identities names
	Username string // what a program logs in with
	Password secret.Value
	Synced   bool // as Issued.Synced
}

// ContactVerifier is a provider that mails a confirmation link to contact addresses. It rotates nothing.
type ContactVerifier interface {
	// VerifyContacts asks for a mail to each address, and answers with one result per address that the provider
	// named. An error means that the call as a whole failed.
	VerifyContacts(ctx context.Context, addresses []string) ([]ContactResult, error)
}

// ContactState is what became of one address.
type ContactState int

// The states of an address.
const (
	ContactSent     ContactState = iota + 1 // a mail is on its way
	ContactVerified                         // already mailed or verified
	ContactFailed                           // see Code
)

func (s ContactState) String() string {
	return [...]string{"unknown", "sent", "mailed or verified before", "failed"}[s]
}

// ContactResult is the outcome for one address.
type ContactResult struct {
	Address  string
	State    ContactState
	Code     string // the provider's code where State is ContactFailed
	NotToday bool   // the address's quota is spent: wait a day
}

// Lister is a provider that can name the credentials that it holds.
type Lister interface {
	// List names the credentials of a domain, in the provider's order. It may take several calls: it calls turn before
	// each of them, and an error of turn ends it. Other errors, concurrency and cancellation as with Setter.Set, but
	// nothing changes at the provider.
	List(ctx context.Context, domain string, turn func(context.Context) error) ([]Listed, error)
}

// Listed is one credential that a Lister names.
type Listed struct {
	Target   string // as configuration spells it
	Username string // of an SMTP login
}

// Verdict is what a verifier found out about a password.
type Verdict int

const (
	// Unknown: could not ask (network, 4xx, quota). The zero value, because a verdict that was not given is none.
	Unknown Verdict = iota
	// Works: the password logs in.
	Works
	// Refused: the server says that the password is wrong, and is known to let right ones in.
	Refused
	// Unbelieved: the server says that the password is wrong, but was not seen to let any password in lately: it may
	// refuse everybody. It moves nothing; a login that works at the same server turns it into a refusal.
	Unbelieved
)

func (v Verdict) String() string {
	return [...]string{"could not ask", "works", "refused", "refused by a server that has not accepted a login lately"}[v]
}

// Verifier asks whether a password is live. It never changes anything.
type Verifier interface {
	// Verify asks once, without retrying, about the password of login: the name that a program logs in with, or the
	// target where the provider itself is asked. An error explains Unknown or Unbelieved (and only these); it is never
	// a secret.
	Verify(ctx context.Context, login string, password secret.Value) (Verdict, error)
}

// Reserver is a Verifier whose server bears only so many questions.
type Reserver interface {
	// Reserve books the next n questions about login, so that they need not wait. A *WaitError says when to come back;
	// nothing was booked then. What is booked and not asked is given back by time.
	Reserve(ctx context.Context, login string, n int, urgency Urgency) error
}

// Timed is a Verifier that may take longer than a call to a provider.
type Timed interface {
	// Timeout is the longest that a question takes, its wait for a place included.
	Timeout() time.Duration
}

// Urgency is who goes first where questions are scarce.
type Urgency int

// The urgencies, the lowest first.
const (
	Routine  Urgency = iota // a periodic check
	Rotation                // a rotation that has sent nothing yet
	Resumed                 // a password may be live that consumers do not have
)

// Mode is how a provider changes passwords.
type Mode int

// The modes.
const (
	ModeSetter   Mode = iota + 1 // takes a password we chose
	ModeIssuer                   // makes the password itself
	ModeContacts                 // verifies contacts, rotates nothing
	ModeMinter                   // changes no password: it makes another identity with one of its own
)

func (m Mode) String() string { return [...]string{"", "setter", "issuer", "contacts", "minter"}[m] }

// Provider describes one provider: everything that configuration, registry and docs need to know about it. Each
// provider package exports one as Provider; internal/providers lists them.
type Provider struct {
	Code string // "tencent-ses"
	Name string // "Tencent SES"
	Call string // "UpdateEmailSmtpPassWord"
	Doc  string // address of the provider's own page
	Mode Mode
	Keys []string // names of the management keys that an account must give, in order
	// Regions are the values that an account's region may have, the default first; empty where there are none.
	Regions []string
	// Endpoint is the base URL for a region; an account's endpoint overrides it.
	Endpoint func(region string) string
	Rate     Rate // default request rate of one account
	// QuotaPer is the length of the window that X-RateLimit-Limit and -Remaining speak of in the replies; 0 where the
	// provider documents no such headers.
	QuotaPer time.Duration
	Rule     policy.Rule // the password rule; zero unless ModeSetter
	Errors   []ErrorRow  // the error table, for classification, tests and docs
	// CheckTarget returns the canonical spelling of a target, so that two spellings of one target compare equal,
	// or an error that says what a target looks like.
	CheckTarget func(target string) (string, error)
	New         func(Settings) (Client, error)
	// ReadBack says that clients can check a password at the provider itself: Client.ReadBack is set.
	ReadBack bool
	// Lists says that clients can name the credentials of a domain: Client.Lister is set.
	Lists bool
	// Pairs says that two targets can take turns: a program may log in with either. Not so where a target's password opens
	// nothing but that target.
	Pairs bool
	// Overlaps is what targets and labels look like where several identities of one target can be valid at once:
	// Client.Minter is set then. Nil: they cannot.
	Overlaps *Overlapping
	// SendsAs says that the login is also what mail is sent from, so that a program which takes turns changes its sender.
	SendsAs bool
	// SMTPUsername says that the user name of an SMTP login cannot be told from the target: configuration must give it.
	SMTPUsername bool
	// SMTP is where a password of a region logs in, Address and TLS alone; nil where the provider does not say. An account
	// that does not say how it is verified is verified there.
	SMTP func(region string) SMTP
	// NoLogin says that what the provider makes logs in to no mail server, so that none is asked whether it works.
	NoLogin bool
	// Description identifies the file that describes the provider, so that another text is another provider; "" where it is
	// written in Go.
	Description string
}

// Overlapping describes how a provider holds identities.
type Overlapping struct {
	// CheckTarget is as Provider.CheckTarget, for a credential whose identities follow each other.
	CheckTarget func(target string) (string, error)
	// CheckOwner says what is wrong with the part of a label that all identities of a credential have; nil where identities
	// carry no label, so that the target has to be the credential's alone.
	CheckOwner func(owner string) error
	// Disables says that clients can disable an identity and enable it again: Client.Disabler is set.
	Disables bool
	// Keys says that an identity is a pair of management keys: its id, which is also its user name, and its password.
	Keys bool
}

// ErrorRow maps one error code of a provider to a kind.
type ErrorRow struct {
	Code   string // exact, or a prefix that ends in '*'; a provider may define its own pattern language
	Kind   Kind
	Status int    // HTTP status the provider documents, 0 if none
	Hint   string // what it means and what to do, in our words
}

// Rate is so many requests in a window of time.
type Rate struct {
	Requests int
	Per      time.Duration
}

// CallsIn is how many calls keep to all of the rates in d, in the long run; infinitely many where there are none.
func CallsIn(rates []Rate, d time.Duration) float64 {
	calls := math.Inf(1)
	for _, r := range rates {
		calls = min(calls, float64(r.Requests)*d.Seconds()/r.Per.Seconds())
	}
	return calls
}

// Settings is what a provider client is made from.
type Settings struct {
	Endpoint string                  // base URL, never empty
	Region   string                  // one of Provider.Regions, or ""
	Keys     map[string]secret.Value // by the names of Provider.Keys
	Timeout  time.Duration           // hard limit of one call, connection included
	CA       *x509.CertPool          // who certifies the endpoint; nil means the system's roots
	// Transport is the way out; nil means the default of internal/httpx. Tests and proxies replace it.
	Transport http.RoundTripper
}

// Client is what a provider can do; fields it cannot fill stay nil.
type Client struct {
	Setter   Setter
	Issuer   Issuer
	Minter   Minter
	Disabler Disabler // of a Minter that can
	Contacts ContactVerifier
	ReadBack Verifier // the provider's own way to check a password
	Lister   Lister
}
