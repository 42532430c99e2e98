package vaultkv

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"

	"keyturn/internal/rotation"
)

// trace is what the requests of one call have met so far.
type trace struct {
	// resent says that the call may have reached Vault before: a check-and-set that does not match may then be its own.
	resent     bool
	retryAfter time.Duration // what the last answer asked for
}

type traceKey struct{}

func (t *trace) in(ctx context.Context) context.Context { return context.WithValue(ctx, traceKey{}, t) }

// traceOf returns the trace of a call, or a new one if the call has none.
func traceOf(ctx context.Context) *trace {
	if t, ok := ctx.Value(traceKey{}).(*trace); ok {
		return t
	}
	return &trace{}
}

// pauses are the waits between tries of one call, 3 s in all: an election takes two.
var pauses = []time.Duration{
	50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond, 700 * time.Millisecond,
	750 * time.Millisecond, 800 * time.Millisecond,
}

// maxBusy is the longest that a rotation waits for a quota, which may have been lifted by then.
const maxBusy = 5 * time.Minute

// briefly is how many of them are for a fault that a moment does not fix: a lost connection, a sealed node.
const briefly = 2

// tries is how often a remedy is worth trying again.
var tries = map[remedy]int{final: 0, aMoment: briefly, anElection: len(pauses), inDoubt: len(pauses), readOnly: briefly}

// again decides, after the try numbered from 0 failed with e, whether the call may be made again, and waits until then.
// A write may if Vault has provably not done it, or if it was a standby that could not pass it on: its own mismatch
// proves nothing afterwards.
func (s *store) again(ctx context.Context, try int, e *Error) bool {
	wait := traceOf(ctx).retryAfter
	if errors.Is(e, ErrBusy) && wait > 0 {
		e.remedy, e.Err = anElection, &busyError{wait}
	}
	if try >= tries[e.remedy] || (e.remedy == readOnly && e.Op == opWrite) || ctx.Err() != nil {
		return false
	}
	if e.remedy == inDoubt && e.Op == opWrite {
		traceOf(ctx).resent = true
	}
	s.route.pass()
	return sleep(ctx, max(pause(try), wait))
}

// busyError is a refusal by a quota that says how long it lasts. If a call cannot wait that long, the rotation does.
type busyError struct{ wait time.Duration }

func (e *busyError) Error() string { return fmt.Sprintf("%v, for %s", ErrBusy, e.wait) }

func (e *busyError) Unwrap() []error {
	return []error{ErrBusy, &rotation.WaitError{After: min(e.wait, maxBusy), Reason: e.Error()}}
}

// pause spreads the tries of those that failed together.
func pause(try int) time.Duration {
	d := pauses[min(try, len(pauses)-1)]
	return d/2 + rand.N(d/2) //nolint:gosec // spread, not secrecy
}

// sleep reports whether d passed; it returns at once where ctx would end before.
func sleep(ctx context.Context, d time.Duration) bool {
	if end, ok := ctx.Deadline(); ok && time.Until(end) < d { //nolint:forbidigo // the context's own clock
		return false
	}
	return rotation.WallClock{}.Sleep(ctx, d) == nil
}

// knowsNoToken reports whether Vault refused because it does not know the token: the token is dead, or a standby has not
// learned of it yet. A refusal for a missing right lacks these words, and so do all refusals of servers before 2022.
func knowsNoToken(err error) bool {
	var refused *api.ResponseError
	if !errors.As(err, &refused) || refused.StatusCode != http.StatusForbidden {
		return false
	}
	text := strings.Join(refused.Errors, " ")
	return strings.Contains(text, "invalid token") || strings.Contains(text, "bad token")
}
