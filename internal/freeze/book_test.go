package freeze_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"keyturn/internal/freeze"
	"keyturn/internal/rotation"
)

// stores are what Vault has, and what it was asked.
type stores struct {
	mu    sync.Mutex
	sets  map[string]freeze.Set
	away  map[string]bool
	reads map[string]int
	noted map[string]int
}

func newStores() *stores {
	return &stores{sets: map[string]freeze.Set{}, away: map[string]bool{}, reads: map[string]int{}, noted: map[string]int{}}
}

func (s *stores) Freezes(_ context.Context, store string) (freeze.Set, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads[store]++
	if s.away[store] {
		return nil, errors.New("vault is away")
	}
	return s.sets[store], nil
}

func (s *stores) NoteFreezes(_ context.Context, store string, _ freeze.Set) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noted[store]++
	return nil
}

func (s *stores) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// run calls f with a book of two stores that is kept up to date.
func run(t *testing.T, s *stores, f func(b *freeze.Book)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		b := freeze.NewBook(ctx, []string{"a", "b"}, s, s, rotation.WallClock{}, slog.New(slog.DiscardHandler))
		var running sync.WaitGroup
		running.Go(func() { b.Run(ctx) })
		f(b)
		cancel()
		running.Wait()
	})
}

func held(b *freeze.Book, store string) string {
	if f := b.Holds(nil, store, "ses", nil, time.Now()); f != nil {
		return f.Reason
	}
	return ""
}

func TestWhatWasNeverReadIsFrozenAndHoldsUpNoOtherStore(t *testing.T) {
	t.Parallel()
	s := newStores()
	s.away["a"] = true
	run(t, s, func(b *freeze.Book) {
		if got := held(b, "a"); !strings.Contains(got, "store a could not be read since the start") {
			t.Errorf("unread: %q", got)
		}
		if got := held(b, "b"); got != "" || b.HoldsAll(nil, "ses", time.Now()) {
			t.Errorf("the store that answers: %q", got)
		}
		if err := b.Ready(); err == nil || !strings.Contains(err.Error(), "store a") || strings.Contains(err.Error(), "store b") {
			t.Errorf("ready: %v", err)
		}
		s.set(func() { s.away["a"] = false })
		<-time.After(6 * time.Second)
		if got := held(b, "a"); got != "" || b.Ready() != nil {
			t.Errorf("it answers: %q, %v", got, b.Ready())
		}
	})
}

func TestABookFollowsTheStoresInForce(t *testing.T) {
	t.Parallel()
	s := newStores()
	s.sets["a"] = freeze.Set{{Until: time.Now().Add(1000 * time.Hour), Reason: "audit"}}
	s.sets["added"] = freeze.Set{{Until: time.Now().Add(1000 * time.Hour), Reason: "move"}}
	run(t, s, func(b *freeze.Book) {
		b.Use(context.WithoutCancel(t.Context()), []string{"a", "added"})
		if held(b, "a") != "audit" || held(b, "added") != "move" || s.reads["a"] != 1 {
			t.Errorf("at once: %q, %q; a was read %d times", held(b, "a"), held(b, "added"), s.reads["a"])
		}
		if got := held(b, "b"); !strings.Contains(got, "store b could not be read") {
			t.Errorf("one that is gone: %q", got)
		}
		s.set(func() { s.away["b"], s.sets["added"] = true, nil })
		<-time.After(62 * time.Second)
		if got := held(b, "added"); got != "" || b.Ready() != nil || s.reads["b"] != 1 {
			t.Errorf("a minute later: %q, %v; what is gone was read %d times", got, b.Ready(), s.reads["b"])
		}
	})
}

func TestWhatWasReadHoldsWhileAStoreIsAway(t *testing.T) {
	t.Parallel()
	s := newStores()
	run(t, s, func(b *freeze.Book) {
		s.set(func() { s.sets["a"] = freeze.Set{{Until: time.Now().Add(time.Hour), Reason: "audit"}} })
		<-time.After(61 * time.Second)
		if got := held(b, "a"); got != "audit" || held(b, "b") != "" {
			t.Errorf("a minute later: %q", got)
		}
		s.set(func() { s.away["a"] = true })
		<-time.After(10 * time.Minute)
		if got := held(b, "a"); got != "audit" || b.Ready() == nil {
			t.Errorf("the store is away: %q, %v", got, b.Ready())
		}
		<-time.After(time.Hour)
		if got := held(b, "a"); got != "" {
			t.Errorf("its time is over: %q", got)
		}
	})
}

func TestAStoreIsReadOnceAMinute(t *testing.T) {
	t.Parallel()
	s := newStores()
	run(t, s, func(b *freeze.Book) {
		for range 1000 {
			b.Holds(nil, "a", "ses", nil, time.Now())
		}
		<-time.After(time.Hour + time.Second)
		s.set(func() {
			if s.reads["a"] != 61 || s.noted["a"] != 61 {
				t.Errorf("%d reads, %d notes in an hour", s.reads["a"], s.noted["a"])
			}
		})
	})
}

func TestAnAccountIsFrozenAsAWholeByWhatHoldsForAllThatItMayHave(t *testing.T) {
	t.Parallel()
	s := newStores()
	s.sets["a"] = freeze.Set{{Scope: freeze.Scope{Account: "ses"}, Until: noon.AddDate(900, 0, 0)}}
	s.sets["b"] = freeze.Set{{Scope: freeze.Scope{Owner: "shop"}, Until: noon.AddDate(900, 0, 0)}}
	run(t, s, func(b *freeze.Book) {
		now := time.Now()
		if b.HoldsAll(nil, "ses", now) {
			t.Error("what stands in store b goes on, but for one owner")
		}
		shop := &rotation.Marks{Owner: "shop"}
		if b.Holds(nil, "b", "ses", shop, now) == nil || b.Holds(nil, "b", "ses", nil, now) != nil || b.Holds(nil, "a", "kirim", shop, now) != nil {
			t.Error("store by store")
		}
		if all := (freeze.Set{{Until: now.Add(time.Hour)}}); !b.HoldsAll(all, "ses", now) || b.HoldsAll(all, "ses", now.Add(time.Hour)) {
			t.Error("the configuration freezes the whole fleet for an hour")
		}
	})
}

func TestWhatIsFrozenAsksAgainSoonEnoughForAThaw(t *testing.T) {
	t.Parallel()
	for until, want := range map[time.Time]time.Duration{
		{}: 5 * time.Second, noon.Add(time.Minute): time.Minute, days(30): 5 * time.Minute, noon: time.Second,
	} {
		if got := (&freeze.Freeze{Until: until}).After(noon); got != want {
			t.Errorf("until %s: %s, want %s", until, got, want)
		}
	}
}
