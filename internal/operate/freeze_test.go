package operate_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"keyturn/internal/freeze"
	"keyturn/internal/operate"
	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

// ledger is what the stores have of freezes, and what Redis was told.
type ledger struct {
	sets     map[string]freeze.Set
	versions map[string]int
	away     string // a store that does not answer
	rival    func() // writes first, once
	noted    []string
}

func newLedger(stores ...string) *ledger {
	l := &ledger{sets: map[string]freeze.Set{}, versions: map[string]int{}}
	for _, store := range stores {
		l.sets[store] = nil
	}
	return l
}

var errAway = errors.New("the store does not answer")

func (l *ledger) StoreNames() []string {
	names := make([]string, 0, len(l.sets))
	for store := range l.sets {
		names = append(names, store)
	}
	slices.Sort(names)
	return names
}

func (l *ledger) LoadFreezes(_ context.Context, store string) (freeze.Set, int, error) {
	if store == l.away {
		return nil, 0, errAway
	}
	set, version := l.sets[store], l.versions[store]
	if rival := l.rival; rival != nil {
		l.rival = nil
		rival()
	}
	return set, version, nil
}

func (l *ledger) SaveFreezes(_ context.Context, store string, set freeze.Set, version int) error {
	if version != l.versions[store] {
		return rotation.ErrStale
	}
	l.sets[store], l.versions[store] = set, version+1
	return nil
}

func (l *ledger) Freezes(context.Context) (map[string]freeze.Set, error) { return l.sets, nil }

func (*ledger) NoteFreezes(context.Context, string, freeze.Set) error { return nil }

func (l *ledger) NoteFreeze(_ context.Context, kind, account, by, why string) error {
	l.noted = append(l.noted, kind+" "+account+" by "+by+": "+why)
	return nil
}

// withFreezes calls f with a desk of one credential of an owner, in a bubble.
func withFreezes(t *testing.T, stores []string, f func(t *testing.T, s *stage, d *operate.Desk, l *ledger)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s, l := newStage(t), newLedger(stores...)
		s.marks = &rotation.Marks{Owner: "shop"}
		d := s.desk()
		d.Freezes, d.Calendar = l, l
		f(t, s, d, l)
	})
}

var ofShop = freeze.Scope{Owner: "shop"}

func TestAFreezeStandsInEveryStoreThatAnswers(t *testing.T) {
	t.Parallel()
	withFreezes(t, []string{"a", "b", "default"}, func(t *testing.T, _ *stage, d *operate.Desk, l *ledger) {
		t.Helper()
		l.away = "b"
		r := operate.FreezeRequest{Scope: ofShop, Until: time.Now().Add(time.Hour), Reason: "audit", By: "ann@host"}
		if _, err := d.Freeze(t.Context(), r); !errors.Is(err, errAway) || len(l.sets["a"]) != 1 || len(l.sets["default"]) != 1 {
			t.Fatalf("%v; %+v", err, l.sets)
		}
		l.away = ""
		f, err := d.Freeze(t.Context(), r)
		if err != nil || f.Credentials != 1 || f.Unnoted != nil {
			t.Fatalf("%+v, %v", f, err)
		}
		for store, set := range l.sets {
			if len(set) != 1 || set[0].By != "ann@host" || set[0].Reason != "audit" {
				t.Errorf("store %s has %+v", store, set)
			}
		}
		if len(l.noted) != 1 || !strings.HasPrefix(l.noted[0], "frozen  by ann@host: owner shop: until ") {
			t.Errorf("noted %q", l.noted)
		}
		thawed, err := d.Thaw(t.Context(), ofShop, "bob@host")
		if err != nil || len(thawed.Left) != 0 || l.noted[1] != "thawed  by bob@host: owner shop" {
			t.Errorf("%+v, %v, noted %q", thawed, err, l.noted)
		}
	})
}

