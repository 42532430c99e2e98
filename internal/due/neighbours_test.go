package due

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"keyturn/internal/redisx"
	"keyturn/internal/rotation"
)

// at moves credentials to a store.
func at(store string, creds []*rotation.Credential) []*rotation.Credential {
	for _, cred := range creds {
		cred.Place.Store = store
	}
	return creds
}

// idle waits until a scheduler does nothing more for an account.
func idle(t *testing.T, s *Scheduler, account string) {
	t.Helper()
	eventually(t, account+" is idle", func() bool {
		k := s.keeper(account)
		s.keeping.Lock()
		defer s.keeping.Unlock()
		for _, u := range k.unread {
			if u.busy {
				return false
			}
		}
		return !k.busy
	})
}

// impatient lets nothing wait for its pause.
func impatient(s *Scheduler) {
	s.keeping.Lock()
	defer s.keeping.Unlock()
	for _, k := range s.keepers {
		k.next = time.Time{}
		for _, u := range k.unread {
			u.next = time.Time{}
		}
	}
}

// neighbours are a bad account and a healthy one, all of it overdue. Rounds of both are made until the healthy one's
// work is enqueued; a round is what a scheduler does in a second.
type neighbours struct {
	*Scheduler
	q         *queue
	v         *vault
	bad, good []*rotation.Credential
}

func newNeighbours(t *testing.T) *neighbours {
	t.Helper()
	n := &neighbours{
		q: newQueue(), v: newVault(),
		bad: at("theirs", fleet("bad", 300, every30d(t))), good: at("ours", fleet("good", 30, every30d(t))),
	}
	all := slices.Concat(n.bad, n.good)
	for _, cred := range all {
		n.v.rotated(cred, past)
	}
	n.Scheduler = newScheduler(newIndex(t), n.q, n.v, newInventory("one", all...),
		Account{Name: "bad", Capacity: 1000}, Account{Name: "good", Capacity: 1000})
	return n
}

// lateness is how many seconds pass until all of the healthy account's overdue credentials are enqueued.
func (n *neighbours) lateness(t *testing.T) int {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(func() { cancel(); n.work.Wait() })
	enqueued := 0
	for round := range 60 {
		_ = n.sync(ctx)
		idle(t, n.Scheduler, "good")
		_, _ = n.tick(ctx)
		for len(n.q.jobs) > 0 {
			if j := <-n.q.jobs; j.account == "good" {
				enqueued++
			}
		}
		if enqueued == len(n.good) {
			return round
		}
	}
	return 60
}

func TestAnAccountThatCannotBeBuiltDelaysNoOther(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(t *testing.T, n *neighbours){
		"every secret is malformed": func(_ *testing.T, n *neighbours) {
			for _, cred := range n.bad {
				n.v.bad[cred.Place.Path] = true
			}
		},
		"every journal is malformed": func(_ *testing.T, n *neighbours) {
			for _, cred := range n.bad {
				n.v.broken[cred.ID] = true
			}
		},
		"its store never answers": func(_ *testing.T, n *neighbours) { n.v.hangs = "theirs" },
		"a key in Redis is none of ours": func(t *testing.T, n *neighbours) {
			t.Helper()
			must(t, n.Index.(*Index).rdb.Set(t.Context(), redisx.Key("bad", redisx.Open), "no set", 0).Err())
		},
		"its lease is held for good": func(t *testing.T, n *neighbours) {
			t.Helper()
			must(t, n.Index.(*Index).rdb.Set(t.Context(), redisx.Key("bad", "building"), "stranger", 0).Err())
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNeighbours(t)
			spoil(t, n)
			late := n.lateness(t)
			t.Logf("healthy account beside one of which %s: %d s late", name, late)
			if late > 1 {
				t.Errorf("the healthy account's work is %d s late", late)
			}
			reload(n.Scheduler, newInventory("two", slices.Concat(n.bad, n.good[1:])...))
			for range 2 {
				_ = n.sync(t.Context())
				idle(t, n.Scheduler, "good")
			}
			if got := look(t, n.Index.(*Index), n.good[0]); got != (Standing{}) {
				t.Errorf("a reload of the healthy account is not applied: %+v", got)
			}
			if err := n.sync(t.Context()); err == nil || !strings.Contains(err.Error(), "account bad") {
				t.Errorf("the trouble is %v", err)
			}
		})
	}
}

