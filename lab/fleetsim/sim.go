package fleetsim

import (
	"context"
	"crypto/x509"
	"fmt"
	"hash/fnv"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"keyturn/internal/due/duetest"
	"keyturn/internal/ratelimit/ratelimittest"
	"keyturn/internal/rotation"
	"keyturn/internal/rotation/rotationtest"
)

// Run is what is simulated.
type Run struct {
	Seed        uint64
	Days        int
	Credentials int       // of each of the five accounts
	FaultsADay  int       // that begin
	Variant     Variant   // what is broken on purpose; "" for nothing
	Only        []trouble // the troubles that come; all of them where there are none
	Until       string    // ends with the first violation that says so; "": at its time
}

// Report is what came of a run.
type Report struct {
	Rotations, Demands int
	Came               map[trouble]int // how often each trouble came
	Violations         []string        // each with the time line of its credential
	Digest             uint64          // of all that happened last to each credential: the same for the same run
}

// Sim is one run. It must be made and run in a bubble of testing/synctest.
type Sim struct {
	Run
	*chance
	variant  *broken
	begin    time.Time
	end      time.Time
	calm     time.Duration // how long nothing goes wrong at the end
	ctx      context.Context
	running  sync.WaitGroup // everything that lives in this run
	accounts []*account
	servers  []*mailServer
	cells    map[string]*cell
	order    []*cell
	config   configured
	whole    *inventory
	index    *duetest.Index
	slots    *ratelimittest.Slots
	queue    *tasks
	plan     []fault

	authority *x509.CertPool
	ids       atomic.Int64
	ahead     atomic.Int64 // of Redis's clock, in nanoseconds
	changed   atomic.Int64 // when something changed for better or worse, unix ns

	mu        sync.Mutex
	wake      chan struct{} // closed with the next change
	found     chan struct{} // has an element after a violation that says Until
	processes map[string]*process
	reloads   map[string]func(*inventory)
	calls     map[string][]time.Time
	ongoing   map[troubled]int
	last      map[troubled]time.Time // when each came or went last
	spans     map[string][]span      // by whom: when something was wrong
	history   []string
	report    Report
}

// troubled is a credential, an account or a server in trouble.
type troubled struct {
	trouble trouble
	whom    string
}

// New makes a run.
func New(ctx context.Context, run Run) (*Sim, error) {
	s := &Sim{
		Run: run, chance: newChance(run.Seed), begin: virtual(), calm: 3 * 24 * time.Hour, ctx: ctx, cells: map[string]*cell{},
		wake: make(chan struct{}), found: make(chan struct{}, 1), processes: map[string]*process{}, reloads: map[string]func(*inventory){}, calls: map[string][]time.Time{},
		ongoing: map[troubled]int{}, last: map[troubled]time.Time{}, spans: map[string][]span{}, report: Report{Came: map[trouble]int{}},
	}
	s.end = s.begin.Add(time.Duration(run.Days) * 24 * time.Hour)
	s.variant = &broken{Sim: s}
	s.index, s.slots, s.queue = duetest.NewIndex(s.redisNow), ratelimittest.NewSlots(s.redisNow), newTasks(s)
	if err := s.makeServers(); err != nil {
		return nil, err
	}
	var all []*rotation.Credential
	for _, a := range accounts() {
		s.accounts = append(s.accounts, &a)
		creds, err := a.credentials(run.Credentials, s.servers)
		if err != nil {
			return nil, err
		}
		for _, cred := range creds {
			s.add(&a, cred)
		}
		all = append(all, creds...)
	}
	s.whole = newInventory("whole", all)
	s.config.Store(s.whole)
	s.makePlan()
	return s, nil
}

// makeServers makes the mail servers: one that bears many questions, one that bears few, and one in between.
func (s *Sim) makeServers() error {
	pool, identity, err := newAuthority([]string{"mail-0", "mail-1", "mail-2", "mail-3"}, s.begin)
	if err != nil {
		return err
	}
	s.authority = pool
	for i, m := range []*mailServer{
		{rate: rotation.Rate{Requests: 3000, Per: time.Minute}, spread: 2 * time.Second},
		{rate: rotation.Rate{Requests: 30, Per: time.Minute}, limit: 40, spread: 20 * time.Second},
		{rate: rotation.Rate{Requests: 120, Per: time.Minute}, spread: 0},
		{rate: rotation.Rate{Requests: 60, Per: time.Minute}, spread: 5 * time.Second},
	} {
		m.Sim, m.address, m.identity = s, fmt.Sprintf("mail-%d:465", i), identity
		m.ledger = ratelimittest.NewLedger(s.redisNow, m.rate)
		s.servers = append(s.servers, m)
	}
	return nil
}

