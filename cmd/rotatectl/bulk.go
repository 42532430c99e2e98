package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"keyturn/internal/observe"
	"keyturn/internal/operate"
	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

const (
	// share of the account's rate that a bulk takes. What a person asks for always goes before scheduled work, so the
	// rest is what scheduled work has while it goes on.
	share = 0.9
	// linger is how much work of a bulk may stand in the urgent queue: whatever a person asks for meanwhile, and the
	// rotation of a worker that died, wait behind it.
	linger    = 2 * time.Second
	maxWindow = 500
	// maxOpen bounds the demands that were asked for and have not ended. Those that fail come back for ever; a provider
	// that is down must not gather a whole fleet of them.
	maxOpen  = 1000
	bulkTick = 250 * time.Millisecond
	// maxListed is how many failures are named, and the others counted.
	maxListed = 20
)

// demander is what a demand needs of the queue.
type demander interface {
	Demand(ctx context.Context, account string, kind queue.Kind, id, requestedBy string) (time.Time, error)
	Outcomes(ctx context.Context, kind queue.Kind, creds []*rotation.Credential) ([]queue.Outcome, error)
	Depths(ctx context.Context, accounts ...string) ([]queue.Depth, error)
}

type demand struct {
	cred *rotation.Credential
	slot time.Time
	last queue.Outcome
}

// lookSize bounds how many outcomes are asked for at a time.
const lookSize = 500

// look asks, in one round trip, what became of some demands. Where Redis does not answer it is as if nothing had.
func look(ctx context.Context, from demander, some []demand) (ended, open []demand) {
	creds := make([]*rotation.Credential, len(some))
	for i, d := range some {
		creds[i] = d.cred
	}
	outcomes, err := from.Outcomes(ctx, queue.KindRotate, creds)
	for i, d := range some {
		if err == nil && !outcomes[i].Slot.Before(d.slot) {
			d.last = outcomes[i]
		}
		if d.last.Final {
			ended = append(ended, d)
		} else {
			open = append(open, d)
		}
	}
	return ended, open
}

// problem is why a demand that has ended was not served; nil if it was.
func (w demand) problem() error {
	switch w.last.Status {
	case rotation.Done.String():
		return nil
	case rotation.Ended.String():
		return fmt.Errorf("%s: quarantined: see `rotatectl status %s`", w.cred.ID, w.cred.ID)
	default:
		return fmt.Errorf("%s: %s", w.cred.ID, w.said())
	}
}

// said is what the last run said. Its text begins with what became of the run, which the job's status may go beyond.
func (w demand) said() string {
	return observe.Printable(operate.Plain(w.last.Status + ": " + w.last.Text))
}

// bulk asks for the rotation of many credentials of one account, no faster than they are served.
type bulk struct {
	queue   demander
	clock   rotation.Clock
	account string
	creds   iter.Seq[*rotation.Credential]
	total   int
	pace    float64       // demands a second
	idle    time.Duration // it gives up when nothing was asked for and nothing ended for so long
	wait    bool          // until all have ended, not only been asked for
	moved   func(n int)   // progress: of what has ended if it waits, else of what was asked for

	open                   []demand
	asked, rotated, failed int
	failures               []error // the first of those that failed
	last                   string  // the credential that was asked for last
}

// errStalled is a bulk that gave up.
var errStalled = errors.New("nothing has moved for too long: is a worker running?")

// run ends when all was asked for and, with wait, has ended. Its error says what is missing, and where to go on.
func (b *bulk) run(ctx context.Context) error {
	next, stop := iter.Pull(b.creds)
	defer stop()
	window := max(1, min(maxWindow, int(b.pace*linger.Seconds())))
	allowance, last := float64(window), b.clock.Now()
	moved := last
	for {
		now := b.clock.Now()
		allowance = min(allowance+b.pace*now.Sub(last).Seconds(), float64(window))
		last = now
		ended := b.collect(ctx)
		asked, err := b.ask(ctx, next, min(int(allowance), b.room(ctx, window)))
		allowance -= float64(asked)
		if b.wait {
			b.moved(ended)
		} else {
			b.moved(asked)
		}
		if asked+ended > 0 {
			moved = now
		}
		switch {
		case err == nil && b.asked == b.total && (!b.wait || len(b.open) == 0):
			return b.outcome(nil)
		case err == nil && now.Sub(moved) >= b.idle:
			return b.outcome(errStalled)
		case err == nil:
			err = b.clock.Sleep(ctx, bulkTick)
		}
		if ctx.Err() != nil {
			err = errors.New("interrupted")
		}
		if err != nil {
			return b.outcome(err)
		}
	}
}

// room is how many more may be asked for now.
func (b *bulk) room(ctx context.Context, window int) int {
	depths, err := b.queue.Depths(ctx, b.account)
	if err != nil {
		return 0
	}
	for _, d := range depths {
		if d.Urgent {
			window -= d.Pending
		}
	}
	for _, d := range b.open {
		// These come back within seconds and then stand in line as well. What failed waits for longer.
		if d.last.Status == rotation.Waiting.String() || d.last.Status == queue.StatusBlocked {
			window--
		}
	}
	return min(window, maxOpen-len(b.open))
}

func (b *bulk) ask(ctx context.Context, next func() (*rotation.Credential, bool), n int) (asked int, err error) {
	for ; asked < n; asked++ {
		cred, ok := next()
		if !ok {
			return asked, nil
		}
		slot, err := b.queue.Demand(ctx, b.account, queue.KindRotate, cred.ID, requester())
		switch {
		case errors.Is(err, queue.ErrBusy):
			b.fail(fmt.Errorf("%s: %w", cred.ID, err))
		case err != nil:
			return asked, err
		default:
			b.open = append(b.open, demand{cred: cred, slot: slot})
		}
		b.asked++
		b.last = cred.ID
	}
	return asked, nil
}

// collect takes note of what has ended.
func (b *bulk) collect(ctx context.Context) (n int) {
	var open []demand
	for begin := 0; begin < len(b.open); begin += lookSize {
		ended, waiting := look(ctx, b.queue, b.open[begin:min(begin+lookSize, len(b.open))])
		open = append(open, waiting...)
		n += len(ended)
		for _, d := range ended {
			if err := d.problem(); err != nil {
				b.fail(err)
			} else {
				b.rotated++ // or was, meanwhile, for somebody else
			}
		}
	}
	b.open = open
	return n
}

func (b *bulk) fail(err error) {
	b.failed++
	if len(b.failures) < maxListed {
		b.failures = append(b.failures, err)
	}
}

// outcome is the error of a bulk that ended because of cause; nil if nothing is missing.
func (b *bulk) outcome(cause error) error {
	if cause == nil && !b.wait {
		return nil // what failed already is summed up
	}
	var lines []error
	if cause != nil {
		lines = append(lines, fmt.Errorf("%s: %w", b.account, cause))
	}
	lines = append(lines, b.failures...)
	if more := b.failed - len(b.failures); more > 0 {
		lines = append(lines, fmt.Errorf("and %d more that were not rotated", more))
	}
	if n := len(b.open); n > 0 {
		lines = append(lines, fmt.Errorf("%d are still open, %s among them; what was asked for goes on without rotatectl", n, b.open[0].cred.ID))
	}
	if n := b.total - b.asked; n > 0 {
		more := fmt.Sprintf("%d were not asked for: `rotatectl rotate --all --account %s", n, b.account)
		if b.last != "" {
			more += " --after " + b.last
		}
		lines = append(lines, errors.New(more+"` goes on there"))
	}
	return errors.Join(lines...)
}
