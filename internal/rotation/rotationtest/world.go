// Package rotationtest holds a model of everything that a rotation touches, for tests of the state machine, and the
// conformance suites that every provider and every store passes.
package rotationtest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// Fault is what goes wrong at one port call.
type Fault int

// The faults.
const (
	None        Fault = iota
	CrashBefore       // the process dies before the call takes effect
	CrashAfter        // it dies after the effect, before the answer
	ErrorBefore       // the call fails and nothing happened; the caller cannot know that
	LostReply         // the call takes effect, and its answer is an error
	Lagging           // a node of Vault that has not heard of the writes of the last seconds answers
)

func (f Fault) String() string {
	return [...]string{"none", "crash before", "crash after", "error before", "lost reply", "lagging"}[f]
}

// Call is one port call of a run.
type Call struct {
	Worker string
	Op     string // "journals.save", "setter.set", ...
	Nth    int    // of this worker, from 0
}

// World is one credential, its provider and its places in Vault, as the truth. It checks the rules of
// docs/protocol.md at every change. Its methods are safe for concurrent use.
type World struct {
	// Decide chooses the fault of each call; nil means none. For a provider call, Answer may return a refusal.
	Decide func(Call) Fault
	Answer func(Call) *rotation.Error
	// Keys is the machine's port; nil where no identity is a management key.
	Keys rotation.Keys
	// Refused is how many keys that were disabled a process still calls with.
	Refused int

	mu         sync.Mutex
	now        time.Time
	calls      map[string]int
	ids        int
	passwords  int
	live       secret.Value
	byHand     secret.Value            // what a person set last, and so holds
	landed     secret.Value            // what came with a call that landed late
	accepted   []secret.Value          // everything the provider ever accepted or made
	identities map[string]secret.Value // of a Minter, by id; nil where there is none
	disabled   map[string]bool         // of those; nil where none can be
	leaving    map[string]bool         // management keys that no process begins to call with
	journal    versions[rotation.Record]
	current    versions[rotation.Entry]
	lagging    bool // the call that is being carried out met a node that lags
	heldUntil  time.Time
	Asked      []rotation.Reason
	Endings    []rotation.Ending
	Noticed    []rotation.NoticeKind
	Lost       int      // lost generations reported
	Violations []string // of the rules
}

// Old is the password that a new World starts with.
var Old = secret.New("old-password")

// NewWorld returns a world in which Old is live and current, written by keyturn an hour ago, beside a field of a user.
func NewWorld() *World {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return NewWorldAt(start, start.Add(-time.Hour))
}

// NewWorldAt is NewWorld at another time, with a password of another age.
func NewWorldAt(now, rotated time.Time) *World {
	return &World{
		now: now, calls: map[string]int{}, live: Old, accepted: []secret.Value{Old},
		current: versions[rotation.Entry]{all: []rotation.Entry{{
			Version: 1, Password: Old, RotationID: "before", Slot: rotated, RotatedAt: rotated, CreatedAt: rotated,
			Rest: map[string]any{"note": "mine"},
		}}},
	}
}

// Crash is the panic value of a process that dies.
type Crash struct{ Call Call }

// do runs one port call: fault before, effect, fault after.
func (w *World) do(worker, op string, effect func() error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	call := Call{Worker: worker, Op: op, Nth: w.calls[worker]}
	w.calls[worker]++
	fault := None
	if w.Decide != nil {
		w.mu.Unlock()
		fault = w.Decide(call)
		w.mu.Lock()
	}
	switch fault {
	case CrashBefore:
		panic(Crash{call})
	case ErrorBefore:
		return fmt.Errorf("%s: model: unavailable", op)
	case None, CrashAfter, LostReply, Lagging:
	}
	w.lagging = fault == Lagging
	err := effect()
	w.lagging = false
	w.check(op)
	switch fault {
	case CrashAfter:
		panic(Crash{call})
	case LostReply:
		return fmt.Errorf("%s: model: reply lost", op)
	case None, CrashBefore, ErrorBefore, Lagging:
	}
	return err
}

// check holds the invariant that everything serves: the live password stands in current or in the journal, or the
// journal's intent says that it may have to be issued again, or a call that landed late made it, for which the journal asks
// for a recheck.
func (w *World) check(op string) {
	if w.Current().Password.Equal(w.live) || w.byHand.Equal(w.live) || w.landed.Equal(w.live) && !w.Journal().RecheckAt.IsZero() {
		return
	}
	for _, c := range w.Journal().Candidates {
		if c.Value.Equal(w.live) || (c.Value.IsZero() && c.State != rotation.Dead) {
			return
		}
	}
	w.violate("%s: the live password is lost", op)
}

func (w *World) violate(format string, args ...any) {
	w.Violations = append(w.Violations, fmt.Sprintf(format, args...))
}

// Journal returns the newest record.
func (w *World) Journal() rotation.Record { return w.journal.newest() }

// Current returns what consumers read.
func (w *World) Current() rotation.Entry { return w.current.newest() }

// Live returns the password that the provider accepts.
func (w *World) Live() secret.Value { return w.live }

// Truth returns all three, also while others are at work.
func (w *World) Truth() (journal rotation.Record, current rotation.Entry, live secret.Value) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.Journal(), w.Current(), w.live
}

// Broken returns the violations so far, also while others are at work.
func (w *World) Broken() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.Violations)
}

// Advance passes time.
func (w *World) Advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// At sets the time, for worlds that share a clock.
func (w *World) At(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = now
}

// TakeAsked returns the reasons asked for since the last call.
func (w *World) TakeAsked() []rotation.Reason {
	w.mu.Lock()
	defer w.mu.Unlock()
	asked := w.Asked
	w.Asked = nil
	return asked
}

// ctxErr models a call under a dead context: nothing is sent.
func ctxErr(ctx context.Context) error { return ctx.Err() }
