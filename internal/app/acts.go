package app

import (
	"context"

	"keyturn/internal/config"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
	"keyturn/internal/vaultkv"
)

// Acts is operate.Acts in this process, under the same limits and claims as a worker. It reads management keys only for
// what calls a provider or asks a verifier, and only those of the account that is meant.
type Acts struct {
	Engine *Engine
	Config *config.Config
	Vault  *vaultkv.Vault
	Mail   Mail
}

// Subjects are those of one account.
func (a *Acts) Subjects(ctx context.Context, account string) (*Subjects, error) {
	return NewSubjects(ctx, a.Config, a.Vault.ReadField, a.Mail, account)
}

func (a *Acts) subject(ctx context.Context, cred *rotation.Credential) (rotation.Subject, error) {
	subjects, err := a.Subjects(ctx, cred.Account)
	if err != nil {
		return rotation.Subject{}, err
	}
	return subjects.Of(cred)
}

// machine acts for a person, who is the owner of what it writes into a journal.
func (a *Acts) machine(by string) *rotation.Machine {
	m := *a.Engine.Machine
	m.Owner = by
	return &m
}

// The events of what a person did to a journal. Its rotation has none then.
const (
	released  rotation.NoticeKind = "released"
	abandoned rotation.NoticeKind = "abandoned"
)

// Release is part of operate.Acts.
func (a *Acts) Release(ctx context.Context, cred *rotation.Credential, by string) error {
	err := a.machine(by).Release(ctx, rotation.Subject{Credential: cred})
	return a.noted(ctx, cred, released, by, err)
}

// Abandon is part of operate.Acts.
func (a *Acts) Abandon(ctx context.Context, cred *rotation.Credential, by string) error {
	err := a.machine(by).Abandon(ctx, rotation.Subject{Credential: cred})
	return a.noted(ctx, cred, abandoned, by, err)
}

// noted makes an event of what was done, unless it was not. An event that is lost undoes nothing.
func (a *Acts) noted(ctx context.Context, cred *rotation.Credential, kind rotation.NoticeKind, by string, err error) error {
	if err != nil {
		return err
	}
	_ = a.Engine.Index.Note(ctx, cred, rotation.Notice{Kind: kind, Reason: rotation.ReasonDemand, RequestedBy: by})
	return nil
}

// Recover is part of operate.Acts.
func (a *Acts) Recover(ctx context.Context, cred *rotation.Credential, by string) rotation.Result {
	s, err := a.subject(ctx, cred)
	if err != nil {
		return rotation.Result{Status: rotation.Failed, Err: err}
	}
	older, err := a.olderPasswords(ctx, cred)
	if err != nil {
		return rotation.Result{Status: rotation.Failed, Err: err}
	}
	slot, err := a.Engine.Client.Now(ctx)
	if err != nil {
		return rotation.Result{Status: rotation.Failed, Err: err}
	}
	return a.machine(by).Recover(ctx, s, rotation.Job{Slot: slot, Reason: rotation.ReasonDemand, RequestedBy: by}, older)
}

// Adopt is part of operate.Acts.
func (a *Acts) Adopt(ctx context.Context, cred *rotation.Credential, by string, password secret.Value) error {
	s, err := a.subject(ctx, cred)
	if err != nil {
		return err
	}
	slot, err := a.Engine.Client.Now(ctx)
	if err != nil {
		return err
	}
	return a.machine(by).Adopt(ctx, s, rotation.Job{Slot: slot, Reason: rotation.ReasonAdopted, RequestedBy: by}, password)
}

// versionsAsked is how many earlier versions of what consumers read recover asks about.
const versionsAsked = 10

// olderPasswords are those of earlier versions of the journal and of current, the newest first.
func (a *Acts) olderPasswords(ctx context.Context, cred *rotation.Credential) ([]secret.Value, error) {
	records, err := a.Vault.Versions(ctx, cred)
	if err != nil {
		return nil, err
	}
	var older []secret.Value
	for _, rec := range records {
		for i := len(rec.Candidates) - 1; i >= 0; i-- {
			older = append(older, rec.Candidates[i].Value)
		}
	}
	current, err := a.Vault.Read(ctx, cred.Place)
	if err != nil {
		return nil, err
	}
	for version := current.Version - 1; version > 0 && version >= current.Version-versionsAsked; version-- {
		password, err := a.Vault.Password(ctx, cred.Place, version)
		if err != nil {
			return nil, err
		}
		older = append(older, password)
	}
	return older, nil
}
