package fleetsim

import (
	"context"
	"time"

	"keyturn/internal/rotation"
)

// port is due.Queue as a process reaches it.
type port struct{ *process }

// Enqueue implements due.Queue.
func (p port) Enqueue(ctx context.Context, _, id string, slot time.Time, reason rotation.Reason, now bool) error {
	if err := p.reach(ctx, id, "enqueue"); err != nil {
		return err
	}
	c := p.cells[id]
	if reason == rotation.ReasonScheduled {
		c.due(slot)
	}
	p.queue.once(c.cred, rotate, now, rotation.Job{Slot: slot, Reason: reason})
	return nil
}

// Ask implements due.Queue.
func (p port) Ask(ctx context.Context, _, id string, reason rotation.Reason, after time.Duration) error {
	if err := p.reach(ctx, id, "ask"); err != nil {
		return err
	}
	return p.queue.ask(p.cells[id].cred, reason, after)
}

func (p port) enqueueCheck(ctx context.Context, _, id string, slot time.Time) error {
	if err := p.reach(ctx, id, "enqueue a check"); err != nil {
		return err
	}
	c := p.cells[id]
	c.wish("a drift check")
	p.queue.once(c.cred, check, false, rotation.Job{Slot: slot, Reason: rotation.ReasonScheduled})
	return nil
}

// Backlog implements due.Queue: what will soon want the account's rate.
func (p port) Backlog(ctx context.Context, account string) (n int, err error) {
	if err := p.reach(ctx, account, "backlog"); err != nil {
		return 0, err
	}
	q := p.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	const soon = 2 * time.Minute
	for _, t := range q.all {
		switch {
		case t.account != account, t.kind == check && !p.variant.countsChecks():
		case t.state == pending, t.state == active:
			n++
		case !t.urgent && (!t.failed || t.until.Before(virtual().Add(soon))):
			n++
		}
	}
	return n, nil
}
