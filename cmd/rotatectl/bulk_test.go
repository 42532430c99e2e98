package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

// workshop is an account's urgent queue and its workers, which take a job every so often. It belongs to one goroutine.
type workshop struct {
	every  time.Duration                 // 0: no worker runs
	served func(id string) queue.Outcome // nil: all are rotated
	others int                           // jobs of others that wait for good

	from     time.Time
	taken    int // turns that have passed
	idle     int // of those, how many found nothing
	pending  []string
	slots    map[string]time.Time
	outcomes map[string]queue.Outcome
	most     int // pending at a time
	asked    []string
	largest  int // number of outcomes asked for at a time
}

func newWorkshop(every time.Duration) *workshop {
	return &workshop{every: every, from: time.Now(), slots: map[string]time.Time{}, outcomes: map[string]queue.Outcome{}}
}

var rotated = queue.Outcome{Status: rotation.Done.String(), Final: true, Rotated: true}

// work lets the workers take what they would have taken by now.
func (w *workshop) work() {
	if w.every == 0 {
		return
	}
	for ; time.Since(w.from) >= time.Duration(w.taken+1)*w.every; w.taken++ {
		if len(w.pending) == 0 {
			w.idle++
			continue
		}
		id := w.pending[0]
		w.pending = w.pending[1:]
		o := rotated
		if w.served != nil {
			o = w.served(id)
		}
		o.Slot = w.slots[id]
		w.outcomes[id] = o
	}
}

func (w *workshop) Demand(ctx context.Context, _ string, _ queue.Kind, id, _ string) (time.Time, error) {
	if ctx.Err() != nil {
		return time.Time{}, ctx.Err()
	}
	w.work()
	w.pending, w.asked = append(w.pending, id), append(w.asked, id)
	w.most = max(w.most, len(w.pending))
	w.slots[id] = time.Now()
	return w.slots[id], nil
}

func (w *workshop) Outcomes(_ context.Context, _ queue.Kind, creds []*rotation.Credential) ([]queue.Outcome, error) {
	w.work()
	w.largest = max(w.largest, len(creds))
	all := make([]queue.Outcome, len(creds))
	for i, cred := range creds {
		all[i] = w.outcomes[cred.ID]
	}
	return all, nil
}

func (w *workshop) Depths(context.Context, ...string) ([]queue.Depth, error) {
	w.work()
	return []queue.Depth{{Urgent: true, Pending: len(w.pending) + w.others}, {Pending: 1000}}, nil
}

// bulkOf asks for n rotations at 9/s, a tenth less than the workshop's usual rate.
func bulkOf(t *testing.T, w *workshop, n int) *bulk {
	t.Helper()
	return &bulk{
		queue: w, clock: rotation.WallClock{}, account: "mail", creds: slices.Values(fleet(t, n)), total: n, pace: 9,
		idle: 5 * time.Minute, wait: true, moved: func(int) {},
	}
}

const usual = 100 * time.Millisecond

func TestABulkLeavesOtherWorkItsShare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(usual)
		b := bulkOf(t, w, 2000)
		if err := b.run(t.Context()); err != nil || b.rotated != 2000 {
			t.Fatalf("%d rotated, %v", b.rotated, err)
		}
		if w.most > 18 {
			t.Errorf("%d waited at a time: more than two seconds' work", w.most)
		}
		if took := time.Since(w.from); took > 225*time.Second {
			t.Errorf("took %s, at 9/s want about 222s", took)
		}
		if free := float64(w.idle) / float64(w.taken); free < 0.08 {
			t.Errorf("scheduled work had %.2f of the turns, want about a tenth", free)
		}
	})
}

func TestABulkAsksForNoMoreThanItsWindowWhereNobodyWorks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(0)
		b := bulkOf(t, w, 2000)
		err := b.run(t.Context())
		want := "mail: nothing has moved for too long: is a worker running?\n" +
			"18 are still open, c-0 among them; what was asked for goes on without rotatectl\n" +
			"1982 were not asked for: `rotatectl rotate --all --account mail --after c-17` goes on there"
		if err == nil || err.Error() != want {
			t.Errorf("%v\nwant\n%s", err, want)
		}
		if took := time.Since(w.from); took != b.idle {
			t.Errorf("gave up after %s, want %s", took, b.idle)
		}
	})
}

func TestABulkWaitsBehindTheDemandsOfOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(usual)
		w.others = 18
		if err := bulkOf(t, w, 10).run(t.Context()); err == nil || len(w.asked) > 0 {
			t.Errorf("%d were asked for, %v", len(w.asked), err)
		}
	})
}

func TestABulkHoldsBackWhereTheBreakerIsOpen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(usual)
		w.served = func(string) queue.Outcome { return queue.Outcome{Status: queue.StatusBlocked} }
		if err := bulkOf(t, w, 2000).run(t.Context()); err == nil || len(w.asked) != 18 {
			t.Errorf("%d were asked for, want 18; %v", len(w.asked), err)
		}
	})
}

func TestAProviderThatIsDownGathersABoundedNumber(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(usual)
		w.served = func(string) queue.Outcome { return queue.Outcome{Status: rotation.Failed.String()} }
		if err := bulkOf(t, w, 3*maxOpen).run(t.Context()); err == nil || len(w.asked) != maxOpen {
			t.Errorf("%d were asked for, want %d; %v", len(w.asked), maxOpen, err)
		}
		if w.largest > lookSize {
			t.Errorf("%d outcomes were asked for at a time, want at most %d", w.largest, lookSize)
		}
	})
}

func TestAFewThatFailHoldUpNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(usual)
		w.served = func(id string) queue.Outcome {
			if strings.HasSuffix(id, "7") { // 30 of 300, more than a window
				return queue.Outcome{Status: rotation.Failed.String(), Text: "failed: in doubt"}
			}
			return rotated
		}
		b := bulkOf(t, w, 300)
		if err := b.run(t.Context()); err == nil || b.rotated != 270 || len(b.open) != 30 || b.asked != 300 {
			t.Errorf("%d rotated, %d open, %d asked for, %v", b.rotated, len(b.open), b.asked, err)
		}
	})
}

func TestFailuresAreNamedUpToABoundAndCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(usual)
		w.served = func(string) queue.Outcome { return queue.Outcome{Status: rotation.Ended.String(), Final: true} }
		b := bulkOf(t, w, 50)
		lines := strings.Split(fmt.Sprint(b.run(t.Context())), "\n")
		if len(lines) != maxListed+1 || lines[0] != "c-0: quarantined: see `rotatectl status c-0`" || lines[maxListed] != "and 30 more that were not rotated" {
			t.Errorf("%d lines:\n%s", len(lines), strings.Join(lines, "\n"))
		}
	})
}

func TestABulkThatDoesNotWaitEndsWhenAllIsAskedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(usual)
		b := bulkOf(t, w, 100)
		b.wait = false
		if err := b.run(t.Context()); err != nil || b.asked != 100 || len(b.open) == 0 {
			t.Errorf("%d asked for, %d open, %v", b.asked, len(b.open), err)
		}
	})
}

func TestAnInterruptedBulkSaysWhereToGoOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(usual)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		b := bulkOf(t, w, 2000)
		err := b.run(ctx)
		last := w.asked[len(w.asked)-1]
		if err == nil || !strings.HasPrefix(err.Error(), "mail: interrupted\n") || !strings.Contains(err.Error(), "--after "+last+"`") {
			t.Errorf("%v; the last one asked for was %s", err, last)
		}
	})
}

func TestASlowAccountIsAskedForOneByOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(6 * time.Minute)
		b := bulkOf(t, w, 5)
		b.pace, b.idle = share/w.every.Seconds(), 2*time.Hour
		if err := b.run(t.Context()); err != nil || w.most != 1 {
			t.Errorf("%d waited at a time, %v", w.most, err)
		}
	})
}

func TestRatesAndTimesReadAsPeopleSayThem(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ got, want string }{
		{perUnit(19), "19/s"},
		{perUnit(18.05), "18.1/s"},
		{perUnit(2000), "2000/s"},
		{perUnit(0.5), "30/min"},
		{perUnit(1.0 / 360), "10/h"},
		{perUnit(1.0 / 7200), "12/d"},
		{about(time.Millisecond), "less than 1s"},
		{about(70400 * time.Millisecond), "about 1m10s"},
		{about(12 * time.Minute), "about 12m"},
		{about(90 * time.Minute), "about 1h30m"},
		{about(60 * time.Hour), "about 2.5 days"},
	} {
		if test.got != test.want {
			t.Errorf("%q, want %q", test.got, test.want)
		}
	}
}
