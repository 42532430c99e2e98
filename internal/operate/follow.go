package operate

import (
	"cmp"
	"context"
	"slices"
	"time"

	"keyturn/internal/queue"
	"keyturn/internal/rotation"
)

const (
	// followEvery is how often Redis is asked what became of requests, and truthEvery how often Vault is asked about one:
	// a run whose worker was killed is finished by another that knows nothing of the request, and only Vault tells.
	followEvery = 50 * time.Millisecond
	truthEvery  = time.Second
	// looksAtOnce bounds how many outcomes are asked for at a time, and truthsAtOnce how many journals are read.
	looksAtOnce  = 500
	truthsAtOnce = 16
	// newsAfter is how long a request is followed in silence: most end sooner.
	newsAfter = time.Second
	// laterNews is by how much a wait has to grow to be told again.
	laterNews = 10 * time.Second
)

// wish is a request that is followed.
type wish struct {
	cred *rotation.Credential
	act  queue.Kind // that a person asked for; "" for a rotation and a check
	kind queue.Kind // of the job whose outcome tells; "" where none does
	slot time.Time
	by   criterion

	last   queue.Outcome // of its job, or of a newer one's
	seen   *truth        // what Vault said last
	began  time.Time     // by our clock
	looked time.Time     // at Vault, by our clock
	told   Verdict

	newsAt time.Time // when its reason was looked for last, by our clock
	newsOf time.Time // outcome that was known then
}

// criterion is how Vault tells that a wish has ended.
type criterion struct {
	above   int    // a quarantine counts if its journal's version is above this one
	id      string // a promotion of this rotation counts as well; "" if none
	after   bool   // only a slot after the wish's serves it
	version int    // if not 0: what counts is a version of current from this one on
}

// truth is what Vault says about a credential.
type truth struct {
	rec     rotation.Record
	current rotation.Entry
}

func (d *Desk) look(ctx context.Context, cred *rotation.Credential) (*truth, error) {
	rec, err := d.Truth.Load(ctx, cred)
	if err != nil {
		return nil, err
	}
	place := cred.Place
	if rec.State != rotation.Closed {
		place = rec.Place
	}
	current, err := d.Truth.Read(ctx, place)
	if err != nil {
		return nil, err
	}
	return &truth{rec, current}, nil
}

// ended tells whether a wish has ended by what Vault says.
func (c criterion) ended(slot time.Time, t *truth) (outcome Outcome, why string, ended bool) {
	switch {
	case t.rec.State == rotation.Quarantined && t.rec.Version > c.above:
		return Stopped, Plain(t.rec.Why), true
	case t.rec.State != rotation.Closed:
		return "", "", false
	case c.version > 0 && t.current.Version >= c.version,
		c.version == 0 && (t.current.Slot.After(slot) || !c.after && t.current.Slot.Equal(slot)),
		c.id != "" && t.current.RotationID == c.id:
		return Rotated, "", true
	}
	return "", "", false
}

// follow waits until every wish has ended, or ctx. Tell hears of each end, and of what makes a wish wait.
func (d *Desk) follow(ctx context.Context, wishes []*wish, tell func(Verdict)) []Verdict {
	open := slices.Clone(wishes)
	for _, w := range open {
		w.began = d.Clock.Now()
		w.looked = w.began
		w.told = Verdict{Credential: w.cred.ID, Asked: w.slot, Outcome: Open}
	}
	for len(open) > 0 {
		some := open[:min(looksAtOnce, len(open))]
		d.outcomes(ctx, some)
		rest, truths := open[len(some):], 0
		for _, w := range some {
			v, ended := d.verdict(ctx, w)
			if !ended && d.Truth != nil && truths < truthsAtOnce && d.Clock.Now().Sub(w.looked) >= truthEvery {
				truths++
				v, ended = d.askTruth(ctx, w)
			}
			if ended {
				w.told = v
				tell(v)
				continue
			}
			d.news(ctx, w, tell)
			rest = append(rest, w)
		}
		open = rest
		if len(open) > 0 && d.Clock.Sleep(ctx, followEvery) != nil {
			break
		}
	}
	verdicts := make([]Verdict, len(wishes))
	for i, w := range wishes {
		if !w.told.Ended() && w.told.Why == "" {
			w.told.Why = d.lastReason(ctx, w)
		}
		verdicts[i] = w.told
	}
	return verdicts
}

