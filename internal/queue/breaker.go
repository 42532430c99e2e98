package queue

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/redisx"
	"keyturn/internal/rotation"
)

// Breaker stops the work of an account whose management key the provider refuses. It is kept in Redis, so that all
// workers stop at once and ten thousand credentials do not make ten thousand failures.
//
//	closed ── refused ──► suspected ── refused again within 10 minutes ──► open
//	   ▲                      │ a rotation succeeds                          │ every 30 s, 1, 2, 5, 10 minutes
//	   └──────────────────────┴────────────── the probe succeeds ◄── one job is let through
//
// While it is open the account's scheduled queue is paused by asynq's own key, with a time to live that ends at the
// next probe: nothing has to remember to lift it. The urgent queue is not paused, and a job on demand that was asked for
// since the last refusal is let through 5 s after it, so that a person who has mended the key sees it at once. A job that
// is not let through sleeps; the forwarder wakes one when a probe is due, and all when the breaker has closed.
type Breaker struct {
	rdb    redis.UniversalClient
	notify func(context.Context, Transition)
	heard  sync.Map // account → *atomic.Int64: answers that only a good key gets
	closed sync.Map // account → time.Time: until when the last answer, which was "closed", is good enough
}

// Transition is a breaker that opened or closed: worth an alert, once.
type Transition struct {
	Account string
	Open    bool
	Cause   string // provider, call, kind, code and request id of the last refusal
}

// NewBreaker makes the breaker of all accounts. Notify is called by the worker that caused a transition, once for each.
func NewBreaker(rdb redis.UniversalClient, notify func(context.Context, Transition)) *Breaker {
	return &Breaker{rdb: rdb, notify: notify}
}

//go:embed breaker.lua
var breakerSource string

var breakerScript = redis.NewScript(breakerSource)

// The answers of the script to admit.
const (
	passClosed = iota
	passSuspected
	passProbe
	passBlocked
)

// closedFor is how long a worker takes a closed breaker for closed without asking, so that a busy account does not pay a
// round trip for each of its jobs. The pause of the queue works at once whichever worker opens the breaker. A
// worker knows its own refusals, so that what another's refusals cost is the jobs already taken within this time.
const closedFor = 100 * time.Millisecond

// pass is what the breaker says to one job.
type pass struct {
	state int64
	heard int64 // good answers until then
}

// Heard notes what a provider answered to a call with the account's key. A provider that judges a password by its rules
// has let the key in.
func (b *Breaker) Heard(account string, err error) {
	var e *rotation.Error
	if err != nil && (!errors.As(err, &e) || e.Kind != rotation.Repeat && e.Kind != rotation.Rejected && e.Kind != rotation.Target) {
		return
	}
	b.answers(account).Add(1)
}

func (b *Breaker) answers(account string) *atomic.Int64 {
	n, _ := b.heard.LoadOrStore(account, new(atomic.Int64))
	return n.(*atomic.Int64)
}

func (b *Breaker) eval(ctx context.Context, account, op string, args ...any) (int64, error) {
	keys := []string{redisx.Key(account, redisx.Breaker), engineKey(account, "paused")}
	n, err := breakerScript.Run(ctx, b.rdb, keys, append([]any{op}, args...)...).Int64()
	if err != nil {
		return 0, fmt.Errorf("breaker of %s: %w", account, err)
	}
	return n, nil
}

// Block notes that the provider refused the account's management key. The second time in a row opens the breaker.
func (b *Breaker) Block(ctx context.Context, account string, cause *rotation.Error) error {
	text := describe(rotation.Result{Status: rotation.Failed, Err: cause})
	defer b.closed.Delete(account)
	n, err := b.eval(ctx, account, "block", text)
	if err != nil {
		return err
	}
	if n == 1 {
		b.notify(ctx, Transition{Account: account, Open: true, Cause: text})
	}
	return nil
}

