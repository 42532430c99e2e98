package fleetsim

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

// tasks is a model of internal/queue on asynq: ids that are taken by what waits, a queue that is emptied first, tasks that
// come back, tasks of dead workers that come back late. The caller of a method in lower case holds the lock, where the
// comment says so.
type tasks struct {
	*Sim
	mu       sync.Mutex
	all      map[string]*task // by queue and id
	of       map[string]int   // tasks by credential
	seq      uint64
	workers  []*process
	breakers map[string]*breaker
	closed   map[string]time.Time // when a breaker last closed, by account
}

func newTasks(s *Sim) *tasks {
	return &tasks{Sim: s, all: map[string]*task{}, of: map[string]int{}, breakers: map[string]*breaker{}, closed: map[string]time.Time{}}
}

const (
	twins   = 8 // tasks of one wish
	serving = 4 // tasks of one account that a worker runs at once
)

// put enqueues a task unless its id is taken, which it then returns. The caller holds the lock.
func (q *tasks) put(cred *rotation.Credential, k kind, urgent bool, n int, job rotation.Job, after time.Duration) (taken *task) {
	t := &task{id: taskID(k, cred.ID, n), cred: cred.ID, account: cred.Account, kind: k, urgent: urgent, job: job, state: pending, began: virtual()}
	name := queueKey(t.account, urgent, t.id)
	if there := q.all[name]; there != nil {
		return there
	}
	q.all[name] = t
	q.of[t.cred]++
	if after > 0 {
		q.rest(t, asked, after)
		return nil
	}
	q.ready(t)
	return nil
}

// ready makes a task pending. The caller holds the lock.
func (q *tasks) ready(t *task) {
	q.seq++
	t.state, t.seq, t.by, t.failed = pending, q.seq, nil, false
}

// rest lets a task sleep, in whole seconds. The caller holds the lock.
func (q *tasks) rest(t *task, state taskState, d time.Duration) {
	d = (d + time.Second - 1).Truncate(time.Second)
	d = max(d, time.Second)
	t.state, t.until, t.by = state, virtual().Add(d), nil
	until := t.until
	q.running.Go(func() {
		if q.pass(q.ctx, d, d+time.Second, t.account+t.id, "sleep") != nil {
			return
		}
		q.mu.Lock()
		if (t.state == sleeping || t.state == asked) && t.until.Equal(until) {
			q.ready(t)
		}
		q.mu.Unlock()
		q.kick()
	})
}

// once enqueues a task unless one of the same wish waits already.
func (q *tasks) once(cred *rotation.Credential, k kind, urgent bool, job rotation.Job) {
	q.mu.Lock()
	for n := range twins {
		t := q.put(cred, k, urgent, n, job, 0)
		if t == nil || t.state == pending || t.state != active && job.Reason != rotation.ReasonResume {
			break
		}
		if t.state == sleeping { // a resume has what sleeps run now, unless the breaker sent it away
			if b := q.breakers[t.account]; b == nil || !b.open {
				q.ready(t)
			}
			break
		}
	}
	q.mu.Unlock()
	q.kick()
}

// putUrgent enqueues a task on the urgent queue under the first id that is free.
func (q *tasks) putUrgent(cred *rotation.Credential, k kind, job rotation.Job, after time.Duration) error {
	q.mu.Lock()
	err := queue.ErrBusy
	for n := range twins {
		if q.put(cred, k, true, n, job, after) == nil {
			err = nil
			break
		}
	}
	q.mu.Unlock()
	q.kick()
	return err
}

// ask is what a run asks for.
func (q *tasks) ask(cred *rotation.Credential, reason rotation.Reason, after time.Duration) error {
	q.cells[cred.ID].happened("asked for: %s after %s", reason, after)
	if reason == rotation.ReasonDrift {
		q.drifted(q.cells[cred.ID])
	}
	return q.putUrgent(cred, kindOf(reason), rotation.Job{Slot: q.slot(), Reason: reason}, after)
}

// slot is now by Redis's clock, to the millisecond.
func (q *tasks) slot() time.Time { return q.redisNow().Truncate(time.Millisecond) }

// demand is a person's wish.
func (q *tasks) demand(c *cell) {
	job := rotation.Job{Slot: q.slot(), Reason: rotation.ReasonDemand, RequestedBy: "ops"}
	c.wish("a demand")
	if q.putUrgent(c.cred, rotate, job, 0) == nil {
		q.Sim.mu.Lock()
		q.report.Demands++
		q.Sim.mu.Unlock()
	}
}

