package due

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/rotation"
	"keyturn/internal/schedule"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newIndex is an index on a Redis of its own.
func newIndex(t testing.TB) *Index {
	t.Helper()
	return dial(t, devenvtest.Redis(t).Addr)
}

func dial(t testing.TB, addr string) *Index {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{
		Addr: addr, ContextTimeoutEnabled: true, Username: devenvtest.RedisUser, Password: devenvtest.RedisPassword,
	})
	t.Cleanup(func() {
		if err := rdb.Close(); err != nil {
			t.Error(err)
		}
	})
	return NewIndex(rdb)
}

// flush empties a Redis, which keyturn's own user may not.
func flush(t testing.TB, rdb redis.UniversalClient) {
	t.Helper()
	admin := redis.NewClient(&redis.Options{Addr: rdb.(*redis.Client).Options().Addr})
	defer admin.Close()
	must(t, admin.FlushAll(t.Context()).Err())
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func have[T any](t testing.TB) func(v T, err error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		must(t, err)
		return v
	}
}

func every30d(t testing.TB) *schedule.Schedule {
	t.Helper()
	return parse(t, schedule.Spec{Every: "30d"})
}

func parse(t testing.TB, spec schedule.Spec) *schedule.Schedule {
	t.Helper()
	return have[*schedule.Schedule](t)(schedule.Parse(spec))
}

// fleet makes n credentials of account a: a-0, a-1 and so on.
func fleet(account string, n int, when *schedule.Schedule) []*rotation.Credential {
	creds := make([]*rotation.Credential, n)
	for i := range creds {
		id := fmt.Sprintf("%s-%d", account, i)
		creds[i] = &rotation.Credential{ID: id, Account: account, Place: rotation.Place{Path: "mail/" + id}, Schedule: when}
	}
	return creds
}

// inventory is a configuration.
type inventory struct {
	creds []*rotation.Credential
	ids   map[string]*rotation.Credential
	name  string
}

func newInventory(name string, creds ...*rotation.Credential) *inventory {
	inv := &inventory{creds: creds, ids: make(map[string]*rotation.Credential, len(creds)), name: name}
	for _, c := range creds {
		inv.ids[c.ID] = c
	}
	return inv
}

func (i *inventory) Credentials() iter.Seq[*rotation.Credential] { return slices.Values(i.creds) }

func (i *inventory) Credential(id string) (*rotation.Credential, bool) {
	c, ok := i.ids[id]
	return c, ok
}

func (i *inventory) Fingerprint() string { return i.name }

// newScheduler is a scheduler that does not run yet.
func newScheduler(x *Index, q *queue, v *vault, inv Inventory, accounts ...Account) *Scheduler {
	s := &Scheduler{
		Index: x, Queue: q, Truth: Truth{Journals: v, Secrets: v}, Clock: rotation.WallClock{}, Notices: x,
		Log: slog.New(slog.DiscardHandler), Jitter: Jitter, Freezes: thawed{},
		Remind: func(context.Context, []Reminder) error { return nil },
	}
	s.Use(inv, Load{Accounts: accounts, Resume: 15 * time.Second})
	return s
}

// reload has a scheduler work on another inventory, and on the same accounts.
func reload(s *Scheduler, inv Inventory) { s.Use(inv, *s.load.Load()) }

// thawed is a fleet of which nothing is frozen.
type thawed struct{}

func (thawed) Frozen(*rotation.Credential, time.Time) bool { return false }

func (thawed) AllFrozen(string, time.Time) bool { return false }

// settle has the index brought up to the inventory, and waits for all that this starts.
func settle(ctx context.Context, s *Scheduler) error {
	_ = s.sync(ctx) // it tells how all stood before
	s.work.Wait()
	if err := s.trouble(); err != nil {
		return err
	}
	return s.sync(ctx) // which removes what is gone
}

// start runs a scheduler until the test ends or stop is called.
func start(t *testing.T, s *Scheduler) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Run(ctx)
	}()
	stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(stop)
	return stop
}

// eventually polls a condition.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	limit := time.After(20 * time.Second)
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for !holds() {
		select {
		case <-poll.C:
		case <-limit:
			t.Fatalf("it never came about that %s", what)
		}
	}
}

// putOff makes the credentials due at a time.
func putOff(t testing.TB, x *Index, at time.Time, creds ...*rotation.Credential) {
	t.Helper()
	found := findings(creds)
	for i := range found {
		found[i].Due = at
	}
	must(t, x.Replace(t.Context(), written(found)))
}

func look(t testing.TB, x *Index, cred *rotation.Credential) Standing {
	t.Helper()
	return have[[]Standing](t)(x.Look(t.Context(), []*rotation.Credential{cred}))[0]
}

// window is one that opens and closes so long after now.
func window(now time.Time, opens, closes time.Duration) string {
	return now.UTC().Add(opens).Format("15:04") + "-" + now.UTC().Add(closes).Format("15:04")
}

var weekly = schedule.Spec{Every: "7d"}

// past is before now by Redis's clock, whatever that is.
var past = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
