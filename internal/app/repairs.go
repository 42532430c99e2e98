package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"keyturn/internal/due"
	"keyturn/internal/queue"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
	"keyturn/internal/vaultkv"
)

// Repairs does what a person asks for at a journal, in whichever process may: rotatectl, or a worker as a job.
type Repairs struct {
	Machine *rotation.Machine
	Vault   *vaultkv.Vault
	Index   *due.Index
}

// Do does one act. The job's slot is when the person asked, and the journal may have been written since: by a run, by
// another person, or by this very job, whose worker died. Then nothing is given up of which the person did not know, and
// what is to end in a rotation goes on with the one that it finds.
func (r *Repairs) Do(ctx context.Context, kind queue.Kind, s rotation.Subject, job rotation.Job) rotation.Result {
	rec, err := r.Vault.Load(ctx, s.Credential)
	if err != nil {
		return done(err)
	}
	since := rec.TouchedAt.After(job.Slot)
	switch kind {
	case queue.KindRelease:
		if since && rec.State == rotation.Quarantined {
			return done(queue.ErrOvertaken)
		}
		return done(r.release(ctx, s.Credential, job.RequestedBy))
	case queue.KindAbandon:
		if since && rec.State != rotation.Closed {
			return done(queue.ErrOvertaken)
		}
		return done(r.abandon(ctx, s.Credential, job.RequestedBy))
	case queue.KindRetry:
		if rec.State == rotation.Quarantined && !since {
			if err := r.release(ctx, s.Credential, job.RequestedBy); err != nil && !errors.Is(err, rotation.ErrNotQuarantined) {
				return done(err)
			}
		}
		return r.goOn(ctx, s, job)
	case queue.KindRecover:
		if since {
			return r.goOn(ctx, s, job)
		}
		return r.recover(ctx, s, job)
	default:
		return done(fmt.Errorf("%s is not an act", kind))
	}
}

// done is the result of what has no result of its own.
func done(err error) rotation.Result {
	if err != nil {
		return rotation.Result{Status: rotation.Failed, Err: err}
	}
	return rotation.Result{Status: rotation.Done}
}

func (r *Repairs) release(ctx context.Context, cred *rotation.Credential, by string) error {
	return r.noted(ctx, cred, due.EventReleased, by, r.as(by).Release(ctx, rotation.Subject{Credential: cred}))
}

func (r *Repairs) abandon(ctx context.Context, cred *rotation.Credential, by string) error {
	return r.noted(ctx, cred, due.EventAbandoned, by, r.as(by).Abandon(ctx, rotation.Subject{Credential: cred}))
}

// as acts for a person, who is the owner of what it writes into a journal.
func (r *Repairs) as(by string) *rotation.Machine {
	m := *r.Machine
	m.Owner = by
	return &m
}

// noted makes an event of what was done, unless it was not. An event that is lost undoes nothing.
func (r *Repairs) noted(ctx context.Context, cred *rotation.Credential, kind rotation.NoticeKind, by string, err error) error {
	if err != nil {
		return err
	}
	_ = r.Index.Note(ctx, cred, rotation.Notice{Kind: kind, Reason: rotation.ReasonDemand, RequestedBy: by})
	return nil
}

// goOn ends the rotation that is open, or makes one unless there was one since the person asked.
func (r *Repairs) goOn(ctx context.Context, s rotation.Subject, job rotation.Job) rotation.Result {
	rec, err := r.Vault.Load(ctx, s.Credential)
	if err != nil {
		return done(err)
	}
	if rec.State != rotation.Closed {
		job.Slot = time.Time{} // any promotion is the end
		return r.Machine.Rotate(ctx, s, job)
	}
	current, err := r.Vault.Read(ctx, s.Credential.Place)
	if err != nil {
		return done(err)
	}
	if current.RotatedAt.After(job.Slot) {
		return rotation.Result{Status: rotation.Done, Rotated: true, RotationID: current.RotationID}
	}
	return r.Machine.Rotate(ctx, s, job)
}

func (r *Repairs) recover(ctx context.Context, s rotation.Subject, job rotation.Job) rotation.Result {
	older, err := r.olderPasswords(ctx, s.Credential)
	if err != nil {
		return done(err)
	}
	return r.Machine.Recover(ctx, s, job, older)
}

// versionsAsked is how many earlier versions of what consumers read recover asks about.
const versionsAsked = 10

// olderPasswords are those of earlier versions of the journal and of current, the newest first.
func (r *Repairs) olderPasswords(ctx context.Context, cred *rotation.Credential) ([]secret.Value, error) {
	records, err := r.Vault.Versions(ctx, cred)
	if err != nil {
		return nil, err
	}
	var older []secret.Value
	for _, rec := range records {
		for i := len(rec.Candidates) - 1; i >= 0; i-- {
			older = append(older, rec.Candidates[i].Value)
		}
	}
	current, err := r.Vault.Read(ctx, cred.Place)
	if err != nil {
		return nil, err
	}
	for version := current.Version - 1; version > 0 && version >= current.Version-versionsAsked; version-- {
		password, err := r.Vault.Password(ctx, cred.Place, version)
		if err != nil {
			return nil, err
		}
		older = append(older, password)
	}
	return older, nil
}
