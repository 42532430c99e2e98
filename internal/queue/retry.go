package queue

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/hibiken/asynq"

	"keyturn/internal/rotation"
)

// delays is how long a job waits after its nth failure; beside each, the time since the first.
var delays = [...]time.Duration{
	2 * time.Second,  // 2s
	5 * time.Second,  // 7s
	15 * time.Second, // 22s
	30 * time.Second, // 52s
	time.Minute,      // 1m52s
	2 * time.Minute,  // 3m52s
	5 * time.Minute,  // 8m52s
	10 * time.Minute, // 18m52s, and so on every 10 minutes
}

// Delay is how long a job waits that failed attempt times before this failure. Jitter, from 0 to 1, spreads it from
// -10 % to +10 %, so that what failed together does not come back together.
func Delay(attempt int, jitter float64) time.Duration {
	d := delays[min(max(attempt, 0), len(delays)-1)]
	return time.Duration(float64(d) * (0.9 + 0.2*jitter))
}

// again sends a task back to its queue. Its text is all that Redis gets to see of an error.
type again struct {
	after  time.Duration
	failed bool // counts as an attempt
	text   string
}

func (a *again) Error() string { return a.text }

// isFailure tells asynq what consumes an attempt: only a run that said so, or one that was cut off by its time-out.
// A lost lease or a shutdown says nothing about the job.
func isFailure(err error) bool {
	var a *again
	if errors.As(err, &a) {
		return a.failed
	}
	return errors.Is(err, context.DeadlineExceeded)
}

// retryDelay is the delay that asynq adds to its machine's clock to arrive at the clock that all share.
func (s *Server) retryDelay(attempt int, err error, task *asynq.Task) time.Duration {
	return time.Until(s.Now().Add(retryDelay(attempt, err, task))) //nolint:forbidigo // what asynq reads too
}

// retryDelay tells asynq when a task comes back. asynq keeps whole seconds and cuts off the rest, so that a task would
// come up to a second too early, before the rate limit that it waits for: it is rounded up.
func retryDelay(attempt int, err error, _ *asynq.Task) time.Duration {
	var a *again
	switch {
	case errors.As(err, &a):
		return roundUp(a.after)
	case errors.Is(err, context.DeadlineExceeded):
		return Delay(attempt, rand.Float64()) //nolint:gosec // spreads load, guards nothing
	default: // lease lost, or the worker was shut down: no worker runs it
		return 0
	}
}

// roundUp makes up for the fraction of a second that asynq cuts off.
func roundUp(d time.Duration) time.Duration { return d + time.Second - 1 }

// sendBack turns a result into what asynq does with the task; nil ends it.
func sendBack(res rotation.Result, attempt int) error {
	switch res.Status {
	case rotation.Done, rotation.Ended, rotation.Unresolved:
		return nil
	case rotation.Waiting:
		return &again{after: res.After, text: describe(res)}
	case rotation.Replaced:
		return &again{after: max(res.After, time.Second), text: describe(res)}
	case rotation.Failed:
		d := Delay(attempt, rand.Float64()) //nolint:gosec // spreads load, guards nothing
		return &again{after: max(res.After, d), failed: true, text: describe(res)}
	default:
		return &again{after: time.Minute, failed: true, text: "no result"}
	}
}

// describe is a result in words of our own: a provider's error by kind, code and request id, and nothing of its cause.
func describe(res rotation.Result) string {
	text := res.Status.String()
	var e *rotation.Error
	var w *rotation.WaitError
	switch {
	case errors.As(res.Err, &e):
		bare := *e
		bare.Err = nil
		text += ": " + bare.Error()
	case errors.As(res.Err, &w):
		text += ": " + w.Reason
	case errors.Is(res.Err, rotation.ErrGrace), errors.Is(res.Err, ErrFrozen):
		text += ": " + res.Err.Error() // a time and words of ours
	case errors.Is(res.Err, ErrUnknown):
		text += ": " + ErrUnknown.Error()
	case unfit(res.Err) != nil:
		text = unfit(res.Err).Error()
	case unserved(res.Err) != nil:
		text = unserved(res.Err).Error()
	}
	return shorten(printable(text), maxText)
}
