package operate

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"keyturn/internal/due"
	"keyturn/internal/rotation"
)

// soonest goes over the credentials of accounts in the order in which they fall due, or did: those first that are the oldest against
// their schedule. What has no due time, it leaves out.
type soonest struct {
	d       *Desk
	after   due.Scheduled // where it goes on
	lanes   []*lane       // two of each account
	claimed map[string]bool
	wanted  func(*rotation.Credential) bool // nil: all are; of the others nothing is kept
	at      map[string]time.Time            // of those that it told of
	stopped error
}

// lane is what has been read of an account's order, or its claims.
type lane struct {
	due.Stretch
	read   []due.Scheduled
	done   bool
	claims bool
}

// stretchMost is how many one round trip reads, of all accounts.
const stretchMost = 4000

// soonest begins after a place that it told of; "" is the beginning.
func (d *Desk) soonest(accounts []string, after string) (*soonest, error) {
	s := &soonest{d: d, claimed: map[string]bool{}, at: map[string]time.Time{}}
	if after != "" {
		at, id, found := strings.Cut(after, "~")
		ms, err := strconv.ParseInt(at, 10, 64)
		if !found || err != nil {
			return nil, invalid("after %s: want what the page before says under next", after)
		}
		s.after = due.Scheduled{ID: id, At: time.UnixMilli(ms)}
	}
	for _, name := range accounts {
		s.lanes = append(s.lanes, &lane{Stretch: due.Stretch{Account: name, From: s.after.At}})
	}
	return s, nil
}

// place is where to go on after a credential.
func (s *soonest) place(id string) string { return fmt.Sprintf("%d~%s", s.at[id].UnixMilli(), id) }

func bySchedule(a, b due.Scheduled) int {
	return cmp.Or(a.At.Compare(b.At), strings.Compare(a.ID, b.ID))
}

// all are the credentials. It ends early where Redis does not answer: stopped says so.
func (s *soonest) all(ctx context.Context) iter.Seq[*rotation.Credential] {
	return func(yield func(*rotation.Credential) bool) {
		if s.stopped = s.claim(ctx); s.stopped != nil {
			return
		}
		for {
			if s.stopped = s.fill(ctx); s.stopped != nil {
				return
			}
			var first *lane
			for _, l := range s.lanes {
				if len(l.read) > 0 && (first == nil || bySchedule(l.read[0], first.read[0]) < 0) {
					first = l
				}
			}
			if first == nil {
				return
			}
			next := first.read[0]
			first.read = first.read[1:]
			cred, known := s.d.Fleet.Credential(next.ID)
			switch {
			case !known || cred.Account != first.Account: // it was taken out, or moved
				continue
			case !first.claims && s.claimed[next.ID], !s.after.At.IsZero() && bySchedule(next, s.after) <= 0:
				continue
			case s.wanted != nil && !s.wanted(cred):
				continue
			}
			s.at[next.ID] = next.At
			if !yield(cred) {
				return
			}
		}
	}
}

// claim adds what is claimed, which stands in the order where it is claimed again.
func (s *soonest) claim(ctx context.Context) error {
	accounts := make([]string, len(s.lanes))
	for i, l := range s.lanes {
		accounts[i] = l.Account
	}
	claims, err := s.d.Mirror.Claims(ctx, accounts)
	if err != nil {
		return err
	}
	for i, read := range claims {
		slices.SortFunc(read, bySchedule)
		for _, c := range read {
			s.claimed[c.ID] = true
		}
		s.lanes = append(s.lanes, &lane{Stretch: due.Stretch{Account: accounts[i]}, read: read, done: true, claims: true})
	}
	return nil
}

// fill reads on where a lane has nothing left.
func (s *soonest) fill(ctx context.Context) error {
	var empty []*lane
	for _, l := range s.lanes {
		if len(l.read) == 0 && !l.done {
			empty = append(empty, l)
		}
	}
	if len(empty) == 0 {
		return nil
	}
	parts := make([]due.Stretch, len(empty))
	for i, l := range empty {
		l.N = max(min(stretchMost/len(empty), glancesAtOnce), 1)
		parts[i] = l.Stretch
	}
	read, err := s.d.Mirror.Soonest(ctx, parts)
	if err != nil {
		return err
	}
	for i, l := range empty {
		l.read, l.done = read[i], len(read[i]) < l.N
		for _, next := range l.read {
			if !next.At.Equal(l.From) {
				l.From, l.Skip = next.At, 0
			}
			l.Skip++
		}
	}
	return nil
}

// oldest is the credential of accounts that is the oldest against its schedule; nil where none is scheduled.
func (d *Desk) oldest(ctx context.Context, accounts []string) (*Row, error) {
	order, err := d.soonest(accounts, "")
	if err != nil {
		return nil, err
	}
	var row *Row
	for cred := range order.all(ctx) {
		rows, err := d.Glance(ctx, []*rotation.Credential{cred})
		if err != nil {
			return nil, err
		}
		row = &rows[0]
		break
	}
	return row, order.stopped
}
