package operate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

// Acts does what a person asks for at a journal: in this process, which needs rights in Vault, or as a job of a worker
// (Jobs). Safe for concurrent use; returns soon after ctx ends.
type Acts interface {
	// Act does one of queue.KindRelease, KindRetry, KindRecover and KindAbandon, or asks for it. By is who asks.
	Act(ctx context.Context, kind queue.Kind, cred *rotation.Credential, by string) (Deed, error)
}

// Deed is an act that was done, or asked for.
type Deed struct {
	Slot   time.Time       // when it was asked for, by Redis's clock
	Job    queue.Kind      // of the job for Slot whose outcome will say what becomes of it; "" where Result says it
	Result rotation.Result // rotation.ErrNotQuarantined, ErrNothingOpen and queue.ErrOvertaken are of the kind Conflict
}

// Jobs are Acts that a worker does. It takes no right in Vault and no management key, and nothing secret goes through the
// queue.
type Jobs struct{ Queue Queue }

// Act implements Acts.
func (j Jobs) Act(ctx context.Context, kind queue.Kind, cred *rotation.Credential, by string) (Deed, error) {
	slot, err := j.Queue.Demand(ctx, cred.Account, kind, cred.ID, rotation.Job{RequestedBy: by})
	return Deed{Slot: slot, Job: kind}, err
}

// Adopter stores a password that is live already. It has no job: a password may not go through the queue.
type Adopter interface {
	// Adopt is as Acts.Act. Its errors are those of rotation.Machine.Adopt.
	Adopt(ctx context.Context, cred *rotation.Credential, by string, live rotation.Live) error
}

// Release takes a credential out of quarantine with every candidate that it has.
func (d *Desk) Release(ctx context.Context, id string, r Request) (Verdict, error) {
	return d.act(ctx, queue.KindRelease, id, r)
}

// Retry releases a credential, if it is in quarantine, and asks for its rotation.
func (d *Desk) Retry(ctx context.Context, id string, r Request) (Verdict, error) {
	return d.act(ctx, queue.KindRetry, id, r)
}

// Recover finds the password that works, wherever it still stands, and promotes it; else a new one is set. What this does
// not finish a worker goes on with.
func (d *Desk) Recover(ctx context.Context, id string, r Request) (Verdict, error) {
	return d.act(ctx, queue.KindRecover, id, r)
}

// Abandon closes a rotation and forgets its candidates, one of which may be the live password: the caller has made sure
// that a person means it.
func (d *Desk) Abandon(ctx context.Context, id string, r Request) (Verdict, error) {
	return d.act(ctx, queue.KindAbandon, id, r)
}

// AbandonCosts is how many candidates an open or quarantined rotation has, which Abandon would forget. It takes rights in
// Vault.
func (d *Desk) AbandonCosts(ctx context.Context, id string) (candidates int, err error) {
	cred, err := d.Credential(id)
	if err != nil {
		return 0, err
	}
	if d.Truth == nil {
		return 0, errNoTruth
	}
	rec, err := d.Truth.Load(ctx, cred)
	if err == nil && rec.State == rotation.Closed {
		err = rotation.ErrNothingOpen
	}
	return len(rec.Candidates), d.of(cred, err)
}

// Adopt stores a password that is live already. It takes rights in Vault.
func (d *Desk) Adopt(ctx context.Context, id string, live rotation.Live, r Request) (Verdict, error) {
	cred, err := d.Credential(id)
	if err != nil {
		return Verdict{}, err
	}
	if d.Adopter == nil {
		return Verdict{}, errNoTruth
	}
	asked, err := d.Queue.Now(ctx)
	if err == nil {
		err = d.Adopter.Adopt(ctx, cred, r.By, live)
	}
	if err != nil {
		return Verdict{}, d.of(cred, err)
	}
	v := Verdict{Credential: id, Asked: asked, Outcome: Adopted, Seconds: d.now(ctx, asked).Sub(asked).Seconds()}
	r.tell(v)
	return v, nil
}

// act does one act, and follows what it leaves to a worker.
func (d *Desk) act(ctx context.Context, kind queue.Kind, id string, r Request) (Verdict, error) {
	cred, err := d.Credential(id)
	if err != nil {
		return Verdict{}, err
	}
	w := &wish{cred: cred, act: kind}
	if w.by, err = d.before(ctx, cred, kind); err != nil {
		return Verdict{}, d.of(cred, err)
	}
	deed, err := d.Acts.Act(ctx, kind, cred, r.By)
	if err != nil {
		return Verdict{}, d.of(cred, err)
	}
	w.slot, w.kind = deed.Slot, deed.Job
	if w.kind == "" {
		return d.did(ctx, w, deed.Result, r)
	}
	r.tell(Verdict{Credential: id, Asked: w.slot, Outcome: Asked})
	v := d.await(ctx, []*wish{w}, r)[0]
	if w.last.Status == queue.StatusRefused {
		return Verdict{}, d.of(cred, &Error{Conflict, errors.New(w.last.Text)})
	}
	return v, nil
}

// before is how Vault, where it is asked, will tell that an act has ended which a worker goes on with.
func (d *Desk) before(ctx context.Context, cred *rotation.Credential, kind queue.Kind) (criterion, error) {
	if d.Truth == nil || kind != queue.KindRetry && kind != queue.KindRecover {
		return criterion{}, nil
	}
	seen, err := d.look(ctx, cred)
	if err != nil {
		return criterion{}, err
	}
	by := criterion{above: seen.rec.Version}
	switch {
	case kind == queue.KindRecover:
		by.version = seen.current.Version + 1
	case seen.rec.State != rotation.Closed:
		by.id = seen.rec.RotationID // which goes on
	}
	return by, nil
}

// did is what became of an act that was done at once. What a recovery did not reach a worker goes on with.
func (d *Desk) did(ctx context.Context, w *wish, result rotation.Result, r Request) (Verdict, error) {
	switch result.Status {
	case rotation.Done:
		v := w.verdict(w.good(result.Rotated), "", d.now(ctx, w.slot))
		r.tell(v)
		return v, nil
	case rotation.Ended:
		return w.verdict(Stopped, reasonOf(result), d.now(ctx, w.slot)), nil
	case rotation.Waiting, rotation.Failed, rotation.Replaced, rotation.Unresolved:
	}
	if w.act != queue.KindRecover {
		return Verdict{}, d.of(w.cred, result.Err)
	}
	v := Verdict{Credential: w.cred.ID, Asked: w.slot, Outcome: Open, Why: Plain(fmt.Sprintf("%s: %v", result.Status, result.Err))}
	if result.Err == nil {
		v.Why = "another run took over"
	}
	if result.After > 0 {
		until := d.now(ctx, w.slot).Add(result.After)
		v.Until = &until
	}
	r.tell(v)
	if r.Wait == 0 {
		return v, nil
	}
	return d.await(ctx, []*wish{w}, r)[0], nil
}

// reasonOf is the reason of a result without what its status says already.
func reasonOf(result rotation.Result) string {
	if result.Err == nil {
		return ""
	}
	return strings.TrimPrefix(Plain(result.Err.Error()), result.Status.String()+": ")
}
