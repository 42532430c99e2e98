package operate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

// Request is who asks, and whether the answer is waited for.
type Request struct {
	By   string        // for people: user@host
	Wait time.Duration // how long to follow what was asked for; 0: not at all
	// Force rotates what is frozen, and pairs within their grace too: programs that cached the former password are refused.
	Force bool
	// Tell hears of what was asked for, of what makes it wait, and of its end, as it happens; nil for no one. It is never
	// called twice at once.
	Tell func(Verdict)
}

func (r Request) tell(v Verdict) {
	if r.Tell != nil {
		r.Tell(v)
	}
}

// Rotate asks for the rotation of credentials before all scheduled work. The verdicts are in the order of the ids.
func (d *Desk) Rotate(ctx context.Context, ids []string, r Request) ([]Verdict, error) {
	creds, err := d.Credentials(ids)
	if err != nil {
		return nil, err
	}
	if err := d.refuseFrozen(ctx, creds, r); err != nil {
		return nil, err
	}
	wishes := make([]*wish, 0, len(creds))
	for _, cred := range creds {
		w, err := d.demand(ctx, cred, queue.KindRotate, criterion{above: -1}, r)
		if err != nil {
			return nil, err
		}
		wishes = append(wishes, w)
	}
	return d.await(ctx, wishes, r), nil
}

// Check asks whether the password in Vault works. One that does not is rotated, which is followed as well.
func (d *Desk) Check(ctx context.Context, id string, r Request) (Verdict, error) {
	return d.ask(ctx, queue.KindCheck, id, r)
}

// Retire takes away the identities of an overlap whose time has come; with Force, all that consumers do not use.
func (d *Desk) Retire(ctx context.Context, id string, r Request) (Verdict, error) {
	return d.ask(ctx, queue.KindRetire, id, r)
}

// HoldOn has the identities that wait to be retired stay for another grace, because a program still uses one of them.
func (d *Desk) HoldOn(ctx context.Context, id string, r Request) (Verdict, error) {
	return d.ask(ctx, queue.KindHold, id, r)
}

// ask asks for one job about one credential, and follows it.
func (d *Desk) ask(ctx context.Context, kind queue.Kind, id string, r Request) (Verdict, error) {
	cred, err := d.Credential(id)
	if err != nil {
		return Verdict{}, err
	}
	w, err := d.demand(ctx, cred, kind, criterion{above: -1}, r)
	if err != nil {
		return Verdict{}, err
	}
	return d.await(ctx, []*wish{w}, r)[0], nil
}

// demand asks for one job.
func (d *Desk) demand(ctx context.Context, cred *rotation.Credential, kind queue.Kind, by criterion, r Request) (*wish, error) {
	slot, err := d.Queue.Demand(ctx, cred.Account, kind, cred.ID, rotation.Job{RequestedBy: r.By, Force: r.Force && (kind == queue.KindRotate || kind == queue.KindRetire)})
	if err != nil {
		return nil, d.of(cred, err)
	}
	w := &wish{cred: cred, kind: kind, slot: slot, by: by}
	r.tell(Verdict{Credential: cred.ID, Asked: slot, Outcome: Asked})
	return w, nil
}

// await follows wishes for as long as the request says.
func (d *Desk) await(ctx context.Context, wishes []*wish, r Request) []Verdict {
	if r.Wait == 0 {
		verdicts := make([]Verdict, len(wishes))
		for i, w := range wishes {
			verdicts[i] = Verdict{Credential: w.cred.ID, Asked: w.slot, Outcome: Asked}
		}
		return verdicts
	}
	ctx, cancel := context.WithTimeout(ctx, r.Wait)
	defer cancel()
	return d.follow(ctx, wishes, r.tell)
}

// now is Redis's time, or then where Redis does not answer.
func (d *Desk) now(ctx context.Context, then time.Time) time.Time {
	if now, err := d.Queue.Now(ctx); err == nil {
		return now
	}
	return then
}

// of names the credential that an error is about, and its kind where it is that the credential does not allow it.
func (*Desk) of(cred *rotation.Credential, err error) error {
	if err == nil {
		return nil
	}
	named := fmt.Errorf("%s: %w", cred.ID, err)
	for _, cause := range []error{
		rotation.ErrNotQuarantined, rotation.ErrNothingOpen, queue.ErrOvertaken, queue.ErrBusy,
		rotation.ErrOpen, rotation.ErrQuarantined, rotation.ErrNotLive, rotation.ErrTooSoon, rotation.ErrWhichTarget,
	} {
		if errors.Is(err, cause) {
			return &Error{Conflict, named}
		}
	}
	return named
}
