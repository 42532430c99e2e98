package queue

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/rotation"
)

// Outcome is how the last run of a job on demand ended: what `--wait` follows. It is kept for an hour.
type Outcome struct {
	Slot    time.Time // of the job; an older job never overwrites a newer one's
	Status  string    // of the run: a rotation.Status, or "blocked", "unknown", "panic"
	Final   bool      // false: the job comes back
	Rotated bool      // a new password was promoted
	Text    string    // for people; no secret
	At      time.Time
}

const outcomeTTL = time.Hour

var rememberScript = redis.NewScript(`
local slot = redis.call('HGET', KEYS[1], 'slot')
if slot and tonumber(slot) > tonumber(ARGV[1]) then return 0 end
local t = redis.call('TIME')
redis.call('HSET', KEYS[1], 'slot', ARGV[1], 'status', ARGV[2], 'final', ARGV[3], 'rotated', ARGV[4], 'text', ARGV[5],
  'at', t[1] * 1000 + math.floor(t[2] / 1000))
redis.call('PEXPIRE', KEYS[1], ARGV[6])
return 1`)

func outcomeKey(account string, kind Kind, id string) string {
	return key(account, "outcome:"+taskID(kind, id, 0))
}

// remember notes the outcome of a job that somebody may be waiting for.
func (c *Client) remember(ctx context.Context, job Job, o Outcome) error {
	if job.Reason != rotation.ReasonDemand {
		return nil
	}
	ctx, cancel := outlive(ctx)
	defer cancel()
	err := rememberScript.Run(ctx, c.rdb, []string{outcomeKey(job.Account, job.Kind, job.Credential)},
		job.Slot.UnixMilli(), o.Status, o.Final, o.Rotated, o.Text, outcomeTTL.Milliseconds()).Err()
	if err != nil {
		return fmt.Errorf("note the outcome of %s %s: %w", job.Kind, job.Credential, err)
	}
	return nil
}

// Outcome returns the outcome of the newest job on demand; a zero Outcome if none has run yet. The wish of slot s is
// served once Final is set and Slot is not before s.
func (c *Client) Outcome(ctx context.Context, account string, kind Kind, id string) (Outcome, error) {
	var h struct {
		Slot    int64  `redis:"slot"`
		Status  string `redis:"status"`
		Final   bool   `redis:"final"`
		Rotated bool   `redis:"rotated"`
		Text    string `redis:"text"`
		At      int64  `redis:"at"`
	}
	if err := c.rdb.HGetAll(ctx, outcomeKey(account, kind, id)).Scan(&h); err != nil {
		return Outcome{}, fmt.Errorf("outcome of %s %s: %w", kind, id, err)
	}
	if h.Status == "" {
		return Outcome{}, nil
	}
	return Outcome{
		Slot: time.UnixMilli(h.Slot).UTC(), Status: h.Status, Final: h.Final, Rotated: h.Rotated, Text: h.Text,
		At: time.UnixMilli(h.At).UTC(),
	}, nil
}

// outlive gives what follows a run a few seconds past the end of its context.
func outlive(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
}
