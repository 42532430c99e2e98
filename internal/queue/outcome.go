package queue

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/redisx"
	"keyturn/internal/rotation"
)

// Outcome is how the last run of a job on demand ended: what `--wait` follows. It is kept for an hour.
type Outcome struct {
	Slot    time.Time // of the job; an older job never overwrites a newer one's
	Status  string    // of the run: a rotation.Status, or StatusBlocked, StatusRefused, "unknown", "panic"
	Final   bool      // false: the job comes back
	Rotated bool      // a new password was promoted
	Text    string    // for people; no secret
	At      time.Time
	Until   time.Time // when the job comes back, at the latest; zero where it does not
}

const outcomeTTL = time.Hour

var rememberScript = redis.NewScript(`
local slot = redis.call('HGET', KEYS[1], 'slot')
if slot and tonumber(slot) > tonumber(ARGV[1]) then return 0 end
local rotated = ARGV[4]
if slot and tonumber(slot) == tonumber(ARGV[1]) then -- what has ended stays so, though its task runs again
  if ARGV[3] == '0' and redis.call('HGET', KEYS[1], 'final') == '1' then return 0 end
  if redis.call('HGET', KEYS[1], 'rotated') == '1' then rotated = '1' end
end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local back = 0
if ARGV[7] ~= '0' then back = now + ARGV[7] end
redis.call('HSET', KEYS[1], 'slot', ARGV[1], 'status', ARGV[2], 'final', ARGV[3], 'rotated', rotated, 'text', ARGV[5],
  'at', now, 'until', back)
redis.call('PEXPIRE', KEYS[1], ARGV[6])
return 1`)

func outcomeKey(account string, kind Kind, id string) string {
	return redisx.Outcome(account, taskID(kind, id, 0))
}

// remember notes the outcome of a job that a caller may wait for and that comes back after a time; 0 if it does not.
func (c *Client) remember(ctx context.Context, job Job, o Outcome, after time.Duration) error {
	if job.Reason != rotation.ReasonDemand {
		return nil
	}
	ctx, cancel := outlive(ctx)
	defer cancel()
	err := rememberScript.Run(ctx, c.rdb, []string{outcomeKey(job.Account, job.Kind, job.Credential)},
		job.Slot.UnixMilli(), o.Status, o.Final, o.Rotated, o.Text, outcomeTTL.Milliseconds(), after.Milliseconds()).Err()
	if err != nil {
		return fmt.Errorf("note the outcome of %s %s: %w", job.Kind, job.Credential, err)
	}
	return nil
}

// settled notes the end of a rotation that a person asked for, whichever run brought it about.
func (c *Client) settled(ctx context.Context, cred *rotation.Credential, end rotation.Ending) error {
	status := rotation.Done
	switch {
	case end.Reason != rotation.ReasonDemand:
		return nil
	case end.State == rotation.Quarantined:
		status = rotation.Ended
	case !end.Promoted:
		return nil // its job comes back
	}
	job := Job{Job: rotation.Job{Slot: end.Slot, Reason: end.Reason}, Kind: KindRotate, Account: cred.Account, Credential: cred.ID}
	return c.remember(ctx, job, Outcome{Status: status.String(), Final: true, Rotated: end.Promoted, Text: status.String()}, 0)
}

// Outcome returns the outcome of the newest job on demand; a zero Outcome if none has run yet. The wish of slot s is
// served once Final is set and Slot is not before s.
func (c *Client) Outcome(ctx context.Context, account string, kind Kind, id string) (Outcome, error) {
	all, err := c.Outcomes(ctx, kind, []*rotation.Credential{{ID: id, Account: account}})
	if err != nil {
		return Outcome{}, err
	}
	return all[0], nil
}

// Outcomes is Outcome for each of creds, in their order. It costs one round trip; a thousand or so at a time are a good
// measure.
func (c *Client) Outcomes(ctx context.Context, kind Kind, creds []*rotation.Credential) ([]Outcome, error) {
	asked := make([]*redis.MapStringStringCmd, len(creds))
	_, err := c.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, cred := range creds {
			asked[i] = p.HGetAll(ctx, outcomeKey(cred.Account, kind, cred.ID))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("outcomes of %d jobs: %w", len(creds), err)
	}
	all := make([]Outcome, len(creds))
	for i, a := range asked {
		if all[i], err = readOutcome(a); err != nil {
			return nil, fmt.Errorf("outcome of %s %s: %w", kind, creds[i].ID, err)
		}
	}
	return all, nil
}

func readOutcome(fields *redis.MapStringStringCmd) (Outcome, error) {
	var h struct {
		Slot    int64  `redis:"slot"`
		Status  string `redis:"status"`
		Final   bool   `redis:"final"`
		Rotated bool   `redis:"rotated"`
		Text    string `redis:"text"`
		At      int64  `redis:"at"`
		Until   int64  `redis:"until"`
	}
	if err := fields.Scan(&h); err != nil || h.Status == "" {
		return Outcome{}, err
	}
	o := Outcome{
		Slot: time.UnixMilli(h.Slot).UTC(), Status: h.Status, Final: h.Final, Rotated: h.Rotated, Text: h.Text,
		At: time.UnixMilli(h.At).UTC(),
	}
	if h.Until > 0 {
		o.Until = time.UnixMilli(h.Until).UTC()
	}
	return o, nil
}

// outlive gives what follows a run a few seconds past the end of its context.
func outlive(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
}