// add makes the world of a credential, whose password has any age up to its period.
func (s *Sim) add(a *account, cred *rotation.Credential) {
	age := s.between(0, cred.Schedule.Next(s.begin, cred.ID).Sub(s.begin), cred.ID, "age", 0)
	c := &cell{
		Sim: s, World: rotationtest.NewWorldAt(s.begin, s.begin.Add(-age).Truncate(time.Millisecond)), cred: cred, account: a, ports: map[string]ports{},
		changes: []change{{password: rotationtest.Old}},
	}
	if cred.Verify.Mode == rotation.VerifySMTP {
		c.server = s.servers[a.server]
	}
	c.Decide = c.decide
	s.cells[cred.ID] = c
	s.order = append(s.order, c)
}

// Live lets the fleet live, and judges it.
func (s *Sim) Live() (Report, error) {
	s.alerted()
	for _, name := range []string{"worker-a", "worker-b", "worker-c"} {
		if _, err := s.startWorker(name, s.skewOf(name)); err != nil {
			return Report{}, err
		}
	}
	for _, name := range []string{"scheduler-a", "scheduler-b"} {
		if _, err := s.startScheduler(name); err != nil {
			return Report{}, err
		}
	}
	s.processes[witness] = &process{Sim: s, name: witness}
	if _, err := s.startWorker(operator, 0); err != nil {
		return Report{}, err
	}
	s.misbehave()
	s.running.Go(s.wishes)
	s.running.Go(s.watch)
	timer := time.NewTimer(s.end.Sub(virtual()))
	defer timer.Stop()
	select {
	case <-s.ctx.Done():
		return Report{}, s.ctx.Err()
	case <-s.found:
	case <-timer.C:
		s.judge()
	}
	digest := fnv.New64a()
	for _, c := range s.order {
		_, _ = io.WriteString(digest, c.timeline()) // which cannot fail
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report.Digest = digest.Sum64()
	return s.report, nil
}

// Wait waits for everything that lives in the run to end, once its context has.
func (s *Sim) Wait() { s.running.Wait() }

// redisNow is the clock that all share.
func (s *Sim) redisNow() time.Time { return virtual().Add(time.Duration(s.ahead.Load())) }

// skewOf is how far a machine's own clock is off: up to an hour either way.
func (s *Sim) skewOf(name string) time.Duration {
	return s.between(-time.Hour, time.Hour, name, "skew", 0)
}

// alerted notes that something changed for better or worse, and wakes who rests for longer than usual.
func (s *Sim) alerted() {
	s.changed.Store(virtual().UnixNano())
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.wake)
	s.wake = make(chan struct{})
}

// alarm is closed when something changes.
func (s *Sim) alarm() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wake
}

// quiet reports that nothing has changed for a while.
func (s *Sim) quiet() bool { return virtual().UnixNano()-s.changed.Load() > int64(alert) }

// on reports whether a trouble is there.
func (s *Sim) on(t trouble, whom string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ongoing[troubled{t, whom}] > 0
}

// noWrites reports that Redis takes none.
func (s *Sim) noWrites() bool { return s.on(redisAway, "") || s.on(redisFull, "") }

func (s *Sim) process(name string) *process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.processes[name]
}

// log adds to what happened to all.
func (s *Sim) log(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	const kept = 60
	if len(s.history) >= 2*kept {
		s.history = append(s.history[:0], s.history[kept:]...)
	}
	s.history = append(s.history, virtual().Format("2006-01-02 15:04:05.000 ")+fmt.Sprintf(format, args...))
}

// broken ends a run that cannot go on.
func (s *Sim) broken(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report.Violations = append(s.report.Violations, "the simulation itself: "+err.Error())
}

// cutName takes the number of an incarnation off a process's name.
func cutName(name string) (base, number string, ok bool) { return strings.Cut(name, "/") }