// admit asks whether a job may call the provider. A demand may do so soon after the last probe, if it is newer.
func (b *Breaker) admit(ctx context.Context, job Job, now time.Time) (pass, error) {
	account, demanded := job.Account, int64(0)
	if job.Reason == rotation.ReasonDemand {
		demanded = job.Slot.UnixMilli()
	}
	if until, ok := b.closed.Load(account); ok && now.Before(until.(time.Time)) {
		return pass{state: passClosed}, nil
	}
	heard := b.answers(account).Load()
	n, err := b.eval(ctx, account, "admit", demanded)
	if err != nil {
		return pass{}, err
	}
	if n == passClosed {
		b.closed.Store(account, now.Add(closedFor))
	} else {
		b.closed.Delete(account)
	}
	return pass{state: n, heard: heard}, nil
}

// Renewed notes that the account's management key was replaced: what was refused is not in use any more.
func (b *Breaker) Renewed(ctx context.Context, account string) error {
	defer b.closed.Delete(account)
	return b.close(ctx, account)
}

// close closes the breaker, which has what waited go on.
func (b *Breaker) close(ctx context.Context, account string) error {
	cause, _ := b.rdb.HGet(ctx, redisx.Key(account, redisx.Breaker), "cause").Result()
	n, err := b.eval(ctx, account, "close")
	if err != nil {
		return err
	}
	if n == 1 {
		ring(ctx, b.rdb, account) // what waited is work for all workers
		b.notify(ctx, Transition{Account: account, Cause: cause})
	}
	return nil
}

// learn takes what became of an admitted job as evidence. Its errors are not worth one: the next job learns the same.
func (b *Breaker) learn(ctx context.Context, job Job, p pass, res rotation.Result) {
	if p.state == passClosed {
		return
	}
	ctx, cancel := outlive(ctx)
	defer cancel()
	var e *rotation.Error
	switch {
	case res.Rotated, job.Kind == KindContacts && res.Status == rotation.Done, b.answers(job.Account).Load() > p.heard, b.served(ctx, job, res):
		_ = b.close(ctx, job.Account)
	case p.state == passProbe && !errors.As(res.Err, &e):
		// The provider was not asked: the next job may be the probe.
		_, _ = b.eval(ctx, job.Account, "release")
	}
}

// served reports whether a job found the wish of its slot served that was asked for after the last refusal: so a call
// succeeded since.
func (b *Breaker) served(ctx context.Context, job Job, res rotation.Result) bool {
	if job.Kind != KindRotate || res.Status != rotation.Done || job.Slot.IsZero() || job.Reason == rotation.ReasonResume {
		return false
	}
	refused, err := b.rdb.HGet(ctx, redisx.Key(job.Account, redisx.Breaker), "refused").Int64()
	return err == nil && job.Slot.UnixMilli() > refused
}

// BreakerState is the breaker of one account.
type BreakerState struct {
	Open  bool
	Cause string
	Since time.Time
	Next  time.Time // when the next scheduled job is let through
}

// State tells how an account's breaker stands; the zero BreakerState is a closed one.
func (b *Breaker) State(ctx context.Context, account string) (BreakerState, error) {
	all, err := b.States(ctx, []string{account})
	if err != nil {
		return BreakerState{}, err
	}
	return all[0], nil
}

// States is State for each of the accounts, in their order and in one round trip.
func (b *Breaker) States(ctx context.Context, accounts []string) ([]BreakerState, error) {
	pipe := b.rdb.Pipeline()
	asked := make([]*redis.MapStringStringCmd, len(accounts))
	for i, account := range accounts {
		asked[i] = pipe.HGetAll(ctx, redisx.Key(account, redisx.Breaker))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("breakers of %d accounts: %w", len(accounts), err)
	}
	all := make([]BreakerState, len(accounts))
	for i, account := range accounts {
		var h struct {
			Cause string `redis:"cause"`
			Since int64  `redis:"since"`
			Next  int64  `redis:"next"`
		}
		if err := asked[i].Scan(&h); err != nil {
			return nil, fmt.Errorf("breaker of %s: %w", account, err)
		}
		if h.Since != 0 {
			all[i] = BreakerState{Open: true, Cause: h.Cause, Since: time.UnixMilli(h.Since), Next: time.UnixMilli(h.Next)}
		}
	}
	return all, nil
}