func TestCredentialsThatCannotBeReadNeitherEndASweepNorBlockAReload(t *testing.T) {
	t.Parallel()
	const unreadable = 500
	x, v := newIndex(t), newVault()
	slot := time.Now().UTC().Truncate(time.Millisecond)
	creds := fleet("a", unreadable+20, every30d(t))
	for i, cred := range creds {
		v.rotated(cred, slot)
		v.bad[cred.Place.Path] = i < unreadable
	}
	s := newScheduler(x, newQueue(), v, newInventory("one", creds...), Account{Name: "a", Capacity: 1})
	s.Clock = fast{}
	must(t, settle(t.Context(), s))
	last := creds[len(creds)-1]
	putOff(t, x, past, last)
	must(t, s.sweep(t.Context()))
	due := func(cred *rotation.Credential) time.Time {
		return cred.Schedule.Next(slot, cred.ID).Truncate(time.Millisecond)
	}
	if got := look(t, x, last).Due; !got.Equal(due(last)) {
		t.Errorf("behind %d that cannot be read, one is due %s, want %s", unreadable, got, due(last))
	}

	shorter := fleet("a", unreadable, every30d(t)) // every credential that changes cannot be read, and one goes
	for _, cred := range shorter {
		cred.Schedule = parse(t, weekly)
	}
	reload(s, newInventory("two", slices.Concat(shorter, creds[unreadable+1:])...))
	must(t, settle(t.Context(), s))
	if got := look(t, x, creds[unreadable]); got != (Standing{}) {
		t.Errorf("the reload left %+v", got)
	}
	if all := s.Unread(); len(all) != 1 || all[0].Account != "a" || all[0].Credentials != unreadable || !errors.Is(all[0].Err, errVault) {
		t.Errorf("what cannot be read is %+v", all)
	}

	v.set(func() { clear(v.bad) })
	impatient(s)
	must(t, settle(t.Context(), s))
	for _, cred := range shorter {
		if got := look(t, x, cred).Due; !got.Equal(due(cred)) {
			t.Fatalf("after the repair %s is due %s, want %s", cred.ID, got, due(cred))
		}
	}
	if all := s.Unread(); len(all) > 0 {
		t.Errorf("after the repair these cannot be read: %+v", all)
	}
}

func TestWhatCannotBeReadIsTriedAgainWithinAMinute(t *testing.T) {
	t.Parallel()
	for tries := range 100 {
		if p := pause(tries); p < backOff || p > time.Minute {
			t.Fatalf("after %d tries the pause is %s", tries, p)
		}
	}
}

func TestARecheckThatCannotBeAskedForHoldsNoBuildUp(t *testing.T) {
	t.Parallel()
	x, v, q := newIndex(t), newVault(), newQueue()
	creds := fleet("a", 3, every30d(t))
	for _, cred := range creds {
		v.rotated(cred, past)
		v.records[cred.ID] = rotation.Record{State: rotation.Closed, RecheckAt: time.Now().Add(time.Minute), TouchedAt: time.Now()}
	}
	s := newScheduler(x, q, v, newInventory("one", creds...), Account{Name: "a", Capacity: 10})
	q.refuse(map[string]bool{"a-0": true})
	must(t, settle(t.Context(), s))
	if n := len(q.jobs); n != 2 {
		t.Errorf("%d rechecks were asked for, want those of the others", n)
	}
	if c := have[[]Count](t)(x.Counts(t.Context(), "a"))[0]; !c.Built || c.Scheduled != 3 {
		t.Errorf("the index is %+v", c)
	}
	q.refuse(nil)
	impatient(s)
	must(t, settle(t.Context(), s))
	if j := q.take(t, 3)[2]; j.id != "a-0" || j.reason != rotation.ReasonRecheck {
		t.Errorf("then came %+v", j)
	}
}
