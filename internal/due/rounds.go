package due

import (
	"container/heap"
	"context"
	"fmt"
	"iter"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/redisx"
	"keyturn/internal/rotation"
	"keyturn/internal/schedule"
)

// Rounds enqueues what recurs beside rotations, such as drift checks, at the points of a schedule that schedule.First
// fixes on the time line. So nothing of it need be stored: a restart goes on at the next point, and what fell due while
// no scheduler ran waits for the one after. Any number of schedulers may do the same rounds at once; each point is
// enqueued once. Every exported field is needed.
type Rounds struct {
	Name    string // of the kind of job; tells the rounds of one subject apart
	Index   Points
	Enqueue func(ctx context.Context, account, id string, slot time.Time) error
	Clock   rotation.Clock
	Log     *slog.Logger
	Jitter  func(rest time.Duration) time.Duration // keeps those that were started together apart; usually Jitter

	plan atomic.Pointer[Plan]
}

// Plan is who is visited, and when. Of a subject only the id and the account count.
type Plan struct {
	Subjects iter.Seq[*rotation.Credential]
	When     func(subject *rotation.Credential) *schedule.Schedule // nil: never
}

const (
	// roundRest is the longest rest between two looks at the clock and at the plan.
	roundRest = time.Second
	// roundMemory is how long it is known that a point was enqueued: longer than schedulers can lag each other.
	roundMemory = 10 * time.Minute
)

// Use makes Run go by another plan. It is called at least once before Run.
func (r *Rounds) Use(plan Plan) { r.plan.Store(&plan) }

// Run makes the rounds until ctx ends.
func (r *Rounds) Run(ctx context.Context) {
	var current *Plan
	var visits visits
	var before time.Time
	late := false
	for {
		now, err := r.Index.Now(ctx)
		if err == nil {
			// Where Redis's clock was ahead, the points that it led to are no measure.
			if plan := r.plan.Load(); plan != current || now.Before(before.Add(-roundMemory)) {
				current, visits = plan, plan.visits(now)
			}
			before = now
			err = r.visit(ctx, visits, now)
		}
		if ctx.Err() == nil && (err != nil) != late {
			late = !late
			r.Log.LogAttrs(ctx, slog.LevelWarn, "rounds", slog.String("kind", r.Name), slog.Bool("late", late), slog.Any("error", err))
		}
		rest := roundRest
		if len(visits) > 0 {
			rest = min(rest, max(time.UnixMilli(visits[0].at).Sub(now), minRest))
		}
		if err != nil {
			rest = backOff
		}
		if r.Clock.Sleep(ctx, r.Jitter(rest)) != nil {
			return
		}
	}
}

const (
	// roundPause is how long a point that could not be enqueued waits, for the first time; twice as long each time.
	roundPause    = backOff
	maxRoundPause = time.Minute
	// patience is how long errors of one account may hold up a round of all accounts.
	patience = time.Second
)

// visit enqueues what is due by now and plans the next visit of each. What cannot be enqueued is tried again later, and
// delays no other: an account whose errors take long is passed over this time.
func (r *Rounds) visit(ctx context.Context, visits visits, now time.Time) error {
	var failed errorList
	spent := map[string]time.Duration{} // on errors
	for len(visits) > 0 && visits[0].at <= now.UnixMilli() {
		v := &visits[0]
		account := v.subject.Account
		if spent[account] > patience {
			v.at = now.Add(roundPause).UnixMilli()
			heap.Fix(&visits, 0)
			continue
		}
		began := r.Clock.Now()
		if err := r.enqueue(ctx, v); err != nil {
			spent[account] += r.Clock.Now().Sub(began)
			failed.add(fmt.Errorf("account %s: %w", account, err))
			v.putOff(now)
		} else {
			point := v.when.First(now.Add(time.Millisecond), v.subject.ID).UnixMilli()
			*v = visit{at: point, point: point, when: v.when, subject: v.subject}
		}
		heap.Fix(&visits, 0)
	}
	return failed.err()
}

// putOff has the same point tried again.
func (v *visit) putOff(now time.Time) {
	v.at = now.Add(min(roundPause<<v.tries, maxRoundPause)).UnixMilli()
	v.tries = min(v.tries+1, 10)
}

var roundScript = redis.NewScript(`
local t = redis.call('TIME')
local last = tonumber(redis.call('GET', KEYS[1]) or 0)
-- A point that is yet to come was marked while the clock was ahead, and its key lives until then.
if last >= tonumber(ARGV[1]) and last <= t[1] * 1000 + math.floor(t[2] / 1000) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`)

func roundKey(kind string, subject *rotation.Credential) string {
	return redisx.Round(subject.Account, kind, subject.ID)
}

// Mark implements Points.
func (x *Index) Mark(ctx context.Context, kind string, subject *rotation.Credential, point time.Time, memory time.Duration) (bool, error) {
	ours, err := roundScript.Run(ctx, x.rdb, []string{roundKey(kind, subject)}, point.UnixMilli(), memory.Milliseconds()).Bool()
	if err != nil {
		return false, fmt.Errorf("%s of %s: %w", kind, subject.ID, err)
	}
	return ours, nil
}

// Unmark implements Points.
func (x *Index) Unmark(ctx context.Context, kind string, subject *rotation.Credential) error {
	if err := x.rdb.Del(ctx, roundKey(kind, subject)).Err(); err != nil {
		return fmt.Errorf("%s of %s: %w", kind, subject.ID, err)
	}
	return nil
}

// enqueue asks for the job unless another scheduler did.
func (r *Rounds) enqueue(ctx context.Context, v *visit) error {
	at := time.UnixMilli(v.point).UTC()
	ours, err := r.Index.Mark(ctx, r.Name, v.subject, at, roundMemory)
	if err != nil || !ours {
		return err
	}
	if err := r.Enqueue(ctx, v.subject.Account, v.subject.ID, at); err != nil {
		_ = r.Index.Unmark(ctx, r.Name, v.subject) // else this one point is lost
		return err
	}
	return nil
}

// visit is one subject's next point. There may be a million.
type visit struct {
	at      int64 // when it is made, unix ms
	point   int64 // for which; before at where it could not be enqueued
	tries   uint8 // of this point
	when    *schedule.Schedule
	subject *rotation.Credential
}

// visits is a heap, the earliest first.
type visits []visit

func (p *Plan) visits(now time.Time) visits {
	var all visits
	for subject := range p.Subjects {
		if when := p.When(subject); when != nil {
			point := when.First(now, subject.ID).UnixMilli()
			all = append(all, visit{at: point, point: point, when: when, subject: subject})
		}
	}
	heap.Init(&all)
	return all
}

func (v visits) Len() int           { return len(v) }
func (v visits) Less(i, j int) bool { return v[i].at < v[j].at }
func (v visits) Swap(i, j int)      { v[i], v[j] = v[j], v[i] }
func (v *visits) Push(x any)        { *v = append(*v, x.(visit)) } //nolint:forcetypeassert // heap's own
func (v *visits) Pop() any {
	last := (*v)[len(*v)-1]
	*v = (*v)[:len(*v)-1]
	return last
}