// join has a worker take tasks.
func (q *tasks) join(p *process) {
	q.mu.Lock()
	q.workers = append(q.workers, p)
	q.mu.Unlock()
	q.kick()
}

// orphan has the tasks of a dead worker come back when their leases have run out.
func (q *tasks) orphan(p *process) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.workers = slices.DeleteFunc(q.workers, func(other *process) bool { return other == p })
	for _, t := range q.sorted() {
		if t.by == p {
			q.rest(t, sleeping, q.between(61*time.Second, 170*time.Second, t.account+t.id, "lease", t.seq))
		}
	}
}

// sorted are all tasks in the order in which they became pending. The caller holds the lock.
func (q *tasks) sorted() []*task {
	all := make([]*task, 0, len(q.all))
	for _, t := range q.all {
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b *task) int { return cmp.Or(cmp.Compare(a.seq, b.seq), cmp.Compare(a.id, b.id)) })
	return all
}

// kick hands out what is pending, urgent tasks first.
func (q *tasks) kick() {
	if q.noWrites() {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	var waiting []*task
	for _, t := range q.all {
		if t.state == pending {
			waiting = append(waiting, t)
		}
	}
	slices.SortFunc(waiting, func(a, b *task) int {
		urgent := 0
		if a.urgent != b.urgent {
			urgent = 1
			if a.urgent {
				urgent = -1
			}
		}
		return cmp.Or(urgent, cmp.Compare(a.seq, b.seq))
	})
	for _, t := range waiting {
		if p := q.free(t); p != nil {
			p.running[t.account]++
			t.state, t.by = active, p
			if !q.admit(t) {
				p.running[t.account]--
				continue
			}
			q.running.Go(func() { p.run(q.ctx, t) })
		}
	}
}

// free is a worker that can run a task; nil if there is none. The caller holds the lock.
func (q *tasks) free(t *task) *process {
	for i := range q.workers {
		p := q.workers[(int(t.seq)+i)%len(q.workers)] //nolint:gosec // small
		if !p.dead.Load() && p.running[t.account] < serving {
			return p
		}
	}
	return nil
}

// done is what becomes of a task after a run. While Redis is away it is told again for 25 s; then the task stays as it is
// until its lease has run out.
func (q *tasks) done(p *process, t *task, result rotation.Result) {
	for range 25 {
		if !q.noWrites() || sleep(q.ctx, time.Second) != nil {
			break
		}
	}
	q.mu.Lock()
	p.running[t.account]--
	switch {
	case t.by != p || p.dead.Load():
	case q.noWrites():
		q.rest(t, sleeping, q.between(61*time.Second, 170*time.Second, t.account+t.id, "lease", t.seq))
	default:
		q.settle(t, result)
	}
	q.mu.Unlock()
	q.kick()
}

// settle is internal/queue's table of outcomes. The caller holds the lock.
func (q *tasks) settle(t *task, result rotation.Result) {
	t.says = ""
	if result.Err != nil {
		t.says = result.Err.Error()
	}
	q.learn(t, result)
	switch result.Status {
	case rotation.Waiting:
		q.rest(t, sleeping, result.After)
	case rotation.Replaced:
		q.rest(t, sleeping, max(result.After, time.Second))
	case rotation.Failed:
		jitter := float64(q.below(1000, t.account+t.id, "jitter", t.seq)) / 1000
		q.rest(t, sleeping, max(result.After, queue.Delay(t.attempt, jitter)))
		t.failed = true
		t.attempt++
	default:
		q.drop(t)
	}
}

// drop takes a task out. The caller holds the lock.
func (q *tasks) drop(t *task) {
	if name := queueKey(t.account, t.urgent, t.id); q.all[name] == t {
		delete(q.all, name)
		q.of[t.cred]--
	}
}

// idle reports that nothing in the queue is about a credential.
func (q *tasks) idle(cred *rotation.Credential) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.of[cred.ID] == 0
}

// flush does what FLUSHALL does: who runs a task goes on.
func (q *tasks) flush() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, t := range q.all {
		if t.state != active {
			t.state = 0
		}
	}
	q.all, q.of, q.breakers = map[string]*task{}, map[string]int{}, map[string]*breaker{}
}
