package operate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"keyturn/internal/due"
	"keyturn/internal/freeze"
	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

// Freezes are the records of change freezes, one in each store. Safe for concurrent use; returns soon after ctx ends.
type Freezes interface {
	StoreNames() []string
	// LoadFreezes returns the freezes of a store, and the version of their record.
	LoadFreezes(ctx context.Context, store string) (freeze.Set, int, error)
	// SaveFreezes writes them if that is still the version; else its error wraps rotation.ErrStale.
	SaveFreezes(ctx context.Context, store string, set freeze.Set, version int) error
}

// Calendar is what Redis shows of change freezes. Safe for concurrent use; returns soon after ctx ends.
type Calendar interface {
	// Freezes are those of each store, as a worker or scheduler read them last.
	Freezes(ctx context.Context) (map[string]freeze.Set, error)
	// NoteFreezes puts those of a store there.
	NoteFreezes(ctx context.Context, store string, set freeze.Set) error
	// NoteFreeze makes an event of what a person froze or thawed.
	NoteFreeze(ctx context.Context, kind, account, by, why string) error
}

// freezeTries is how often a record is written that others write too.
const freezeTries = 5

// FreezeRequest is what is to be frozen.
type FreezeRequest struct {
	Scope  freeze.Scope
	Until  time.Time
	Reason string // a line for people
	By     string // for people: user@host
}

// Frozen is what a freeze covers.
type Frozen struct {
	freeze.Freeze
	Credentials int   `json:"credentials"`
	Unnoted     error `json:"-"` // why there is no event of it
}

// Freeze holds the scheduled rotations of a scope back. A freeze of the same scope is replaced. An error that names a store
// says that the others have it: the request can be made again.
func (d *Desk) Freeze(ctx context.Context, r FreezeRequest) (Frozen, error) {
	f, err := d.meant(r)
	if err != nil {
		return f, err
	}
	now := d.Clock.Now()
	if err := d.eachRecord(ctx, func(set freeze.Set) (freeze.Set, bool) { return set.With(f.Freeze, now), true }); err != nil {
		return f, err
	}
	f.Unnoted = d.noteFreeze(ctx, due.EventFrozen, r.Scope, r.By, fmt.Sprintf("until %s: %s", f.Until.Format(time.RFC3339), r.Reason))
	return f, nil
}

// meant is the freeze that a request asks for, where it makes sense.
func (d *Desk) meant(r FreezeRequest) (Frozen, error) {
	f := Frozen{Freeze: freeze.Freeze{Scope: r.Scope, Until: r.Until.UTC().Truncate(time.Second), Reason: r.Reason, By: r.By}}
	if err := r.check(d.Clock.Now()); err != nil {
		return f, err
	}
	if err := d.KnownAccounts(accountsOf(r.Scope)...); err != nil {
		return f, err
	}
	for cred := range d.Fleet.Credentials() {
		if r.Scope.Covers(cred.Account, d.Fleet.Marks(cred)) {
			f.Credentials++
		}
	}
	if f.Credentials == 0 {
		return f, &Error{Absent, fmt.Errorf("%s: no credential is filed so, and nothing would be frozen", r.Scope)}
	}
	return f, nil
}

