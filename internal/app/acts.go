package app

import (
	"context"
	"errors"

	"keyturn/internal/config"
	"keyturn/internal/operate"
	"keyturn/internal/queue"
	"keyturn/internal/rotation"
	"keyturn/internal/vaultkv"
)

// Acts are operate's ports to what changes a journal or calls a provider, in this process and under the same limits and
// claims as a worker. It reads management keys only for what calls a provider or asks a verifier, and only those of the
// account that is meant.
type Acts struct {
	Engine *Engine
	Config *config.Config
	Vault  *vaultkv.Vault
	Mail   Mail
}

// subjects are those of one account.
func (a *Acts) subjects(ctx context.Context, account string) (*Subjects, error) {
	return NewSubjects(ctx, a.Config, a.Vault.ReadField, a.Mail, account)
}

// subject returns a credential with what acts on it, under a context that knows with which management key, and what to call
// when the last call was made.
func (a *Acts) subject(ctx context.Context, cred *rotation.Credential) (using context.Context, s rotation.Subject, done func(), err error) {
	done = func() {}
	subjects, err := a.subjects(ctx, cred.Account)
	if err != nil {
		return ctx, s, done, err
	}
	using, done = a.Engine.Keys.Using(ctx, subjects, cred.Account)
	s, err = subjects.Of(cred)
	return using, s, done, err
}

// repairs act for a person.
func (a *Acts) repairs(by string) *Repairs {
	m := *a.Engine.Machine
	m.Owner = by
	return &Repairs{Machine: &m, Vault: a.Vault, Index: a.Engine.Index}
}

// Act implements operate.Acts. What rotates after a retry is a worker.
func (a *Acts) Act(ctx context.Context, kind queue.Kind, cred *rotation.Credential, by string) (deed operate.Deed, err error) {
	if deed.Slot, err = a.Engine.Client.Now(ctx); err != nil {
		return deed, err
	}
	s, job := rotation.Subject{Credential: cred}, rotation.Job{Slot: deed.Slot, Reason: rotation.ReasonDemand, RequestedBy: by}
	switch kind {
	case queue.KindRetry:
		if err := a.repairs(by).Do(ctx, queue.KindRelease, s, job).Err; err != nil && !errors.Is(err, rotation.ErrNotQuarantined) {
			return deed, err
		}
		return operate.Jobs{Queue: a.Engine.Client}.Act(ctx, queue.KindRetry, cred, by) // which no change freeze holds up
	case queue.KindRecover:
		using, subject, done, err := a.subject(ctx, cred)
		defer done()
		if err != nil {
			return deed, err
		}
		ctx, s = using, subject
	default: // calls no provider
	}
	deed.Result = a.repairs(by).Do(ctx, kind, s, job)
	return deed, nil
}

// Adopt implements operate.Adopter.
func (a *Acts) Adopt(ctx context.Context, cred *rotation.Credential, by string, live rotation.Live) error {
	ctx, s, done, err := a.subject(ctx, cred)
	defer done()
	if err != nil {
		return err
	}
	slot, err := a.Engine.Client.Now(ctx)
	if err != nil {
		return err
	}
	return a.repairs(by).Machine.Adopt(ctx, s, rotation.Job{Slot: slot, RequestedBy: by}, live)
}

// Try implements operate.Prover.
func (a *Acts) Try(ctx context.Context, cred *rotation.Credential, held rotation.Entry) (rotation.Verdict, error) {
	ctx, s, done, err := a.subject(ctx, cred)
	defer done()
	if err != nil {
		return rotation.Unknown, err
	}
	return a.Engine.Machine.Try(ctx, s, held)
}
