package queue_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"keyturn/internal/contacts"
	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

// acts is a Handler to which nothing comes but acts.
type acts struct {
	t  *testing.T
	do func(job queue.Job) rotation.Result
}

func (a acts) Act(_ context.Context, job queue.Job) rotation.Result { return a.do(job) }

func (a acts) Rotate(context.Context, queue.Job) rotation.Result { return a.other() }

func (a acts) Check(context.Context, queue.Job) rotation.Result { return a.other() }

func (a acts) Tell(context.Context, queue.Job) rotation.Result { return a.other() }

func (a acts) Contacts(context.Context, queue.Job) contacts.Result { return ofRotation(a.other()) }

func (a acts) other() rotation.Result {
	a.t.Error("an act is another kind of job")
	return rotation.Result{Status: rotation.Done}
}

var everyAct = []queue.Kind{queue.KindRelease, queue.KindRetry, queue.KindRecover, queue.KindAbandon}

func TestAnActIsDoneForWhomeverAskedAndAnswered(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.serve(t, acts{t, func(job queue.Job) rotation.Result {
		if job.RequestedBy != "ann@host" || job.Reason != rotation.ReasonDemand || job.Credential != "a" {
			t.Errorf("%+v", job)
		}
		return rotation.Result{Status: rotation.Done, Rotated: job.Kind == queue.KindRecover}
	}})
	for _, kind := range everyAct {
		slot, err := r.client.Demand(t.Context(), account, kind, "a", rotation.Job{RequestedBy: "ann@host"})
		must(t, err)
		eventually(t, string(kind)+" is answered", func() bool {
			o, err := r.client.Outcome(t.Context(), account, kind, "a")
			must(t, err)
			return o.Slot.Equal(slot) && o.Final && o.Status == "done" && o.Rotated == (kind == queue.KindRecover)
		})
	}
	eventually(t, "no job is left", func() bool { return r.empty(t) }) // the answer comes before asynq is done with it
}

func TestARefusedActEndsAndSaysWhyAndNothingElse(t *testing.T) {
	t.Parallel()
	for _, cause := range []error{rotation.ErrNotQuarantined, rotation.ErrNothingOpen, queue.ErrOvertaken} {
		r := newRig(t)
		r.serve(t, acts{t, func(queue.Job) rotation.Result {
			return rotation.Result{Status: rotation.Failed, Err: fmt.Errorf("canary-51f0: %w", cause)}
		}})
		slot, err := r.client.Demand(t.Context(), account, queue.KindAbandon, "a", rotation.Job{RequestedBy: "ann@host"})
		must(t, err)
		eventually(t, "it is refused", func() bool {
			o, err := r.client.Outcome(t.Context(), account, queue.KindAbandon, "a")
			must(t, err)
			return o.Slot.Equal(slot) && o.Final && o.Status == queue.StatusRefused && o.Text == cause.Error()
		})
		eventually(t, "it does not come back", func() bool { return r.empty(t) })
	}
}

// TestWhatCallsNoProviderPassesAnOpenBreaker: a person who puts things in order must not wait for the provider.
func TestWhatCallsNoProviderPassesAnOpenBreaker(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for range 2 {
		must(t, r.breaker.Block(t.Context(), account, &rotation.Error{Kind: rotation.Unauthorized}))
	}
	r.serve(t, acts{t, func(job queue.Job) rotation.Result {
		if job.Kind == queue.KindRecover {
			return rotation.Result{Status: rotation.Failed, Err: errors.New("the probe")}
		}
		return rotation.Result{Status: rotation.Done}
	}})
	for _, kind := range everyAct {
		_, err := r.client.Demand(t.Context(), account, kind, "a", rotation.Job{RequestedBy: "ann@host"})
		must(t, err)
		want := queue.StatusBlocked
		if kind == queue.KindRelease || kind == queue.KindAbandon {
			want = "done"
		}
		eventually(t, string(kind)+" is "+want, func() bool {
			o, err := r.client.Outcome(t.Context(), account, kind, "a")
			must(t, err)
			return o.Status == want
		})
	}
	if b, err := r.breaker.State(t.Context(), account); err != nil || !b.Open {
		t.Errorf("%+v, %v: a job that did not ask the provider closed the breaker", b, err)
	}
}
