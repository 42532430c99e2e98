package operate

import (
	"cmp"
	"context"
	"iter"
	"maps"
	"slices"
	"strings"

	"keyturn/internal/rotation"
)

// Filter is which credentials are wanted of what Redis mirrors. All conditions must hold.
type Filter struct {
	Text     string          // in the id, the target, the path, the owner or the value of a label, in any case; ""
	Accounts []string        // nil: all
	States   []State         // nil: all
	Marks    *rotation.Marks // nil: whatever they are
	After    string          // only what stands after this Next of another search; ""
	Oldest   bool            // those first that are the oldest against their schedule, and no others than what is scheduled
	Limit    int             // at most so many rows
}

// Found are the rows of a search, in the order of the configuration unless another was asked for.
type Found struct {
	Rows []Row `json:"rows"`
	// Next is where the search goes on; "" at its end. A page may have fewer rows than the limit.
	Next string `json:"next,omitempty"`
}

const (
	glancesAtOnce = 1000
	// glancesMost bounds what one search asks Redis: a state that is rare is looked for in more than one.
	glancesMost = 20_000
)

// Find returns rows without asking Vault.
func (d *Desk) Find(ctx context.Context, q Filter) (Found, error) {
	s := &searching{d: d, q: q, text: strings.ToLower(q.Text), place: func(id string) string { return id }}
	if q.Oldest {
		return s.oldest(ctx)
	}
	creds, err := d.Select(Query{Accounts: q.Accounts, Marks: q.Marks, After: q.After})
	if err != nil {
		return Found{}, err
	}
	return s.run(ctx, creds)
}

// oldest searches in the order in which credentials fall due.
func (s *searching) oldest(ctx context.Context) (Found, error) {
	if err := s.d.KnownAccounts(s.q.Accounts...); err != nil {
		return Found{}, err
	}
	accounts := s.q.Accounts
	if len(accounts) == 0 {
		accounts = slices.Collect(maps.Keys(s.d.Accounts))
	}
	accounts = slices.Compact(slices.Sorted(slices.Values(accounts)))
	order, err := s.d.soonest(accounts, s.q.After)
	if err != nil {
		return Found{}, err
	}
	s.place, order.wanted = order.place, func(cred *rotation.Credential) bool { return s.d.carries(cred, s.q.Marks) && s.mentions(cred) }
	found, err := s.run(ctx, order.all(ctx))
	return found, cmp.Or(err, order.stopped)
}

func (s *searching) run(ctx context.Context, creds iter.Seq[*rotation.Credential]) (Found, error) {
	var some []*rotation.Credential
	for cred := range creds {
		if s.passed++; s.passed%glancesAtOnce == 0 && ctx.Err() != nil {
			return s.found, ctx.Err()
		}
		if !s.mentions(cred) {
			continue
		}
		if some = append(some, cred); len(some) < min(glancesAtOnce, s.lacks()) {
			continue
		}
		if more, err := s.glance(ctx, some); err != nil || !more {
			return s.found, err
		}
		some = some[:0]
	}
	_, err := s.glance(ctx, some)
	return s.found, err
}

// searching is a search under way.
type searching struct {
	d      *Desk
	q      Filter
	text   string
	read   int
	passed int
	place  func(id string) string // where to go on after a credential
	found  Found
}

// lacks is how many credentials are read next: where all states are wanted, no more than rows are missing and one, which tells
// whether there is another page.
func (s *searching) lacks() int {
	if len(s.q.States) > 0 {
		return glancesAtOnce
	}
	return s.q.Limit + 1 - len(s.found.Rows)
}

func (s *searching) mentions(cred *rotation.Credential) bool {
	if s.text == "" {
		return true
	}
	in := func(text string) bool { return strings.Contains(strings.ToLower(text), s.text) }
	if in(cred.ID) || in(cred.Target) || in(cred.Place.Path) || cred.Pair != nil && in(cred.Pair.Targets[1].Target) {
		return true
	}
	m := s.d.Fleet.Marks(cred)
	if m == nil {
		return false
	}
	for _, value := range m.Labels {
		if in(value) {
			return true
		}
	}
	return in(m.Owner)
}

// glance reads some, keeps those that are wanted, and reports whether there is to be more.
func (s *searching) glance(ctx context.Context, some []*rotation.Credential) (more bool, err error) {
	if len(some) == 0 {
		return false, nil
	}
	rows, err := s.d.Glance(ctx, some)
	if err != nil {
		return false, err
	}
	for _, r := range rows {
		if len(s.q.States) > 0 && !slices.Contains(s.q.States, r.State) {
			continue
		}
		if len(s.found.Rows) == s.q.Limit {
			s.found.Next = s.place(s.found.Rows[s.q.Limit-1].Credential)
			return false, nil
		}
		s.found.Rows = append(s.found.Rows, r)
	}
	if s.read += len(some); s.read >= glancesMost && len(s.q.States) > 0 {
		s.found.Next = s.place(some[len(some)-1].ID)
		return false, nil
	}
	return true, nil
}
