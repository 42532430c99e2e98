package queue

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"keyturn/internal/rotation"
)

// Freezing is what a job of KindFreeze has a worker write: the scheduled rotations of what is filed so wait until a time, or, where
// that is zero, they wait no longer. It is about no credential.
type Freezing struct {
	Account string            `json:"account,omitempty"` // "" and no other either: the whole fleet
	Owner   string            `json:"owner,omitempty"`
	Labels  map[string]string `json:"labels,omitempty"`
	Until   time.Time         `json:"until,omitzero"`
	Reason  string            `json:"reason,omitempty"`
}

// ErrNotFrozen is a thaw of what no person froze.
var ErrNotFrozen = errors.New("no such freeze was asked for")

// ErrNoFreeze is a freeze that makes no sense by the time that a worker comes to it.
var ErrNoFreeze = errors.New("it makes no sense any more: its time is over, or the worker's configuration files nothing so")

// id names the jobs that are about the same scope: of those that wait, the newest counts.
func (f *Freezing) id() string {
	sum := sha256.New()
	fmt.Fprintf(sum, "%q %q", f.Account, f.Owner)
	for _, key := range slices.Sorted(maps.Keys(f.Labels)) {
		fmt.Fprintf(sum, " %q=%q", key, f.Labels[key])
	}
	return "scope-" + hex.EncodeToString(sum.Sum(nil))[:32]
}

// check refuses what this program did not write. What it is about is judged by the desk that carries it out.
func (f *Freezing) check() error {
	texts := []string{f.Account, f.Owner, f.Reason}
	for key, value := range f.Labels {
		texts = append(texts, key, value)
	}
	if slices.ContainsFunc(texts, func(text string) bool { return text != printable(text) }) {
		return fmt.Errorf("%w: freeze", ErrMalformed)
	}
	return nil
}

// DemandFreeze asks for a freeze or a thaw by the workers of an account, whichever its scope is, like Demand. It returns the id of
// its job, for Outcomes.
func (c *Client) DemandFreeze(ctx context.Context, account string, f Freezing, by string) (id string, slot time.Time, err error) {
	if slot, err = c.Now(ctx); err != nil {
		return "", slot, err
	}
	id = f.id()
	p := payload{
		Version: KindFreeze.version(), Credential: id, Slot: slot, Reason: rotation.ReasonDemand, RequestedBy: shorten(printable(by), maxRequestedBy), Freeze: &f,
	}
	if err := p.check(); err != nil {
		return "", slot, err
	}
	data, err := json.Marshal(p)
	if err != nil {
		return "", slot, err
	}
	if len(data) > maxPayload {
		return "", slot, fmt.Errorf("it takes %d bytes to say what is frozen, and why: want at most %d", len(data), maxPayload)
	}
	n, err := c.firstFree(KindFreeze, id, func(n int) error {
		return c.enqueue(ctx, account, nowQueue(account), KindFreeze, id, n, data, 0)
	})
	if err != nil {
		return "", slot, err
	}
	ring(ctx, c.rdb, account)
	c.dropDemands(ctx, nowQueue(account), KindFreeze, id, n, false)
	return id, slot, nil
}
