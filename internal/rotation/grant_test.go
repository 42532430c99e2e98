package rotation_test

import (
	"context"
	"testing"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/rotation/rotationtest"
	"keyturn/internal/secret"
)

// wishes is a queue as asynq is one, with the periodic drift check of the scheduler: it follows one wish, and whatever
// the runs ask for, through days of virtual time.
type wishes struct {
	rotation.Agenda
	w       *rotationtest.World
	k       *rotationtest.Worker
	jobs    []waiting
	resume  time.Time // when an open journal is resumed
	counted counts
}

type waiting struct {
	at      time.Time
	job     rotation.Job
	attempt int
}

// counts is the work that one wish caused.
type counts struct{ rotations, sends, logins, vault int }

func (q *wishes) now() time.Time { return q.k.Machine().Clock.Now() }

func (q *wishes) Ask(_ context.Context, _ *rotation.Credential, reason rotation.Reason, after time.Duration) error {
	q.jobs = append(q.jobs, waiting{at: q.now().Add(after), job: rotation.Job{Slot: q.now(), Reason: reason}})
	return nil
}

func (q *wishes) Park(ctx context.Context, cred *rotation.Credential, d time.Duration) error {
	q.resume = time.Time{}
	if d > 0 {
		q.resume = q.now().Add(d)
	}
	return q.Agenda.Park(ctx, cred, d)
}

func (q *wishes) Settle(ctx context.Context, cred *rotation.Credential, end rotation.Ending) error {
	q.resume = time.Time{}
	if end.Promoted {
		q.counted.rotations++
	}
	return q.Agenda.Settle(ctx, cred, end)
}

// next takes the earliest job, and passes the time until then.
func (q *wishes) next(until time.Time) (waiting, bool) {
	at := -1
	for i, j := range q.jobs {
		if at < 0 || j.at.Before(q.jobs[at].at) {
			at = i
		}
	}
	var j waiting
	switch {
	case !q.resume.IsZero() && (at < 0 || q.resume.Before(q.jobs[at].at)):
		j = waiting{at: q.resume, job: rotation.Job{Reason: rotation.ReasonResume}}
		for i, sleeping := range q.jobs { // of a rotation's id there is one task: it is run now
			if r := sleeping.job.Reason; r != rotation.ReasonRecheck && r != rotation.ReasonReplaced {
				j.job, j.attempt = sleeping.job, sleeping.attempt
				q.jobs = append(q.jobs[:i:i], q.jobs[i+1:]...)
				break
			}
		}
		q.resume = time.Time{}
	case at < 0:
		return j, false
	default:
		j = q.jobs[at]
		q.jobs = append(q.jobs[:at:at], q.jobs[at+1:]...)
	}
	if j.at.After(until) {
		return j, false
	}
	if d := j.at.Sub(q.now()); d > 0 {
		q.w.Advance(d)
	}
	return j, true
}

// grant follows a demand for three days.
func grant(t *testing.T, s func(*rotationtest.Worker) rotation.Subject, answer func(rotationtest.Call) *rotation.Error, verify rotation.Verifier) (counts, *rotationtest.World) {
	t.Helper()
	w, k := newWorker()
	q := &wishes{w: w, k: k}
	subject := s(k)
	subject.Credential.Verify.Propagation = 2 * time.Minute
	if verify != nil {
		subject.Verifier = verify
	}
	w.Answer = answer
	w.Decide = func(c rotationtest.Call) rotationtest.Fault {
		switch c.Op {
		case "setter.set", "issuer.issue":
			q.counted.sends++
		case "journals.load", "journals.save", "secrets.read", "secrets.write", "secrets.fence", "secrets.password":
			q.counted.vault++
		}
		return rotationtest.None
	}
	subject.Verifier = counting(subject.Verifier, &q.counted.logins)
	m := k.Machine()
	q.Agenda, m.Agenda = m.Agenda, q
	q.jobs = []waiting{{at: q.now(), job: rotation.Job{Slot: q.now(), Reason: rotation.ReasonDemand}}}
	until := q.now().Add(72 * time.Hour)
	for {
		j, ok := q.next(until)
		if !ok {
			return q.counted, w
		}
		run := m.Rotate
		if r := j.job.Reason; r == rotation.ReasonRecheck || r == rotation.ReasonReplaced {
			run = m.Check
		}
		result := run(t.Context(), subject, j.job)
		switch result.Status {
		case rotation.Waiting, rotation.Replaced:
			j.at = q.now().Add(max(result.After, time.Second))
		case rotation.Failed:
			j.at = q.now().Add(max(result.After, delays[min(j.attempt, len(delays)-1)]))
			j.attempt++
		default:
			continue
		}
		q.jobs = append(q.jobs, j)
	}
}

type counted struct {
	rotation.Verifier
	n *int
}

func counting(v rotation.Verifier, n *int) rotation.Verifier {
	if v == nil {
		return nil
	}
	return counted{v, n}
}

func (c counted) Verify(ctx context.Context, login string, password secret.Value) (rotation.Verdict, error) {
	*c.n++
	return c.Verifier.Verify(ctx, login, password)
}
