package queue_test

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"keyturn/internal/contacts"
	"keyturn/internal/devenv"
	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/queue"
	"keyturn/internal/redisx"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

func TestMain(m *testing.M) {
	queue.LogClient(discard) // outages are part of these tests
	goleak.VerifyTestMain(m)
}

const account = "mail-1"

var discard = slog.New(slog.DiscardHandler)

// rig is a Redis of its own with a client on it, and a server once Serve was called. All but admin is the user of
// deploy/redis/users.acl.
type rig struct {
	rdb     redis.UniversalClient
	admin   *redis.Client
	client  *queue.Client
	breaker *queue.Breaker
	jobs    *record
	logs    *buffer
	grace   time.Duration // of runs

	mu          sync.Mutex
	transitions []queue.Transition
}

func newRig(t *testing.T) *rig {
	t.Helper()
	return rigOn(t, asKeyturn(devenvtest.Redis(t)))
}

// calm is a limiter that lets nothing wait.
func calm(string) time.Duration { return 0 }

// asKeyturn is how keyturn reaches a Redis.
func asKeyturn(server *devenv.Redis) redisx.Config {
	return redisx.Config{
		Addresses: []string{server.Addr}, Username: devenvtest.RedisUser, Password: secret.New(devenvtest.RedisPassword),
	}
}

func rigOn(t *testing.T, cfg redisx.Config) *rig {
	t.Helper()
	rdb, err := redisx.Dial(cfg)
	if err != nil {
		t.Fatal(err)
	}
	admin := redis.NewClient(&redis.Options{Addr: cfg.Addresses[0]})
	t.Cleanup(func() { _, _ = rdb.Close(), admin.Close() })
	r := &rig{rdb: rdb, admin: admin, client: queue.NewClient(rdb), jobs: newRecord(), logs: &buffer{}, grace: time.Second}
	r.breaker = queue.NewBreaker(rdb, func(_ context.Context, tr queue.Transition) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.transitions = append(r.transitions, tr)
	})
	return r
}

// serve runs a server with h until stop is called or the test ends.
func (r *rig) serve(t *testing.T, h queue.Handler, options ...func(*queue.Server)) (stop func() error) {
	t.Helper()
	return r.serveAccounts(t, h, []string{account}, options...)
}

func (r *rig) serveAccounts(t *testing.T, h queue.Handler, accounts []string, options ...func(*queue.Server)) (stop func() error) {
	t.Helper()
	s := queue.NewServer(r.rdb)
	s.Breaker, s.Observer, s.Now, s.Apart = r.breaker, r.jobs, time.Now, calm
	s.Log = slog.New(slog.NewJSONHandler(r.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	for _, o := range options {
		o(s)
	}
	var settings []queue.AccountSettings
	for _, name := range accounts {
		settings = append(settings, queue.AccountSettings{Name: name, Concurrency: 4, Timeout: time.Minute, Grace: r.grace})
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	must(t, s.Use(settings))
	go func() { done <- s.Serve(ctx, h) }()
	stop = sync.OnceValue(func() error { cancel(); return <-done })
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return stop
}

// empty reports whether no task is left in any state.
func (r *rig) empty(t *testing.T) bool {
	t.Helper()
	return r.tasks(t) == 0
}

// tasks is how many there are, in any state.
func (r *rig) tasks(t *testing.T) int {
	t.Helper()
	depths, err := r.client.Depths(t.Context(), account)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, d := range depths {
		n += d.Pending + d.Active + d.Scheduled + d.Retry
	}
	return n
}

// dump is every key and value in Redis as one text.
func (r *rig) dump(t *testing.T) string {
	t.Helper()
	var all bytes.Buffer
	keys, err := r.admin.Keys(t.Context(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		all.WriteString(key + "\n")
		value, err := r.rdb.Dump(t.Context(), key).Result()
		if err != nil {
			continue
		}
		all.WriteString(value)
		fields, _ := r.rdb.HGetAll(t.Context(), key).Result()
		for f, v := range fields {
			all.WriteString(f + "=" + v + "\n")
		}
	}
	return all.String()
}

func (r *rig) seen() []queue.Transition {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]queue.Transition(nil), r.transitions...)
}

// rotate is a Handler that does the same for every kind of job.
type rotate func(ctx context.Context, job queue.Job) rotation.Result

func (f rotate) Rotate(ctx context.Context, job queue.Job) rotation.Result { return f(ctx, job) }
func (f rotate) Check(ctx context.Context, job queue.Job) rotation.Result  { return f(ctx, job) }
func (f rotate) Act(ctx context.Context, job queue.Job) rotation.Result    { return f(ctx, job) }
func (f rotate) Tell(ctx context.Context, job queue.Job) rotation.Result   { return f(ctx, job) }
func (f rotate) Contacts(ctx context.Context, job queue.Job) contacts.Result {
	return ofRotation(f(ctx, job))
}

// ofRotation is a run of contacts that ends as a rotation does.
func ofRotation(r rotation.Result) contacts.Result {
	status := map[rotation.Status]contacts.Status{
		rotation.Done: contacts.Done, rotation.Waiting: contacts.Waiting, rotation.Failed: contacts.Failed, rotation.Ended: contacts.Refused,
	}
	return contacts.Result{Status: status[r.Status], After: r.After, Err: r.Err}
}

func done(context.Context, queue.Job) rotation.Result {
	return rotation.Result{Status: rotation.Done, Rotated: true}
}

// record is an Observer that a test can wait on.
type record struct {
	mu     sync.Mutex
	counts map[string]int
}

func newRecord() *record { return &record{counts: map[string]int{}} }

func (r *record) Job(_, _, outcome string, _ time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[outcome]++
}

func (r *record) count(outcome string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counts[outcome]
}

// patience is how long a test waits for what must come: not until the limit of all tests, so that it can say what did not.
func patience(t *testing.T) time.Duration {
	t.Helper()
	most := 2 * time.Minute
	if end, ok := t.Deadline(); ok {
		most = min(most, time.Until(end)-5*time.Second)
	}
	return most
}

// eventually polls a condition that must come true.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience(t))
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("never came true: %s", what)
		}
	}
}

// next receives with a deadline.
func next[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience(t)):
		t.Fatalf("never came: %s", what)
		panic("unreachable")
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
