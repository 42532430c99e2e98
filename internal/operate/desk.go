package operate

import (
	"context"
	"iter"
	"sync"
	"time"

	"keyturn/internal/config"
	"keyturn/internal/due"
	"keyturn/internal/freeze"
	"keyturn/internal/outbox"
	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

// Desk answers requests about one configuration. Its ports may be nil where no request needs them. Safe for concurrent
// use.
type Desk struct {
	Fleet         Fleet
	Accounts      map[string]*config.Account
	Verifications []config.Verification
	Timing        config.Timing
	Configured    freeze.Set // freezes that the configuration has

	Clock     rotation.Clock // Redis's, wherever Redis can be asked: it is held against what other machines wrote
	Truth     Truth          // nil where this process has no rights in Vault
	Queue     Queue
	Index     Index
	Mirror    Mirror
	Chronicle Chronicle
	Breakers  Breakers
	Pauses    Pauses
	Outbox    Outbox
	Teller    Teller
	ToldOf    func(*rotation.Credential) []outbox.Place // where what happens to a credential is told
	Acts      Acts
	Adopter   Adopter // nil where this process has no rights in Vault
	Prover    Prover  // nil where this process has no rights in Vault
	Freezes   Freezes // nil where this process has no rights in Vault
	Orders    Orders
	Calendar  Calendar
	Notes     Notes
	History   History // nil where this process has no rights in Vault
	Providers Providers
	Away      error // why Redis is not asked, where Index and Breakers are nil

	sizes func() map[string]size // of each account
}

// Fleet are the credentials of the configuration.
type Fleet interface {
	Credential(id string) (*rotation.Credential, bool)
	Credentials() iter.Seq[*rotation.Credential]
	Marks(cred *rotation.Credential) *rotation.Marks // nil if there are none
}

// For is a desk for a configuration, without clock and ports: it knows what the configuration has.
func For(cfg *config.Config) *Desk {
	return &Desk{
		Fleet: cfg, Accounts: cfg.Accounts, Verifications: cfg.Verifications, Timing: cfg.Timing, Configured: cfg.Freezes, sizes: sync.OnceValue(func() map[string]size {
			sizes := make(map[string]size, len(cfg.Accounts))
			for cred := range cfg.Credentials() {
				s := sizes[cred.Account]
				sizes[cred.Account] = size{s.credentials + 1, s.calls + cred.Calls()}
			}
			return sizes
		}),
	}
}

// Truth is Vault, which is only read here. Safe for concurrent use; returns soon after ctx ends.
type Truth interface {
	Load(ctx context.Context, cred *rotation.Credential) (rotation.Record, error)
	Read(ctx context.Context, place rotation.Place) (rotation.Entry, error)
}

// Demands ask for jobs. Safe for concurrent use; returns soon after ctx ends.
type Demands interface {
	// Demand asks for a job at once and returns its slot. Of job, RequestedBy and Force count.
	Demand(ctx context.Context, account string, kind queue.Kind, id string, job rotation.Job) (time.Time, error)
	// DemandLater asks for a job after a delay. Its slot is when it is due: no rotation that was asked for before serves it.
	DemandLater(ctx context.Context, account string, kind queue.Kind, id string, job rotation.Job, after time.Duration) (time.Time, error)
}

// Queue takes jobs and tells what became of them. Safe for concurrent use; returns soon after ctx ends.
type Queue interface {
	Demands
	// Now is the time by Redis's clock.
	Now(ctx context.Context) (time.Time, error)
	// Outcomes are those of the newest demands of creds, in their order.
	Outcomes(ctx context.Context, kind queue.Kind, creds []*rotation.Credential) ([]queue.Outcome, error)
	// Depths are those of the accounts' queues.
	Depths(ctx context.Context, accounts ...string) ([]queue.Depth, error)
	// Unpause lifts a person's pause of an account's queues, and has the jobs that sleep there run now. It returns how many.
	Unpause(ctx context.Context, account string) (int, error)
}

// Index is what Redis mirrors. Safe for concurrent use; returns soon after ctx ends.
type Index interface {
	Look(ctx context.Context, creds []*rotation.Credential) ([]due.Standing, error)
	Counts(ctx context.Context, accounts ...string) ([]due.Count, error)
	Checks(ctx context.Context, creds []*rotation.Credential) ([]due.Check, error)
	// Events are those after the entry with an id, at most n, as soon as there is one or the time is over.
	Events(ctx context.Context, after string, n int64, block time.Duration) ([]due.Event, error)
	// NoteSearch notes who looked for the credential of a leaked password.
	NoteSearch(ctx context.Context, by string) error
}

// Timetable is when what is scheduled falls due.
type Timetable interface {
	// Ahead counts what is due on each of so many days.
	Ahead(ctx context.Context, from time.Time, days int, accounts ...string) ([]int, error)
	// Soonest are stretches of the order in which credentials fall due.
	Soonest(ctx context.Context, parts []due.Stretch) ([][]due.Scheduled, error)
	// Claims are what each account has claimed, and when it fell due.
	Claims(ctx context.Context, accounts []string) ([][]due.Scheduled, error)
}

// Mirror is what Redis counts and lists for people who have no rights in Vault. Safe for concurrent use; returns soon after ctx
// ends.
type Mirror interface {
	Timetable
	// Both are, for each account, those with an open journal among what Count has as Unrotated, Gone or Refused.
	Both(ctx context.Context, accounts ...string) ([]int, error)
	// Stuck are up to n credentials of an account that are in quarantine, and why each is.
	Stuck(ctx context.Context, account string, n int) (map[string]string, error)
	// Without are up to n credentials of an account of which consumers find no password.
	Without(ctx context.Context, account string, n int) ([]string, error)
	// Tallies are what workers counted of each account in the last hours.
	Tallies(ctx context.Context, now time.Time, hours int, accounts ...string) ([]due.Tallies, error)
}

// Chronicle is what happened, read backwards, and what people asked for. Safe for concurrent use; returns soon after ctx ends.
type Chronicle interface {
	// EventsBefore are those before the entry with an id, the newest first, at most n; "+" is the end.
	EventsBefore(ctx context.Context, before string, n int64) ([]due.Event, error)
	// NoteAsked notes who asked for what; a nil cred is the account as a whole or, without one, what why says.
	NoteAsked(ctx context.Context, cred *rotation.Credential, account, what, by, why string) error
}

// Breakers tells how an account's breaker stands. Safe for concurrent use; returns soon after ctx ends.
type Breakers interface {
	State(ctx context.Context, account string) (queue.BreakerState, error)
}

// Pauses are those that providers asked for. Safe for concurrent use; returns soon after ctx ends.
type Pauses interface {
	// Until tells until when an account's calls wait; zero where they do not.
	Until(ctx context.Context, account string) (time.Time, error)
	// Lift ends that, and returns until when they would have waited.
	Lift(ctx context.Context, account string) (time.Time, error)
}

// Providers asks the provider of an account, with its management key and at the pace that all callers of the account keep
// together. Safe for concurrent use; returns soon after ctx ends.
type Providers interface {
	// List names the credentials of a domain at an account whose provider lists them.
	List(ctx context.Context, account, domain string) ([]rotation.Listed, error)
	// Confirm has contacts asked to confirm their addresses, once, and returns what became of each. Its error is about the
	// call as a whole.
	Confirm(ctx context.Context, account string, addresses []string, by string) ([]rotation.ContactResult, error)
	// Probe asks something about a credential that changes nothing; ErrNoHarmlessCall where there is no such call.
	Probe(ctx context.Context, cred *rotation.Credential) error
}

// Credential returns a credential of the configuration.
func (d *Desk) Credential(id string) (*rotation.Credential, error) {
	creds, err := d.Credentials([]string{id})
	if err != nil {
		return nil, err
	}
	return creds[0], nil
}

// Credentials returns the named credentials in that order. Its error names every one that the configuration lacks.
func (d *Desk) Credentials(ids []string) ([]*rotation.Credential, error) {
	var found []*rotation.Credential
	var unknown []string
	for _, id := range ids {
		if cred, ok := d.Fleet.Credential(id); ok {
			found = append(found, cred)
		} else {
			unknown = append(unknown, id)
		}
	}
	if len(unknown) > 0 {
		return nil, absent(unknown)
	}
	return found, nil
}