// lastReason is why a wish has not ended that was followed for too short a time to have been asked about.
func (d *Desk) lastReason(ctx context.Context, w *wish) string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), truthEvery)
	defer cancel()
	why, _ := d.reason(ctx, w.cred, w.last, w.seen)
	return cmp.Or(why, unexplained(w.last))
}

// outcomes asks, in a round trip for each kind, what became of jobs. Where Redis does not answer it is as if nothing had.
func (d *Desk) outcomes(ctx context.Context, wishes []*wish) {
	for _, kind := range []queue.Kind{
		queue.KindRotate, queue.KindCheck, queue.KindRetire, queue.KindHold, queue.KindRelease, queue.KindRetry, queue.KindRecover, queue.KindAbandon,
		queue.KindFreeze,
	} {
		var asked []*wish
		var creds []*rotation.Credential
		for _, w := range wishes {
			if w.kind == kind {
				asked, creds = append(asked, w), append(creds, w.cred)
			}
		}
		if len(asked) == 0 {
			continue
		}
		found, err := d.Queue.Outcomes(ctx, kind, creds)
		if err != nil {
			continue
		}
		for i, w := range asked {
			if !found[i].Slot.Before(w.slot) {
				w.last = found[i]
			}
		}
	}
}

// askTruth asks Vault whether a wish has ended. Where Vault does not answer it is asked again.
func (d *Desk) askTruth(ctx context.Context, w *wish) (Verdict, bool) {
	w.looked = d.Clock.Now()
	seen, err := d.look(ctx, w.cred)
	if err != nil {
		return Verdict{}, false
	}
	w.seen = seen
	switch w.kind {
	case queue.KindCheck, queue.KindRetire, queue.KindHold, queue.KindRelease, queue.KindAbandon:
		return Verdict{}, false // their end is no rotation's
	default:
	}
	outcome, why, ended := w.by.ended(w.slot, seen)
	if !ended {
		return Verdict{}, false
	}
	at, err := d.Queue.Now(ctx)
	if err != nil {
		at = w.slot
	}
	return w.verdict(outcome, why, at), true
}

func (w *wish) verdict(outcome Outcome, why string, at time.Time) Verdict {
	return Verdict{Credential: w.cred.ID, Asked: w.slot, Outcome: outcome, Why: why, Seconds: max(0, at.Sub(w.slot).Seconds())}
}

// news tells why a wish waits, if that is new.
func (d *Desk) news(ctx context.Context, w *wish, tell func(Verdict)) {
	now := d.Clock.Now()
	if now.Sub(w.began) < newsAfter && w.last.Until.Sub(w.last.At) < newsAfter {
		return
	}
	if w.last.At.Equal(w.newsOf) && now.Sub(w.newsAt) < truthEvery {
		return
	}
	w.newsAt, w.newsOf = now, w.last.At
	if w.seen == nil && d.Truth != nil && w.last.Status != "" && bare(w.last) {
		// What the run said leaves open why; this once Vault is asked before its time.
		w.seen, _ = d.look(ctx, w.cred)
	}
	why, until := d.reason(ctx, w.cred, w.last, w.seen)
	if why == "" {
		why = cmp.Or(w.told.Why, unexplained(w.last)) // what was known before still holds
	}
	if why == w.told.Why && (w.told.Until == nil || until.Sub(*w.told.Until) < laterNews) {
		return
	}
	w.told.Why, w.told.Until = why, nil
	if !until.IsZero() {
		w.told.Until = &until
	}
	tell(w.told)
}
