package due

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/redisx"
	"keyturn/internal/rotation"
	"keyturn/internal/schedule"
)

func newRounds(x *Index, q *queue, name string, when *schedule.Schedule, subjects ...*rotation.Credential) *Rounds {
	r := &Rounds{
		Name: name, Index: x, Clock: rotation.WallClock{}, Log: slog.New(slog.DiscardHandler), Jitter: Jitter,
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

func TestASubjectThatCannotBeEnqueuedDelaysNoOther(t *testing.T) {
	t.Parallel()
	x, q := newIndex(t), newQueue()
	when := parse(t, schedule.Spec{Every: "1h"})
	subjects := slices.Concat(fleet("a", 20, when), fleet("b", 20, when))
	r := newRounds(x, q, "check", when, subjects...)
	enqueue := r.Enqueue
	r.Enqueue = func(ctx context.Context, account, id string, slot time.Time) error {
		if account == "a" {
			return errVault
		}
		return enqueue(ctx, account, id, slot)
	}
	must(t, x.rdb.HSet(t.Context(), redisx.Key("b", "round:check:b-7"), "no", "string").Err()) // one subject of the healthy account
	now := past
	plan := r.plan.Load().visits(now)
	points := map[string]time.Time{}
	for _, v := range plan {
		points[v.subject.ID] = time.UnixMilli(v.point)
	}
	var told error
	latest := time.Duration(0)
	for ; now.Before(past.Add(time.Hour)); now = now.Add(roundRest) {
		told = cmp.Or(told, r.visit(t.Context(), plan, now))
		for len(q.jobs) > 0 {
			j := <-q.jobs
			latest = max(latest, now.Sub(points[j.id]))
			delete(points, j.id)
		}
	}
	t.Logf("a healthy account's latest check beside an account whose every enqueue fails: %s late", latest)
	if latest > roundRest {
		t.Errorf("a check was %s late", latest)
	}
	if len(points) != 21 || points["b-7"].IsZero() {
		t.Errorf("%d subjects were never enqueued, want those of a and b-7: %v", len(points), points)
	}
	if told == nil || !strings.Contains(told.Error(), "account a") && !strings.Contains(told.Error(), "account b") {
		t.Errorf("the trouble is %v", told)
	}
	must(t, x.rdb.Del(t.Context(), redisx.Key("b", "round:check:b-7")).Err())
	r.Enqueue = enqueue
	must(t, r.visit(t.Context(), plan, now.Add(maxRoundPause)))
	for len(q.jobs) > 0 {
		if j := <-q.jobs; !j.slot.Equal(points[j.id]) {
			t.Errorf("%s came for %s, want its own point %s", j.id, j.slot, points[j.id])
		} else {
			delete(points, j.id)
		}
	}
	if len(points) > 0 {
		t.Errorf("after the repair these are missing: %v", points)
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
	must(t, r.visit(t.Context(), plan, latest.Add(roundPause)))
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