func (r *FreezeRequest) check(now time.Time) error {
	switch {
	case !r.Until.After(now):
		return invalid("until %s: is not after now, %s", r.Until.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	case r.Until.Sub(now) > freeze.Longest:
		return invalid("until %s: is more than a year ahead; for longer, give the credentials schedule: manual", r.Until.UTC().Format(time.RFC3339))
	case strings.TrimSpace(r.Reason) == "":
		return invalid("reason: is missing; people will ask")
	case !freeze.IsReason(r.Reason):
		return invalid("reason: want one printable line of at most %d bytes", freeze.MaxReason)
	}
	return nil
}

// Thawed is what is not frozen any more, and what still is.
type Thawed struct {
	Scope   freeze.Scope `json:"scope"`
	Left    freeze.Set   `json:"left"`
	Unnoted error        `json:"-"`
}

// Thaw ends the freeze of a scope that a person asked for. Freezes of other scopes, and those that the configuration has, are
// left.
func (d *Desk) Thaw(ctx context.Context, scope freeze.Scope, by string) (Thawed, error) {
	t, now, found := Thawed{Scope: scope, Left: freeze.Set{}}, d.Clock.Now(), false
	err := d.eachRecord(ctx, func(set freeze.Set) (freeze.Set, bool) {
		left := set.Without(scope, now)
		had := len(left) < len(set.Ahead(now))
		found = found || had
		return left, had
	})
	if err != nil {
		return t, err
	}
	if found {
		t.Unnoted = d.noteFreeze(ctx, due.EventThawed, scope, by, "")
	}
	c, err := d.calendar(ctx)
	t.Left = append(t.Left, c.ahead(now)...)
	switch {
	case err != nil && found:
		return t, fmt.Errorf("it is thawed; what else is frozen is not known: %w", err)
	case err != nil:
		return t, err
	case !found:
		return t, &Error{Absent, fmt.Errorf("%s: no such freeze was asked for%s", scope, configuredAs(scope, t.Left))}
	}
	return t, nil
}

// configuredAs says where the configuration has a freeze of a scope.
func configuredAs(scope freeze.Scope, left freeze.Set) string {
	for _, f := range left {
		if f.Name != "" && f.String() == scope.String() {
			return "; the configuration has it as freezes." + f.Name + ": change it there"
		}
	}
	return ""
}

// noteFreeze makes an event of what was done. One that is lost undoes nothing.
func (d *Desk) noteFreeze(ctx context.Context, kind string, scope freeze.Scope, by, why string) error {
	if d.Calendar == nil {
		return d.Away
	}
	if text := scope.String(); scope.Account == "" || len(scope.Labels) > 0 || scope.Owner != "" {
		why = strings.TrimSuffix(text+": "+why, ": ")
	}
	return d.Calendar.NoteFreeze(ctx, kind, scope.Account, by, why)
}

// refuseFrozen names those of creds that a freeze covers, unless the request insists. A worker refuses them too, and knows
// better: where nothing can be read here, it is asked.
func (d *Desk) refuseFrozen(ctx context.Context, creds []*rotation.Credential, r Request) error {
	if r.Force {
		return nil
	}
	c, _ := d.calendar(ctx)
	var errs []error
	for _, cred := range creds {
		if f := c.of(d, cred).At(d.Clock.Now()); f != nil {
			errs = append(errs, fmt.Errorf("%s: frozen until %s (%s): %w", cred.ID, f.Until.Format(time.RFC3339), f.Reason, queue.ErrFrozen))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return &Error{Conflict, err}
	}
	return nil
}

func accountsOf(scope freeze.Scope) []string {
	if scope.Account == "" {
		return nil
	}
	return []string{scope.Account}
}

// eachRecord changes the record of every store. One that fails keeps none of the others from it.
func (d *Desk) eachRecord(ctx context.Context, change func(freeze.Set) (changed freeze.Set, write bool)) error {
	if d.Freezes == nil {
		return errNoTruth
	}
	var errs []error
	for _, store := range d.Freezes.StoreNames() {
		errs = append(errs, d.changeRecord(ctx, store, change))
	}
	return errors.Join(errs...)
}

// changeRecord writes what change makes of a store's freezes. Another person may write too.
func (d *Desk) changeRecord(ctx context.Context, store string, change func(freeze.Set) (freeze.Set, bool)) (err error) {
	for range freezeTries {
		var set freeze.Set
		var version int
		if set, version, err = d.Freezes.LoadFreezes(ctx, store); err != nil {
			return err
		}
		changed, write := change(set)
		if !write {
			return nil
		}
		err = d.Freezes.SaveFreezes(ctx, store, changed, version)
		if err == nil && d.Calendar != nil {
			_ = d.Calendar.NoteFreezes(ctx, store, changed) // a worker does it within a minute
		}
		if !errors.Is(err, rotation.ErrStale) {
			return err
		}
	}
	return err
}

// calendar is what is frozen, and will be.
type calendar struct {
	configured freeze.Set
	stores     map[string]freeze.Set
}

// calendar reads it in Vault, or else in Redis. What could be read is returned beside an error.
func (d *Desk) calendar(ctx context.Context) (c calendar, err error) {
	c.configured = d.Configured
	switch {
	case d.Freezes != nil:
		c.stores = map[string]freeze.Set{}
		var errs []error
		for _, store := range d.Freezes.StoreNames() {
			set, _, err := d.Freezes.LoadFreezes(ctx, store)
			c.stores[store] = set
			errs = append(errs, err)
		}
		return c, errors.Join(errs...)
	case d.Calendar != nil:
		c.stores, err = d.Calendar.Freezes(ctx)
	}
	return c, err
}

// of are the freezes that cover a credential.
func (c calendar) of(d *Desk, cred *rotation.Credential) freeze.Set {
	if len(c.configured)+len(c.stores) == 0 {
		return nil
	}
	marks := d.Fleet.Marks(cred)
	return append(c.configured.Of(cred.Account, marks), c.stores[cred.Place.Store].Of(cred.Account, marks)...)
}

// ahead are those that are not over.
func (c calendar) ahead(now time.Time) freeze.Set {
	sets := []freeze.Set{c.configured}
	for _, store := range slices.Sorted(maps.Keys(c.stores)) {
		sets = append(sets, c.stores[store])
	}
	return freeze.Union(sets...).Ahead(now)
}
