package main

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"keyturn/internal/app"
	"keyturn/internal/contacts"
	"keyturn/internal/queue"
	"keyturn/internal/rotation"
	"keyturn/internal/vaultkv"
)

// handler runs jobs. It implements queue.Handler.
type handler struct {
	clock      rotation.Clock
	log        *slog.Logger
	vault      *vaultkv.Vault
	notes      notes
	quotas     *app.Quotas
	freezes    *app.Freezes
	deliveries *app.Deliveries
	server     *queue.Server
	fleet      atomic.Pointer[fleet]
	skewed     atomic.Pointer[skew]

	changing sync.Mutex    // held while the fleet is replaced
	ended    chan leaver   // those that had a run, which may have ended their rotation or begun one
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
	if job.Kind == queue.KindFreeze {
		return h.freezes.Write(ctx, h.vault, h.fleet.Load().engine.Index, h.clock, job)
	}
	return h.run(ctx, job, func(ctx context.Context, f *fleet, s rotation.Subject, asked rotation.Job) rotation.Result {
		repairs := &app.Repairs{Machine: f.engine.Machine, Vault: h.vault, Index: f.engine.Index}
		return repairs.Do(ctx, job.Kind, s, asked)
	})
}

// act does what a job is about.
type act func(context.Context, *fleet, rotation.Subject, rotation.Job) rotation.Result

func (h *handler) run(ctx context.Context, job queue.Job, do act) rotation.Result {
	f := h.fleet.Load()
	ctx, done := f.engine.Keys.Using(ctx, f.subjects, job.Account)
	defer done()
	subject, err := f.subject(job)
	var later *rotation.WaitError
	switch {
	case errors.As(err, &later):
		return rotation.Result{Status: rotation.Waiting, After: later.After, Err: err}
	case err != nil:
		return rotation.Result{Status: rotation.Failed, Err: err}
	}
	result := do(h.quotas.Watch(ctx, job.Account), f, subject, job.Job)
	h.watchClock(result.Err)
	h.noteRetirement(ctx, subject.Credential, result)
	h.lookAfter(f, subject)
	return result
}

// watchClock notes an answer that says that this machine's clock is off.
func (h *handler) watchClock(err error) {
	var refused *rotation.Error
	if errors.As(err, &refused) && refused.Kind == rotation.ClockSkew {
		h.skewed.Store(&skew{err: refused, seen: h.clock.Now()})
	}
}

// Contacts implements queue.Handler. The job names an entry under verifications.
func (h *handler) Contacts(ctx context.Context, job queue.Job) contacts.Result {
	f := h.fleet.Load()
	for _, v := range f.cfg.Verifications {
		if v.Name == job.Credential && v.Account == job.Account {
			ctx, done := f.engine.Keys.Using(ctx, f.subjects, v.Account)
			defer done()
			result := f.engine.Contacts.Verify(h.quotas.Watch(ctx, job.Account), contacts.Verification{
				Name: v.Name, Account: v.Account, Addresses: v.Addresses, Client: f.subjects.Client(v.Account).Contacts,
			}, job.Job)
			h.watchClock(result.Err)
			return result
		}
	}
	return contacts.Result{Status: contacts.Failed, Err: queue.ErrUnknown}
}

// Tell implements queue.Handler.
func (h *handler) Tell(ctx context.Context, job queue.Job) rotation.Result {
	return h.deliveries.Tell(ctx, h.fleet.Load().cfg, job)
}

// ready reports a skewed clock: then this worker, not the account, is at fault.
func (h *handler) ready() error {
	if s := h.skewed.Load(); s != nil && h.clock.Now().Sub(s.seen) < skewMemory {
		return s.err
	}
	return nil
}

// awaitKeys takes management keys over whose store was away at the start, unless a reload was faster.
func (h *handler) awaitKeys(ctx context.Context, p *app.Process) {
	started := h.fleet.Load()
	subjects := p.AwaitKeys(ctx, started.subjects)
	if subjects == nil {
		return
	}
	found := *started
	found.subjects = subjects
	if !h.fleet.CompareAndSwap(started, &found) {
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
