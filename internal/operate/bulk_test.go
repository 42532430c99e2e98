package operate_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"keyturn/internal/config"
	"keyturn/internal/operate"
	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

// workshop is an account's urgent queue and its workers, which take a job every so often. It belongs to one goroutine.
type workshop struct {
	operate.Queue
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

func (w *workshop) Demand(ctx context.Context, _ string, _ queue.Kind, id string, _ rotation.Job) (time.Time, error) {
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

func (*workshop) Now(context.Context) (time.Time, error) { return time.Now(), nil }

// bulkOf asks for n rotations at nine tenths of the rate of an account. It is followed until all have ended.
func bulkOf(t *testing.T, w *workshop, n int, rate rotation.Rate, edit ...func(*operate.BulkRequest)) (operate.Bulk, error) {
	t.Helper()
	d := bulkDesk(t, w, n, rate)
	r := operate.BulkRequest{Account: "mail", Wait: true, Idle: 5 * time.Minute}
	for _, e := range edit {
		e(&r)
	}
	return d.RotateAll(t.Context(), r)
}

func bulkDesk(t *testing.T, w *workshop, n int, rate rotation.Rate) *operate.Desk {
	t.Helper()
	return &operate.Desk{
		Fleet: fleet(t, n), Accounts: map[string]*config.Account{"mail": {Name: "mail", Rates: []rotation.Rate{rate}}},
		Clock: rotation.WallClock{}, Queue: w,
	}
}

// tenth is a rate at which a bulk asks for 9 a second, a tenth less than the workshop's usual one.
var tenth = rotation.Rate{Requests: 10, Per: time.Second}

const usual = 100 * time.Millisecond

func TestABulkLeavesOtherWorkItsShare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(usual)
		b, err := bulkOf(t, w, 2000, tenth)
		if err != nil || b.Rotated != 2000 {
			t.Fatalf("%+v, %v", b, err)
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

func TestABulkThatWasHeldUpKeepsToItsShareAfterwards(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(usual / 5)
		w.others = 100
		var from time.Time
		b, err := bulkOf(t, w, 200, tenth, func(r *operate.BulkRequest) {
			r.Tell = func(operate.Bulk) {
				if w.others > 0 && time.Since(w.from) > 4*time.Minute {
					w.others, from = 0, time.Now()
				}
			}
		})
		if err != nil || b.Rotated != 200 {
			t.Fatalf("%+v, %v", b, err)
		}
		if took := time.Since(from); took < 20*time.Second {
			t.Errorf("200 rotations took %s: at 9/s, and 18 at once, want 20s or more", took)
		}
	})
}

func TestABulkAsksForNoMoreThanItsWindowWhereNoWorkerRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(0)
		b, err := bulkOf(t, w, 2000, tenth)
		if !errors.Is(err, operate.ErrStalled) || b.Asked != 18 || b.Open != 18 || b.Waits != "c-0" || b.Last != "c-17" {
			t.Errorf("%+v, %v", b, err)
		}
		if took := time.Since(w.from); took != 5*time.Minute {
			t.Errorf("gave up after %s, want 5m", took)
		}
	})
}

func TestABulkWaitsBehindTheDemandsOfOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(usual)
		w.others = 18
		if _, err := bulkOf(t, w, 10, tenth); err == nil || len(w.asked) > 0 {
			t.Errorf("%d were asked for, %v", len(w.asked), err)
		}
	})
}

func TestABulkHoldsBackWhereTheBreakerIsOpen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(usual)
		w.served = func(string) queue.Outcome { return queue.Outcome{Status: queue.StatusBlocked} }
		if _, err := bulkOf(t, w, 2000, tenth); err == nil || len(w.asked) != 18 {
			t.Errorf("%d were asked for, want 18; %v", len(w.asked), err)
		}
	})
}

func TestAProviderThatIsDownGathersABoundedNumber(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(usual)
		w.served = func(string) queue.Outcome { return queue.Outcome{Status: rotation.Failed.String()} }
		if _, err := bulkOf(t, w, 3*operate.MaxOpen, tenth); err == nil || len(w.asked) != operate.MaxOpen {
			t.Errorf("%d were asked for, want %d; %v", len(w.asked), operate.MaxOpen, err)
		}
		if w.largest > operate.LooksAtOnce {
			t.Errorf("%d outcomes were asked for at a time, want at most %d", w.largest, operate.LooksAtOnce)
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
		if b, err := bulkOf(t, w, 300, tenth); err == nil || b.Rotated != 270 || b.Open != 30 || b.Asked != 300 {
			t.Errorf("%+v, %v", b, err)
		}
	})
}

func TestFailuresAreNamedUpToABoundAndCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(usual)
		w.served = func(string) queue.Outcome { return queue.Outcome{Status: rotation.Ended.String(), Final: true} }
		b, err := bulkOf(t, w, 50, tenth)
		if err != nil || b.Failed != 50 || len(b.Failures) != operate.MaxFailures || b.Failures[0].Credential != "c-0" || b.Failures[0].Outcome != operate.Stopped {
			t.Errorf("%+v, %v", b, err)
		}
	})
}

func TestABulkThatDoesNotWaitEndsWhenAllIsAskedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(usual)
		b, err := bulkOf(t, w, 100, tenth, func(r *operate.BulkRequest) { r.Wait = false })
		if err != nil || b.Asked != 100 || b.Open == 0 {
			t.Errorf("%+v, %v", b, err)
		}
	})
}

func TestAnInterruptedBulkSaysWhereToGoOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(usual)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		d := bulkDesk(t, w, 2000, tenth)
		b, err := d.RotateAll(ctx, operate.BulkRequest{Account: "mail", Wait: true, Idle: 5 * time.Minute})
		if last := w.asked[len(w.asked)-1]; !errors.Is(err, operate.ErrInterrupted) || b.Last != last {
			t.Errorf("%+v, %v; the last one asked for was %s", b, err, last)
		}
	})
}

func TestASlowAccountIsAskedForOneByOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop(6 * time.Minute)
		if _, err := bulkOf(t, w, 5, rotation.Rate{Requests: 1, Per: w.every}); err != nil || w.most != 1 {
			t.Errorf("%d waited at a time, %v", w.most, err)
		}
	})
}

func TestWhoAsksForABulkHearsHowFarItIs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, told := newWorkshop(usual), []operate.Bulk(nil)
		b, err := bulkOf(t, w, 100, tenth, func(r *operate.BulkRequest) { r.Tell = func(b operate.Bulk) { told = append(told, b) } })
		if err != nil || len(told) < 10 || told[0].Asked >= 100 || told[len(told)-1].Rotated != b.Rotated {
			t.Errorf("told %d times, last %+v; %+v, %v", len(told), told[len(told)-1], b, err)
		}
		for i := 1; i < len(told); i++ {
			if told[i].Rotated < told[i-1].Rotated || told[i].Asked < told[i-1].Asked {
				t.Errorf("%+v after %+v", told[i], told[i-1])
			}
		}
	})
}
