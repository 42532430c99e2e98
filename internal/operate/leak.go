package operate

import (
	"context"
	"errors"
	"time"

	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

// Prover asks whether a password that current held still works. Safe for concurrent use; returns soon after ctx ends.
type Prover interface {
	// Try changes nothing. rotation.ErrNoVerifier says that there is none to ask, a *rotation.WaitError when to ask again, and
	// any other error that there was no answer.
	Try(ctx context.Context, cred *rotation.Credential, held rotation.Entry) (rotation.Verdict, error)
}

// leak is a password that has to die.
type leak struct {
	cred    *rotation.Credential
	held    rotation.Entry // what current held, and so what has leaked
	unread  error          // why that is not known
	asked   time.Time      // for the first rotation
	verdict Verdict
	second  *wish // of a pair: the rotation that takes the leaked password away
}

// Leaked makes the passwords worthless that Vault holds for credentials now, and shows that they are: replace rotates, pair
// rotates twice, with grace between (0: the least interval of two rotations), and overlap retires at once what was used before.
// Request.Wait is how long each rotation is followed. It takes rights in Vault. The verdicts are in the order of the ids, and
// what goes wrong with one is its own; one with Dead says that the provider refused the old password afterwards.
func (d *Desk) Leaked(ctx context.Context, ids []string, grace time.Duration, r Request) ([]Verdict, error) {
	creds, err := d.Credentials(ids)
	if err != nil {
		return nil, err
	}
	if d.Truth == nil || d.Prover == nil {
		return nil, errNoTruth
	}
	grace = max(grace, d.Timing.MinInterval)
	leaks := make([]*leak, len(creds))
	for i, cred := range creds {
		leaks[i] = &leak{cred: cred, unread: errNothingHeld}
		if seen, err := d.look(ctx, cred); err != nil {
			leaks[i].unread = err // a worker may still reach it
		} else {
			leaks[i].held = seen.current
		}
	}
	d.each(ctx, leaks, r, func(l *leak) (*wish, error) { return d.replaceLeaked(ctx, l, grace, r) })
	d.retireLeaked(ctx, leaks, r)
	for _, l := range leaks {
		if l.second == nil { // else it is alive for now
			d.prove(ctx, l, r)
		}
	}
	d.replaceAgain(ctx, leaks, grace, r)
	d.replaceLast(ctx, leaks, grace, r)
	verdicts := make([]Verdict, len(leaks))
	for i, l := range leaks {
		if l.second != nil {
			d.prove(ctx, l, r)
		}
		verdicts[i] = l.verdict
	}
	return verdicts, nil
}

// replaceLeaked asks for the first rotation, and of a pair for the second one as well, so that it comes whatever becomes of
// this process.
func (d *Desk) replaceLeaked(ctx context.Context, l *leak, grace time.Duration, r Request) (*wish, error) {
	pair := l.cred.Pair != nil
	r.Force = true // a grace and a freeze are for passwords that have not leaked
	first, err := d.demand(ctx, l.cred, queue.KindRotate, criterion{above: -1}, r)
	if err != nil || !pair {
		return first, err
	}
	slot, err := d.Queue.DemandLater(ctx, l.cred.Account, queue.KindRotate, l.cred.ID, rotation.Job{RequestedBy: r.By, Force: true}, grace)
	l.second = &wish{cred: l.cred, kind: queue.KindRotate, slot: slot, by: criterion{above: -1}}
	return first, d.of(l.cred, err)
}

// retireLeaked takes away the identities whose passwords leaked, now that consumers have others.
func (d *Desk) retireLeaked(ctx context.Context, leaks []*leak, r Request) {
	r.Force = true
	d.each(ctx, leaks, r, func(l *leak) (*wish, error) {
		if l.cred.Overlap == nil {
			return nil, nil
		}
		return d.demand(ctx, l.cred, queue.KindRetire, criterion{above: -1}, r)
	})
}

// replaceAgain follows the second rotations of pairs: until then the leaked password logs in.
func (d *Desk) replaceAgain(ctx context.Context, leaks []*leak, grace time.Duration, r Request) {
	wait := r
	if r.Wait > 0 {
		wait.Wait += grace
	}
	d.each(ctx, leaks, wait, func(l *leak) (*wish, error) {
		if l.second == nil {
			return nil, nil
		}
		dies := later(l.second.slot, l.asked.Add(l.verdict.Took()+d.Timing.MinInterval))
		r.tell(Verdict{Credential: l.cred.ID, Asked: l.asked, Outcome: Alive, Until: &dies})
		return l.second, nil
	})
}

// replaceLast makes up for a first rotation that had to wait until the second was due: one rotation served both then, and
// consumers still use the other target.
func (d *Desk) replaceLast(ctx context.Context, leaks []*leak, grace time.Duration, r Request) {
	r.Force = true
	if r.Wait > 0 {
		r.Wait += grace
	}
	d.each(ctx, leaks, r, func(l *leak) (*wish, error) {
		if l.second == nil {
			return nil, nil
		}
		leaked := l.cred.Pair.Find(l.held.Target, l.held.Username)
		if used := d.targetInUse(ctx, l.cred); used == nil || leaked == nil || used == leaked {
			return nil, nil // the proof tells what is not known here
		}
		return d.demand(ctx, l.cred, queue.KindRotate, criterion{above: -1}, r)
	})
}

// targetInUse is the target of a pair that consumers use; nil where that is not known.
func (d *Desk) targetInUse(ctx context.Context, cred *rotation.Credential) *rotation.Access {
	seen, err := d.look(ctx, cred)
	if err != nil {
		return nil
	}
	return cred.Pair.Find(seen.current.Target, seen.current.Username)
}

// each follows one more wish, if there is one, of each credential of which nothing has gone wrong.
func (d *Desk) each(ctx context.Context, leaks []*leak, r Request, next func(*leak) (*wish, error)) {
	var wishes []*wish
	var of []*leak
	for _, l := range leaks {
		if l.verdict.Outcome != "" && !l.verdict.Good() {
			continue
		}
		w, err := next(l)
		switch {
		case err != nil:
			l.verdict = Verdict{Credential: l.cred.ID, Asked: l.asked, Outcome: Failed, Why: Plain(err.Error())}
		case w != nil:
			wishes, of = append(wishes, w), append(of, l)
		}
	}
	if len(wishes) == 0 {
		return
	}
	for i, v := range d.await(ctx, wishes, r) {
		l := of[i]
		if l.asked.IsZero() {
			l.asked = v.Asked
		}
		if v.Ended() { // counted from the first request
			v.Seconds = max(0, v.Seconds+v.Asked.Sub(l.asked).Seconds())
		}
		l.verdict, l.verdict.Asked = v, l.asked
	}
}

// prove asks whether the leaked password still logs in.
func (d *Desk) prove(ctx context.Context, l *leak, r Request) {
	if !l.verdict.Good() {
		return
	}
	v := Verdict{Credential: l.cred.ID, Asked: l.asked, Outcome: Unchecked}
	switch verdict, err := d.tryUntilDead(ctx, l, r.Wait); {
	case verdict == rotation.Refused:
		v.Outcome = Dead
	case verdict == rotation.Works:
		v.Outcome, v.Why = Alive, "it was replaced, and still logs in"
	case errors.Is(err, rotation.ErrNoVerifier):
		v.Outcome, v.Why = Rotated, "nothing tells whether the old password still logs in: "+err.Error()
	case err != nil:
		v.Why = "it was replaced, and nothing tells whether the old password still logs in: " + Plain(err.Error())
	}
	v.Seconds = max(0, d.now(ctx, v.Asked).Sub(v.Asked).Seconds())
	l.verdict = v
	r.tell(v)
}

// tryUntilDead tries the leaked password until it is refused: servers may take it for as long as a new one takes to spread. For
// its turn at a server that bears only so many questions it waits as long as for anything else.
func (d *Desk) tryUntilDead(ctx context.Context, l *leak, patience time.Duration) (verdict rotation.Verdict, err error) {
	if l.held.Password.IsZero() {
		return rotation.Unknown, l.unread
	}
	began := d.Clock.Now()
	for pause := time.Second; ; pause *= 2 {
		verdict, err = d.Prover.Try(ctx, l.cred, l.held)
		rest, limit := pause, l.cred.Verify.Propagation
		if held := (*rotation.WaitError)(nil); errors.As(err, &held) {
			rest, limit = held.After, patience
		} else if verdict != rotation.Works {
			return verdict, err
		}
		if d.Clock.Now().Sub(began) >= limit || d.Clock.Sleep(ctx, rest) != nil {
			return verdict, err
		}
	}
}

var errNothingHeld = errors.New("the secret held none")