func TestTwoPersonsWhoFreezeAtOnceLoseNothing(t *testing.T) {
	t.Parallel()
	withFreezes(t, []string{"default"}, func(t *testing.T, _ *stage, d *operate.Desk, l *ledger) {
		t.Helper()
		until := time.Now().Add(time.Hour)
		l.rival = func() {
			if err := l.SaveFreezes(t.Context(), "default", freeze.Set{{Scope: freeze.Scope{Account: "other"}, Until: until}}, 0); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := d.Freeze(t.Context(), operate.FreezeRequest{Scope: ofShop, Until: until, Reason: "audit"}); err != nil {
			t.Fatal(err)
		}
		if len(l.sets["default"]) != 2 {
			t.Errorf("%+v", l.sets)
		}
	})
}

func TestAThawEndsNoOtherFreezeAndSaysWhichAreLeft(t *testing.T) {
	t.Parallel()
	withFreezes(t, []string{"default"}, func(t *testing.T, _ *stage, d *operate.Desk, l *ledger) {
		t.Helper()
		now := time.Now()
		over := freeze.Freeze{Scope: ofShop, Until: now}
		l.sets["default"] = freeze.Set{{Until: now.Add(time.Hour)}, over}
		d.Configured = freeze.Set{{Name: "year-end", Scope: ofShop, From: now, Until: now.Add(2 * time.Hour)}}
		thawed, err := d.Thaw(t.Context(), ofShop, "ann@host")
		if operate.KindOf(err) != operate.Absent || !strings.Contains(err.Error(), "the configuration has it as freezes.year-end") || len(thawed.Left) != 2 {
			t.Errorf("%+v, %v", thawed, err)
		}
		if l.versions["default"] != 0 || len(l.noted) != 0 {
			t.Errorf("nothing was thawed, and it was written and noted: %q", l.noted)
		}
	})
}

func TestAFreezeIsSeenInStatusAndExplain(t *testing.T) {
	t.Parallel()
	withFreezes(t, []string{"default", "other"}, func(t *testing.T, s *stage, d *operate.Desk, l *ledger) {
		t.Helper()
		promote(time.Now().Add(-48 * time.Hour))(s)
		f := freeze.Freeze{Scope: ofShop, Until: time.Now().Add(time.Hour), Reason: "audit"}
		l.sets["default"], l.sets["other"] = freeze.Set{f}, freeze.Set{f}
		var row operate.Row
		page, err := d.Status(t.Context(), operate.Query{}, func(r operate.Row) error { row = r; return nil }, nil)
		if err != nil || row.Frozen == nil || row.Frozen.Reason != "audit" || len(page.Freezes) != 1 || page.Unknown != nil {
			t.Errorf("status: %+v, %+v, %v", row, page, err)
		}
		story, err := d.Explain(t.Context(), "alerts")
		if err != nil || story.Frozen == nil || !strings.Contains(story.Next.Text, "when the change freeze is over") || !story.Next.At.Equal(f.Until) {
			t.Errorf("explain: %+v, %v", story.Next, err)
		}
		l.sets["default"] = nil // the other store's is about what is there
		if story, err := d.Explain(t.Context(), "alerts"); err != nil || story.Frozen != nil {
			t.Errorf("explain: %+v, %v", story.Frozen, err)
		}
	})
}

func TestInAFreezeADemandInsistsOrIsNotMade(t *testing.T) {
	t.Parallel()
	withFreezes(t, []string{"default"}, func(t *testing.T, s *stage, d *operate.Desk, l *ledger) {
		t.Helper()
		d.Freezes = nil // Redis tells too
		l.sets["default"] = freeze.Set{{Scope: ofShop, Until: time.Now().Add(time.Hour), Reason: "audit"}}
		_, err := d.Rotate(t.Context(), []string{"alerts"}, operate.Request{By: "ann@host"})
		if operate.KindOf(err) != operate.Conflict || !errors.Is(err, queue.ErrFrozen) || !strings.Contains(err.Error(), "alerts: frozen until ") || len(s.acts) > 0 {
			t.Errorf("%v; %q", err, s.acts)
		}
		if _, err := d.Rotate(t.Context(), []string{"alerts"}, operate.Request{By: "ann@host", Force: true}); err != nil || len(s.acts) != 1 {
			t.Errorf("insisting: %v; %q", err, s.acts)
		}
	})
}
