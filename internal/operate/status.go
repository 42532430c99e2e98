package operate

import (
	"context"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"keyturn/internal/due"
	"keyturn/internal/freeze"
	"keyturn/internal/rotation"
)

// Query is which credentials a status is wanted of. All conditions must hold.
type Query struct {
	IDs       []string        // in this order; nil: all, in the order of the configuration
	Accounts  []string        // nil: all
	States    []State         // nil: all
	Marks     *rotation.Marks // owner and labels; nil: whatever they are
	OlderThan time.Duration   // rotated so long ago or longer, or never; 0: whenever
	After     string          // only what stands after this id in the configuration; ""
	Limit     int             // end after so many rows; 0: all
}

// Page says where a status ended.
type Page struct {
	Shown int    `json:"shown"`
	Read  int    `json:"read"`
	Total int    `json:"total"`          // of the configuration, before their states are known
	Last  string `json:"last,omitempty"` // credential of the last row: where the next page begins
	// Freezes are those of what was selected that are not over; Unknown is why some may be missing.
	Freezes freeze.Set `json:"freezes,omitempty"`
	Unknown error      `json:"-"`
}

// ReadsAtOnce is how many credentials are read from Vault at a time: enough to get on, few enough to leave Vault to the
// workers.
const ReadsAtOnce = 16

// Select returns the credentials that a query is about, before their states are known.
func (d *Desk) Select(q Query) (iter.Seq[*rotation.Credential], error) {
	if q.After != "" && len(q.IDs) > 0 {
		return nil, invalid("after %s: goes with a list of all credentials, not with ids", q.After)
	}
	if err := d.KnownAccounts(q.Accounts...); err != nil {
		return nil, err
	}
	if len(q.IDs) > 0 {
		creds, err := d.Credentials(q.IDs)
		return d.among(slices.Values(creds), q), err
	}
	creds, err := d.after(q.After)
	return d.among(creds, q), err
}

// KnownAccounts refuses accounts that the configuration does not have.
func (d *Desk) KnownAccounts(names ...string) error {
	for _, name := range names {
		if d.Accounts[name] == nil {
			return &Error{Absent, &AccountError{Name: name, Known: slices.Sorted(maps.Keys(d.Accounts))}}
		}
	}
	return nil
}

// AccountError is an account that the configuration does not have.
type AccountError struct {
	Name  string
	Known []string // those that it has
}

func (e *AccountError) Error() string {
	return "account " + e.Name + ": want one of " + strings.Join(e.Known, ", ")
}

// after are the credentials that stand after one in the configuration; all of them after "".
func (d *Desk) after(id string) (iter.Seq[*rotation.Credential], error) {
	if id == "" {
		return d.Fleet.Credentials(), nil
	}
	if _, err := d.Credential(id); err != nil {
		return nil, err
	}
	return func(yield func(*rotation.Credential) bool) {
		found := false
		for cred := range d.Fleet.Credentials() {
			if found && !yield(cred) {
				return
			}
			found = found || cred.ID == id
		}
	}, nil
}

// among are those of creds that belong to one of the accounts, all where none is named, and carry the marks.
func (d *Desk) among(creds iter.Seq[*rotation.Credential], q Query) iter.Seq[*rotation.Credential] {
	if len(q.Accounts) == 0 && q.Marks == nil {
		return creds
	}
	return func(yield func(*rotation.Credential) bool) {
		for cred := range creds {
			if (len(q.Accounts) == 0 || slices.Contains(q.Accounts, cred.Account)) && d.carries(cred, q.Marks) && !yield(cred) {
				return
			}
		}
	}
}

// carries tells whether a credential is filed under marks; nil: whatever it is filed under.
func (d *Desk) carries(cred *rotation.Credential, marks *rotation.Marks) bool {
	return marks == nil || d.Fleet.Marks(cred).Has(marks)
}

