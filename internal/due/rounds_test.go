package due

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/rotation"
	"keyturn/internal/schedule"
)

func newRounds(x *Index, q *queue, name string, when *schedule.Schedule, subjects ...*rotation.Credential) *Rounds {
	r := &Rounds{
		Name: name, Index: x, Clock: clock{}, Log: slog.New(slog.DiscardHandler),
		Enqueue: func(_ context.Context, account, id string, slot time.Time) error {
			q.mu.Lock()
			defer q.mu.Unlock()
			if q.err != nil {
				return q.err
			}
			q.jobs <- job{account: account, id: id, slot: slot}
			return nil
		},
	}
	r.Use(Plan{Subjects: slices.Values(subjects), When: func(s *rotation.Credential) *schedule.Schedule {
		if s.Account == "never" {
			return nil
		}
		return when
	}})
	return r
}

func TestRoundsEnqueueEachPointOnceHoweverManySchedulersRun(t *testing.T) {
	t.Parallel()
	server := devenvtest.Redis(t)
	when := parse(t, schedule.Spec{Every: "1s"})
	subjects := append(fleet("a", 5, when), fleet("never", 3, when)...)
	q := newQueue()
	for range 3 {
		r := newRounds(dial(t, server.Addr), q, "check", when, subjects...)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.Run(ctx)
		}()
		t.Cleanup(func() { cancel(); <-done })
	}
	seen := map[job]bool{}
	for _, j := range q.take(t, 20) {
		if seen[j] {
			t.Errorf("%s was enqueued twice for %s", j.id, j.slot)
		}
		seen[j] = true
		if want := when.First(j.slot, j.id).Truncate(time.Millisecond); !j.slot.Equal(want) || j.account != "a" {
			t.Errorf("%+v is no point of the schedule, the next would be %s", j, want)
		}
	}
}

func TestAPointThatCouldNotBeEnqueuedIsTriedAgain(t *testing.T) {
	t.Parallel()
	x, q := newIndex(t), newQueue()
	when := every30d(t)
	subjects := fleet("a", 20, when)
	r := newRounds(x, q, "check", when, subjects...)
	plan := r.plan.Load().visits(past)
	latest := time.UnixMilli(slices.MaxFunc(plan, func(a, b visit) int { return cmp.Compare(a.at, b.at) }).at)
	q.err = errVault
	if err := r.visit(t.Context(), plan, latest); err == nil {
		t.Fatal("no word of the queue's trouble")
	}
	q.err = nil
	must(t, r.visit(t.Context(), plan, latest))
	if n := len(q.jobs); n != 20 {
		t.Errorf("%d of 20 were enqueued", n)
	}
	for _, v := range plan {
		if v.at <= latest.UnixMilli() {
			t.Errorf("%s is planned for %s, which is over", v.subject.ID, time.UnixMilli(v.at))
		}
	}
	must(t, newRounds(x, q, "contacts", when, subjects...).visit(t.Context(), r.plan.Load().visits(past), latest))
	if n := len(q.jobs); n != 40 {
		t.Errorf("rounds of another kind enqueued %d", n-20)
	}
}
