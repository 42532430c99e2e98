package queue_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"keyturn/internal/contacts"
	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

// answers is a Handler with an answer for each kind of job.
type answers struct{ rotate, check rotation.Result }

func (a answers) Rotate(context.Context, queue.Job) rotation.Result { return a.rotate }
func (a answers) Check(context.Context, queue.Job) rotation.Result  { return a.check }
func (a answers) Act(context.Context, queue.Job) rotation.Result    { return a.rotate }
func (a answers) Tell(context.Context, queue.Job) rotation.Result   { return a.check }

func (a answers) Contacts(context.Context, queue.Job) contacts.Result { return ofRotation(a.check) }

func TestTheBacklogIsWhatWillSoonWantTheRate(t *testing.T) {
	t.Parallel()
	unanswered := rotation.Result{Status: rotation.Failed, Err: errors.New("the mail server does not answer"), After: 10 * time.Second}
	for name, test := range map[string]struct {
		answer rotation.Result // to each of 4 rotations
		want   int
	}{
		"failed for good":            {rotation.Result{Status: rotation.Failed, After: time.Hour}, 0},
		"failed, and comes back now": {rotation.Result{Status: rotation.Failed, After: time.Minute}, 4},
		"waits for the rate":         {rotation.Result{Status: rotation.Waiting, After: time.Hour}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			for i := range 10 {
				id := fmt.Sprintf("c%d", i)
				must(t, r.client.EnqueueCheck(t.Context(), account, id, time.Now()))
				must(t, r.client.EnqueueContacts(t.Context(), account, id, time.Now()))
				must(t, r.client.Ask(t.Context(), account, id, rotation.ReasonRecheck, time.Hour))
			}
			backlog := func() int {
				n, err := r.client.Backlog(t.Context(), account)
				must(t, err)
				return n
			}
			if n := backlog(); n != 0 {
				t.Errorf("30 checks that wait make a backlog of %d", n)
			}
			for i := range 4 {
				must(t, r.client.Enqueue(t.Context(), account, fmt.Sprintf("check-%d", i), time.Now(), rotation.ReasonScheduled, false))
			}
			if n := backlog(); n != 4 {
				t.Errorf("4 rotations that wait make a backlog of %d", n)
			}
			stop := r.serve(t, answers{rotate: test.answer, check: unanswered})
			eventually(t, "everything has run once and sleeps", func() bool {
				depths, err := r.client.Depths(t.Context(), account)
				must(t, err)
				return depths[1].Retry == 24
			})
			must(t, stop())
			if n := backlog(); n != test.want {
				t.Errorf("20 unanswered checks and 4 rotations that %s make a backlog of %d, want %d", name, n, test.want)
			}
		})
	}
}