// Status calls show with the state of each credential of a query, as soon as it is read and in their order. It holds no
// more than ReadsAtOnce rows. Progress hears how many are read, of how many; nil for no one. An error of show ends it and
// is returned.
func (d *Desk) Status(ctx context.Context, q Query, show func(Row) error, progress func(read, total int)) (Page, error) {
	creds, err := d.Select(q)
	if err != nil {
		return Page{}, err
	}
	if d.Truth == nil {
		return Page{}, errNoTruth
	}
	c, unknown := d.calendar(ctx)
	p := Page{Unknown: unknown}
	ahead, covered := c.ahead(d.Clock.Now()), map[int]bool{} // others may use the store too
	for cred := range creds {
		p.Total++
		for i := range ahead {
			covered[i] = covered[i] || ahead[i].Covers(cred.Account, d.Fleet.Marks(cred))
		}
	}
	for i := range ahead {
		if covered[i] {
			p.Freezes = append(p.Freezes, ahead[i])
		}
	}
	held := &holds{known: map[string]func() *Hold{}}
	read := func(ctx context.Context, cred *rotation.Credential) answer {
		a := d.read(ctx, q, cred)
		if a.wanted {
			a.row.Held = held.of(ctx, d, cred.Account)
			a.row.Frozen = c.of(d, cred).At(d.Clock.Now())
		}
		return a
	}
	for a := range inOrder(ctx, creds, read) {
		if a.err != nil {
			return p, a.err
		}
		if p.Read++; progress != nil {
			progress(p.Read, p.Total)
		}
		if !a.wanted {
			continue
		}
		if err := show(a.row); err != nil {
			return p, err
		}
		p.Last = a.row.Credential
		if p.Shown++; p.Shown == q.Limit {
			break
		}
	}
	return p, nil
}

// answer is what was read of one credential.
type answer struct {
	row    Row
	wanted bool
	err    error
}

func (d *Desk) read(ctx context.Context, q Query, cred *rotation.Credential) answer {
	rec, err := d.Truth.Load(ctx, cred)
	if err == nil && !q.mayWant(rec) {
		return answer{} // one request to Vault less
	}
	var current rotation.Entry
	if err == nil {
		current, err = d.Truth.Read(ctx, cred.Place)
	}
	if err != nil {
		return answer{err: d.of(cred, err)}
	}
	now := d.Clock.Now()
	r := d.row(cred, rec, current, d.lastCheck(ctx, cred), now)
	return answer{row: r, wanted: q.wants(r, now)}
}

// lastCheck is what Redis tells of it; nothing where it does not answer: Vault's word is shown without it.
func (d *Desk) lastCheck(ctx context.Context, cred *rotation.Credential) due.Check {
	if d.Index != nil {
		if found, err := d.Index.Checks(ctx, []*rotation.Credential{cred}); err == nil {
			return found[0]
		}
	}
	return due.Check{}
}

// mayWant tells from the journal alone whether a credential can be in one of the states that are asked for.
func (q Query) mayWant(rec rotation.Record) bool {
	if state := JournalState(rec); state != "" {
		return q.wantsState(state)
	}
	return q.wantsState(Healthy) || q.wantsState(Waiting) || q.wantsState(Deleted) || q.wantsState(Refused)
}

func (q Query) wantsState(state State) bool {
	return len(q.States) == 0 || slices.Contains(q.States, state)
}

func (q Query) wants(r Row, now time.Time) bool {
	return q.wantsState(r.State) && (q.OlderThan == 0 || r.RotatedAt == nil || now.Sub(*r.RotatedAt) >= q.OlderThan)
}

// inOrder calls read for each of creds, several at a time, and yields the answers in their order.
func inOrder[A any](ctx context.Context, creds iter.Seq[*rotation.Credential], read func(context.Context, *rotation.Credential) A) iter.Seq[A] {
	return func(yield func(A) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var readers sync.WaitGroup
		defer readers.Wait()
		defer cancel()
		var line []chan A // of those that are read, the first one asked for first
		next := func() bool {
			a := <-line[0]
			line = line[1:]
			return yield(a)
		}
		for cred := range creds {
			if len(line) == ReadsAtOnce && !next() {
				return
			}
			out := make(chan A, 1)
			readers.Go(func() { out <- read(ctx, cred) })
			line = append(line, out)
		}
		for len(line) > 0 {
			if !next() {
				return
			}
		}
	}
}
