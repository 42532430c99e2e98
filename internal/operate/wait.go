package operate

import (
	"context"
	"fmt"
	"strings"
	"time"

	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

// reason says why a job that has not ended waits: what its last run said, or what Vault and Redis say about it. Until is
// when it goes on, where that is known. Where nothing says why it is "".
func (d *Desk) reason(ctx context.Context, cred *rotation.Credential, o queue.Outcome, seen *truth) (why string, until time.Time) {
	until = o.Until
	if o.Status != "" && !bare(o) {
		return Plain(o.Status + ": " + o.Text), until
	}
	if d.Breakers != nil {
		if b, err := d.Breakers.State(ctx, cred.Account); err == nil && b.Open {
			return "the account's breaker is open: " + Plain(b.Cause), b.Next
		}
	}
	if d.Pauses != nil {
		if at, err := d.Pauses.Until(ctx, cred.Account); err == nil && !at.IsZero() {
			return "the provider asked the account to wait", later(until, at)
		}
	}
	if seen != nil {
		if text, at := d.standing(seen); text != "" {
			return text, later(until, at)
		}
	}
	if o.Status == "" {
		return d.untaken(ctx, cred), until
	}
	return "", until
}

// unexplained stands where nothing says why: never the bare word.
func unexplained(o queue.Outcome) string { return o.Status + ": the worker's log says why" }

// bare tells whether an outcome says no more than how its run ended.
func bare(o queue.Outcome) bool { return !strings.Contains(o.Text, ": ") }

// standing says what Vault tells about a rotation that has not ended; "" if that is nothing.
func (d *Desk) standing(seen *truth) (why string, until time.Time) {
	now := d.Clock.Now()
	if seen.rec.State == rotation.Open {
		if text := openNote(seen.rec); text != "" {
			return text, time.Time{}
		}
		return fmt.Sprintf("%s has it since %s", seen.rec.Owner, seen.rec.TouchedAt.UTC().Format(time.RFC3339)), time.Time{}
	}
	least := d.Timing.MinInterval
	if rest := seen.current.RotatedAt.Add(least); !seen.current.RotatedAt.IsZero() && rest.After(now) {
		return fmt.Sprintf("rotated less than %s ago: a late call of that rotation could still arrive", least), rest
	}
	return "", time.Time{}
}

// untaken says what stands before a job that no worker has taken.
func (d *Desk) untaken(ctx context.Context, cred *rotation.Credential) string {
	const text = "no worker has taken it yet"
	depths, err := d.Queue.Depths(ctx, cred.Account)
	if err != nil {
		return text
	}
	for _, q := range depths {
		if q.Urgent && q.Pending+q.Active > 1 {
			return fmt.Sprintf("%s: %d urgent jobs of account %s wait and %d run", text, q.Pending, cred.Account, q.Active)
		}
	}
	return text
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
