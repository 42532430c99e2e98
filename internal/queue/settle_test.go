package queue_test

import (
	"context"
	"testing"
	"time"

	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

// index is the part of an agenda that is not about the queue.
type index struct{}

func (index) Hold(context.Context, *rotation.Credential, time.Duration, bool) error { return nil }
func (index) Park(context.Context, *rotation.Credential, time.Duration) error       { return nil }
func (index) Settle(context.Context, *rotation.Credential, rotation.Ending) error   { return nil }

// The worker that had a demand may be dead, and its task come back only minutes after the rotation was resumed.
func TestWhoFollowsADemandHearsOfItsEndFromTheRunThatBringsItAbout(t *testing.T) {
	t.Parallel()
	cred := &rotation.Credential{ID: "a", Account: account}
	for name, c := range map[string]struct {
		end  rotation.Ending
		want queue.Outcome
	}{
		"promoted":    {rotation.Ending{State: rotation.Closed, Promoted: true}, queue.Outcome{Status: "done", Final: true, Rotated: true, Text: "done"}},
		"quarantined": {rotation.Ending{State: rotation.Quarantined}, queue.Outcome{Status: "quarantined", Final: true, Text: "quarantined"}},
		"given up":    {rotation.Ending{State: rotation.Closed}, queue.Outcome{}},
	} {
		r := newRig(t)
		agenda := queue.Agenda{Index: index{}, Client: r.client, Breaker: r.breaker}
		slot, err := r.client.Demand(t.Context(), account, queue.KindRotate, "a", rotation.Job{RequestedBy: "ops"})
		must(t, err)
		c.end.Slot, c.end.Reason = slot, rotation.ReasonDemand
		must(t, agenda.Settle(t.Context(), cred, c.end))
		got, err := r.client.Outcome(t.Context(), account, queue.KindRotate, "a")
		must(t, err)
		got.At = time.Time{}
		if c.want.Status != "" {
			c.want.Slot = slot
		}
		if got != c.want {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
		if !got.Rotated {
			continue
		}
		// Its own task comes back, and finds the slot served.
		r.serve(t, rotate(func(context.Context, queue.Job) rotation.Result { return rotation.Result{Status: rotation.Done} }))
		eventually(t, "the task ran", func() bool { return r.empty(t) })
		if again, err := r.client.Outcome(t.Context(), account, queue.KindRotate, "a"); err != nil || !again.Rotated || !again.Final {
			t.Errorf("a run that found it served says %+v, %v", again, err)
		}
	}
}

// What is scheduled pays no round trip for a record that is never read.
func TestWhatARunWasToldOfItsKeyOpensTheBreaker(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	agenda := queue.Agenda{Index: index{}, Client: r.client, Breaker: r.breaker}
	for range 2 {
		must(t, agenda.Block(t.Context(), account, refusal))
	}
	if !state(t, r).Open {
		t.Error("two refusals did not open it")
	}
}

func TestAScheduledRotationLeavesNoOutcome(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	agenda := queue.Agenda{Index: index{}, Client: r.client, Breaker: r.breaker}
	must(t, agenda.Settle(t.Context(), &rotation.Credential{ID: "a", Account: account},
		rotation.Ending{State: rotation.Closed, Promoted: true, Slot: time.Now(), Reason: rotation.ReasonScheduled}))
	if got, err := r.client.Outcome(t.Context(), account, queue.KindRotate, "a"); err != nil || got.Status != "" {
		t.Errorf("got %+v, %v", got, err)
	}
}
