package operate

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"keyturn/internal/due"
	"keyturn/internal/rotation"
)

// soonest goes over the credentials of accounts in the order in which they fall due: those first that are the oldest against their
// schedule. What has no due time, it leaves out.
type soonest struct {
	d       *Desk
	after   due.Scheduled // where it goes on
	lanes   []*lane       // of the accounts
	at      map[string]time.Time
	stopped error
}

// lane is what has been read of an account.
type lane struct {
	due.Stretch
	read []due.Scheduled
	done bool
}

// stretchMost is how many one round trip reads, of all accounts.
const stretchMost = 4000

// soonest begins after a place that it told of; "" is the beginning.
func (d *Desk) soonest(accounts []string, after string) (*soonest, error) {
	s := &soonest{d: d, at: map[string]time.Time{}}
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
			if !known || !s.after.At.IsZero() && bySchedule(next, s.after) <= 0 {
				continue
			}
			s.at[next.ID] = next.At
			if !yield(cred) {
				return
			}
		}
	}
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
	parts := make([]due.Stretch, len(accounts))
	for i, name := range accounts {
		parts[i] = due.Stretch{Account: name, N: 1}
	}
	read, err := d.Mirror.Soonest(ctx, parts)
	if err != nil {
		return nil, err
	}
	var first *due.Scheduled
	for _, head := range read {
		for i := range head {
			if first == nil || bySchedule(head[i], *first) < 0 {
				first = &head[i]
			}
		}
	}
	if first == nil {
		return nil, nil
	}
	cred, known := d.Fleet.Credential(first.ID)
	if !known {
		return nil, nil // it is about to be taken out
	}
	rows, err := d.Glance(ctx, []*rotation.Credential{cred})
	if err != nil {
		return nil, err
	}
	return &rows[0], nil
}
