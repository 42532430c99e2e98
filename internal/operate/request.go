package operate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"keyturn/internal/queue"
	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// Request is who asks, and whether the answer is waited for.
type Request struct {
	By   string        // for people: user@host
	Wait time.Duration // how long to follow what was asked for; 0: not at all
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
	cred, err := d.Credential(id)
	if err != nil {
		return Verdict{}, err
	}
	w, err := d.demand(ctx, cred, queue.KindCheck, criterion{above: -1}, r)
	if err != nil {
		return Verdict{}, err
	}
	return d.await(ctx, []*wish{w}, r)[0], nil
}

// Release takes a credential out of quarantine with every candidate that it has.
func (d *Desk) Release(ctx context.Context, id string, r Request) (Verdict, error) {
	return d.act(ctx, id, Released, r, func(cred *rotation.Credential) error { return d.Acts.Release(ctx, cred, r.By) })
}

// Abandon closes a rotation and forgets its candidates, one of which may be the live password: whoever asks has made sure
// that a person means it.
func (d *Desk) Abandon(ctx context.Context, id string, r Request) (Verdict, error) {
	return d.act(ctx, id, Abandoned, r, func(cred *rotation.Credential) error { return d.Acts.Abandon(ctx, cred, r.By) })
}

// AbandonCosts is how many candidates an open or quarantined rotation has, which Abandon would forget.
func (d *Desk) AbandonCosts(ctx context.Context, id string) (candidates int, err error) {
	cred, err := d.Credential(id)
	if err != nil {
		return 0, err
	}
	rec, err := d.Truth.Load(ctx, cred)
	if err == nil && rec.State == rotation.Closed {
		err = rotation.ErrNothingOpen
	}
	return len(rec.Candidates), d.of(cred, err)
}

// Adopt stores a password that is live already.
func (d *Desk) Adopt(ctx context.Context, id string, password secret.Value, r Request) (Verdict, error) {
	return d.act(ctx, id, Adopted, r, func(cred *rotation.Credential) error { return d.Acts.Adopt(ctx, cred, r.By, password) })
}

// act does what ends at once.
func (d *Desk) act(ctx context.Context, id string, outcome Outcome, r Request, do func(*rotation.Credential) error) (Verdict, error) {
	cred, err := d.Credential(id)
	if err != nil {
		return Verdict{}, err
	}
	asked, err := d.Queue.Now(ctx)
	if err == nil {
		err = do(cred)
	}
	if err != nil {
		return Verdict{}, d.of(cred, err)
	}
	v := Verdict{Credential: id, Asked: asked, Outcome: outcome, Seconds: d.now(ctx, asked).Sub(asked).Seconds()}
	r.tell(v)
	return v, nil
}

// Retry releases a credential, if it is in quarantine, and asks for its rotation.
func (d *Desk) Retry(ctx context.Context, id string, r Request) (Verdict, error) {
	cred, err := d.Credential(id)
	if err != nil {
		return Verdict{}, err
	}
	rec, err := d.Truth.Load(ctx, cred)
	if err != nil {
		return Verdict{}, d.of(cred, err)
	}
	if err := d.Acts.Release(ctx, cred, r.By); err != nil && !errors.Is(err, rotation.ErrNotQuarantined) {
		return Verdict{}, d.of(cred, err)
	}
	by := criterion{above: rec.Version}
	if rec.State != rotation.Closed {
		by.id = rec.RotationID // which goes on
	}
	w, err := d.demand(ctx, cred, queue.KindRotate, by, r)
	if err != nil {
		return Verdict{}, err
	}
	return d.await(ctx, []*wish{w}, r)[0], nil
}

// Recover finds the password that works, wherever it still stands, and promotes it; else a new one is set. What this does
// not finish a worker goes on with.
func (d *Desk) Recover(ctx context.Context, id string, r Request) (Verdict, error) {
	cred, err := d.Credential(id)
	if err != nil {
		return Verdict{}, err
	}
	before, err := d.look(ctx, cred)
	if err != nil {
		return Verdict{}, d.of(cred, err)
	}
	slot, err := d.Queue.Now(ctx)
	if err != nil {
		return Verdict{}, err
	}
	result := d.Acts.Recover(ctx, cred, r.By)
	w := &wish{cred: cred, slot: slot, by: criterion{above: before.rec.Version, version: before.current.Version + 1}}
	switch result.Status {
	case rotation.Done:
		v := w.verdict(Rotated, "", d.now(ctx, slot))
		if !result.Rotated {
			v.Outcome = Works
		}
		r.tell(v)
		return v, nil
	case rotation.Ended:
		return w.verdict(Stopped, reasonOf(result), d.now(ctx, slot)), nil
	case rotation.Waiting, rotation.Failed, rotation.Replaced, rotation.Unresolved:
	}
	v := Verdict{Credential: id, Asked: slot, Outcome: Open, Why: Plain(fmt.Sprintf("%s: %v", result.Status, result.Err))}
	if result.Err == nil {
		v.Why = "another run took over"
	}
	if result.After > 0 {
		until := d.now(ctx, slot).Add(result.After)
		v.Until = &until
	}
	r.tell(v)
	if r.Wait == 0 {
		return v, nil
	}
	return d.await(ctx, []*wish{w}, r)[0], nil
}

// demand asks for one job.
func (d *Desk) demand(ctx context.Context, cred *rotation.Credential, kind queue.Kind, by criterion, r Request) (*wish, error) {
	slot, err := d.Queue.Demand(ctx, cred.Account, kind, cred.ID, r.By)
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

// of names the credential that an error is about.
func (*Desk) of(cred *rotation.Credential, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", cred.ID, err)
}

// reasonOf is the reason of a result without what its status says already.
func reasonOf(result rotation.Result) string {
	if result.Err == nil {
		return ""
	}
	return strings.TrimPrefix(Plain(result.Err.Error()), result.Status.String()+": ")
}
