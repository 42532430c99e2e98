package due

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// vault stands in for Vault: what is in it, what fails, and what happens on the way.
type vault struct {
	mu      sync.Mutex
	records map[string]rotation.Record // by id
	entries map[string]rotation.Entry  // by path
	broken  map[string]bool            // ids whose journal cannot be read
	bad     map[string]bool            // paths whose secret cannot be read
	down    bool
	hangs   string // a store that takes every call and never answers
	onLoad  func(id string)
}

func newVault() *vault {
	return &vault{records: map[string]rotation.Record{}, entries: map[string]rotation.Entry{}, broken: map[string]bool{}, bad: map[string]bool{}}
}

var errQueue = errors.New("the queue does not take it")

var errVault = errors.New("vault does not answer")

// answers is false for a call that ctx ends.
func (v *vault) answers(ctx context.Context, place rotation.Place) bool {
	v.mu.Lock()
	hangs := v.hangs != "" && v.hangs == place.Store
	v.mu.Unlock()
	if hangs {
		<-ctx.Done()
	}
	return !hangs
}

func (v *vault) Load(ctx context.Context, cred *rotation.Credential) (rotation.Record, error) {
	if !v.answers(ctx, cred.Place) {
		return rotation.Record{}, errVault
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.onLoad != nil {
		v.onLoad(cred.ID)
	}
	if v.down || v.broken[cred.ID] {
		return rotation.Record{}, errVault
	}
	return v.records[cred.ID], nil
}

func (v *vault) Read(ctx context.Context, place rotation.Place) (rotation.Entry, error) {
	if !v.answers(ctx, place) {
		return rotation.Entry{}, errVault
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.down || v.bad[place.Path] {
		return rotation.Entry{}, errVault
	}
	return v.entries[place.Path], nil
}

func (v *vault) set(change func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	change()
}

// rotated notes that keyturn rotated the credential for slot.
func (v *vault) rotated(cred *rotation.Credential, slot time.Time) {
	v.set(func() {
		v.entries[cred.Place.Path] = rotation.Entry{
			Version: 1, Password: secret.New("x"), RotationID: "r", Slot: slot, RotatedAt: slot, CreatedAt: slot,
		}
	})
}

func (*vault) Save(context.Context, *rotation.Credential, rotation.Record, int) (int, error) {
	return 0, errors.New("the scheduler writes no journal")
}

func (*vault) Password(context.Context, rotation.Place, int) (secret.Value, error) {
	return secret.Value{}, errors.New("the scheduler needs no password")
}

func (*vault) Write(context.Context, rotation.Place, rotation.Entry) error {
	return errors.New("the scheduler writes no secret")
}

func (*vault) Fence(context.Context, rotation.Place, rotation.Entry) error {
	return errors.New("the scheduler writes no secret")
}

// job is one call of Enqueue or Ask.
type job struct {
	account, id string
	slot        time.Time
	reason      rotation.Reason
	now         bool
	after       time.Duration
}

// queue takes jobs, and passes those that are new on: as with the real one, what is queued already is success.
type queue struct {
	mu      sync.Mutex
	waiting map[string]map[string]bool // by account
	err     error                      // of the next calls
	refused map[string]bool            // ids
	backlog int
	jobs    chan job
}

func newQueue() *queue {
	return &queue{waiting: map[string]map[string]bool{}, jobs: make(chan job, 100_000)}
}

// refuse has no job of these credentials taken from now on.
func (q *queue) refuse(ids map[string]bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.refused = ids
}

func (q *queue) Enqueue(_ context.Context, account, id string, slot time.Time, reason rotation.Reason, now bool) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil || q.refused[id] {
		return cmp.Or(q.err, errQueue)
	}
	if q.waiting[account] == nil {
		q.waiting[account] = map[string]bool{}
	}
	if name := fmt.Sprint(id, now); !q.waiting[account][name] {
		q.waiting[account][name] = true
		q.jobs <- job{account: account, id: id, slot: slot, reason: reason, now: now}
	}
	return nil
}

func (q *queue) Ask(_ context.Context, account, id string, reason rotation.Reason, after time.Duration) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.refused[id] {
		return errQueue
	}
	q.jobs <- job{account: account, id: id, reason: reason, now: true, after: after}
	return nil
}

func (q *queue) Backlog(_ context.Context, account string) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.backlog + len(q.waiting[account]), nil
}

// take waits for n jobs.
func (q *queue) take(t *testing.T, n int) []job {
	t.Helper()
	jobs := make([]job, 0, n)
	limit := time.After(20 * time.Second)
	for len(jobs) < n {
		select {
		case j := <-q.jobs:
			jobs = append(jobs, j)
		case <-limit:
			t.Fatalf("only %d of %d jobs were enqueued", len(jobs), n)
		}
	}
	return jobs
}
