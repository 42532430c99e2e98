package main

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"keyturn/internal/app"
	"keyturn/internal/config"
	"keyturn/internal/contacts"
	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

// fleet is a configuration with what acts on its credentials; both change together when the configuration is reloaded.
type fleet struct {
	cfg      *config.Config
	subjects *app.Subjects
}

// handler runs jobs. It implements queue.Handler.
type handler struct {
	machine  *rotation.Machine
	contacts *contacts.Verifier
	notes    notes
	repairs  *app.Repairs
	quotas   *app.Quotas
	freezes  *app.Freezes
	fleet    atomic.Pointer[fleet]
	skewed   atomic.Pointer[skew]

	reloaded chan struct{} // an element after a reload
}

// skew is the last word of a provider that this machine's clock is off.
type skew struct {
	err  *rotation.Error
	seen time.Time
}

// skewMemory is how long a skewed clock keeps the worker unready after the last such answer.
const skewMemory = time.Minute

var errWrongAccount = errors.New("its account in the configuration is another one")

// subject finds what a job names. A payload is hostile input: only what the configuration has at this account is
// rotated.
func (h *handler) subject(job queue.Job) (rotation.Subject, error) {
	f := h.fleet.Load()
	cred, ok := f.cfg.Credential(job.Credential)
	if !ok {
		return rotation.Subject{}, queue.ErrUnknown
	}
	if cred.Account != job.Account {
		return rotation.Subject{}, errors.Join(queue.ErrUnknown, errWrongAccount)
	}
	return f.subjects.Of(cred)
}

// Rotate implements queue.Handler.
func (h *handler) Rotate(ctx context.Context, job queue.Job) rotation.Result {
	return h.run(ctx, job, h.rotate)
}

// Check implements queue.Handler.
func (h *handler) Check(ctx context.Context, job queue.Job) rotation.Result {
	return h.run(ctx, job, h.check)
}

// Act implements queue.Handler.
func (h *handler) Act(ctx context.Context, job queue.Job) rotation.Result {
	return h.run(ctx, job, func(ctx context.Context, s rotation.Subject, asked rotation.Job) rotation.Result {
		return h.repairs.Do(ctx, job.Kind, s, asked)
	})
}

func (h *handler) run(ctx context.Context, job queue.Job, f func(context.Context, rotation.Subject, rotation.Job) rotation.Result) rotation.Result {
	subject, err := h.subject(job)
	var later *rotation.WaitError
	switch {
	case errors.As(err, &later):
		return rotation.Result{Status: rotation.Waiting, After: later.After, Err: err}
	case err != nil:
		return rotation.Result{Status: rotation.Failed, Err: err}
	}
	result := f(h.quotas.Watch(ctx, job.Account), subject, job.Job)
	h.watchClock(result.Err)
	h.noteRetirement(ctx, subject.Credential, result)
	return result
}

// watchClock notes an answer that says that this machine's clock is off.
func (h *handler) watchClock(err error) {
	var refused *rotation.Error
	if errors.As(err, &refused) && refused.Kind == rotation.ClockSkew {
		h.skewed.Store(&skew{err: refused, seen: h.machine.Clock.Now()})
	}
}

// Contacts implements queue.Handler. The job names an entry under verifications.
func (h *handler) Contacts(ctx context.Context, job queue.Job) contacts.Result {
	f := h.fleet.Load()
	for _, v := range f.cfg.Verifications {
		if v.Name == job.Credential && v.Account == job.Account {
			result := h.contacts.Verify(h.quotas.Watch(ctx, job.Account), contacts.Verification{
				Name: v.Name, Account: v.Account, Addresses: v.Addresses, Client: f.subjects.Client(v.Account).Contacts,
			}, job.Job)
			h.watchClock(result.Err)
			return result
		}
	}
	return contacts.Result{Status: contacts.Failed, Err: queue.ErrUnknown}
}

// ready reports a skewed clock: then this worker, not the account, is at fault.
func (h *handler) ready() error {
	if s := h.skewed.Load(); s != nil && h.machine.Clock.Now().Sub(s.seen) < skewMemory {
		return s.err
	}
	return nil
}

// reload takes a changed configuration over. One that cannot be used changes nothing and says why. Accounts have their
// own servers and limiters, so a new or changed account needs a restart.
func (h *handler) reload(ctx context.Context, p *app.Process, next *config.Config) error {
	subjects, err := app.NewSubjects(ctx, next, p.Vault.ReadField, p.Mail())
	if err != nil {
		return err
	}
	h.fleet.Store(&fleet{cfg: next, subjects: subjects})
	select {
	case h.reloaded <- struct{}{}:
	default: // it is about to look anyway
	}
	return nil
}

// awaitKeys takes management keys over whose store was away at the start, unless a reload was faster.
func (h *handler) awaitKeys(ctx context.Context, p *app.Process) {
	started := h.fleet.Load()
	subjects := p.AwaitKeys(ctx, started.subjects)
	if subjects == nil || !h.fleet.CompareAndSwap(started, &fleet{cfg: started.cfg, subjects: subjects}) {
		return
	}
	select {
	case h.reloaded <- struct{}{}:
	default: // it is about to look anyway
	}
}

// checkServers looks whether the mail servers can be asked, now and after each reload, until ctx ends.
func (h *handler) checkServers(ctx context.Context, p *app.Process) {
	for {
		h.fleet.Load().subjects.CheckServers(ctx, p.Metrics, p.Log)
		select {
		case <-ctx.Done():
			return
		case <-h.reloaded:
		}
	}
}
