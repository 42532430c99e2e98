package due

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/redisx"
	"keyturn/internal/rotation"
	"keyturn/internal/schedule"
)

// frozen are credentials, by a part of their ids, and accounts that a test froze.
type frozen struct{ ids, account string }

func (f *frozen) Frozen(cred *rotation.Credential, _ time.Time) bool {
	return f.ids != "" && strings.Contains(cred.ID, f.ids)
}

func (f *frozen) AllFrozen(account string, _ time.Time) bool { return account == f.account }

func TestWhatIsFrozenStaysDueAndWhatIsOpenIsResumed(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]*frozen{"the account": {account: "a"}, "each of its credentials": {ids: "-"}} {
		x, v, q := newIndex(t), newVault(), newQueue()
		creds := fleet("a", 3, parse(t, schedule.Spec{Every: "1d"}))
		for _, cred := range creds {
			v.rotated(cred, past)
		}
		open := creds[1]
		v.records[open.ID] = rotation.Record{State: rotation.Open, TouchedAt: past}
		s := newScheduler(x, q, v, newInventory("one", creds...), Account{Name: "a", Capacity: 100})
		s.Freezes = f
		must(t, settle(t.Context(), s))
		now := have[time.Time](t)(x.Now(t.Context()))
		slot := now.Add(-time.Hour).Truncate(time.Millisecond)
		putOff(t, x, slot, creds...)
		for range 3 {
			_, err := s.tick(t.Context())
			must(t, err)
		}
		if jobs := q.take(t, len(q.jobs)); len(jobs) != 1 || jobs[0].id != open.ID || jobs[0].reason != rotation.ReasonResume {
			t.Errorf("%s: these were enqueued, and only the resume should be: %+v", name, jobs)
		}
		*f = frozen{}
		for _, cred := range creds {
			if look(t, x, cred).Claimed.Equal(slot) { // and its claim lapses
				must(t, x.rdb.ZAdd(t.Context(), redisx.Key("a", redisx.Due), redis.Z{Score: float64(now.UnixMilli()), Member: cred.ID}).Err())
			}
		}
		_, err := s.tick(t.Context())
		must(t, err)
		jobs := q.take(t, len(q.jobs))
		if len(jobs) != len(creds) {
			t.Errorf("%s: thawed, and enqueued %+v", name, jobs)
		}
		for _, j := range jobs {
			if j.reason != rotation.ReasonScheduled || !j.slot.Equal(slot) {
				t.Errorf("%s: thawed, and enqueued %+v, want the slot of before, %s", name, j, slot)
			}
		}
	}
}

func TestAFrozenAccountThatIsOverdueCostsNoClaims(t *testing.T) {
	t.Parallel()
	x, q := newIndex(t), newQueue()
	creds := fleet("a", 2, parse(t, schedule.Spec{Every: "1d"}))
	cred, open := creds[0], creds[1]
	s := newScheduler(x, q, newVault(), newInventory("one", creds...), Account{Name: "a", Capacity: 9})
	claims := &claimed{Shared: x}
	s.Index, s.Freezes, s.Jitter = claims, &frozen{account: "a"}, func(d time.Duration) time.Duration { return d }
	putOff(t, x, have[time.Time](t)(x.Now(t.Context())).Add(-time.Hour), cred)
	rest, err := s.tick(t.Context())
	must(t, err)
	if got := look(t, x, cred); rest != tickRest || !got.Claimed.IsZero() {
		t.Errorf("the next tick comes after %s, and it stands %+v", rest, got)
	}
	must(t, x.Add(t.Context(), []Finding{{Cred: open, Resume: past}})) // which goes on
	_, err = s.tick(t.Context())
	must(t, err)
	if jobs := q.take(t, len(q.jobs)); len(jobs) != 1 || jobs[0].id != open.ID || claims.n != 0 {
		t.Errorf("%+v are enqueued, after %d claims", jobs, claims.n)
	}
}

// claimed counts claims.
type claimed struct {
	Shared
	n int
}

func (c *claimed) Claim(ctx context.Context, account string, n int, push time.Duration) ([]Due, error) {
	c.n++
	return c.Shared.Claim(ctx, account, n, push)
}

func TestAFreezeHoldsUpNoOtherCredential(t *testing.T) {
	t.Parallel()
	x, v, q := newIndex(t), newVault(), newQueue()
	creds := fleet("a", 20, parse(t, schedule.Spec{Every: "1d"}))
	for _, cred := range creds {
		v.rotated(cred, past)
	}
	free := creds[len(creds)-1]
	s := newScheduler(x, q, v, newInventory("one", creds...), Account{Name: "a", Capacity: 1})
	s.Freezes = notOnly{free}
	must(t, settle(t.Context(), s))
	now := have[time.Time](t)(x.Now(t.Context()))
	putOff(t, x, now.Add(-2*time.Hour), creds...)
	putOff(t, x, now.Add(-time.Hour), free)
	for range len(creds) {
		_, err := s.tick(t.Context())
		must(t, err)
	}
	if jobs := q.take(t, len(q.jobs)); len(jobs) != 1 || jobs[0].id != free.ID {
		t.Errorf("enqueued %+v, want %s", jobs, free.ID)
	}
}

// notOnly freezes all credentials but one.
type notOnly struct{ cred *rotation.Credential }

func (n notOnly) Frozen(cred *rotation.Credential, _ time.Time) bool { return cred.ID != n.cred.ID }

func (notOnly) AllFrozen(string, time.Time) bool { return false }
