package rotationtest

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

// provider is Setter, Issuer and Verifier at once.
type provider struct{ *Worker }

func (p provider) refusal(op string) *rotation.Error {
	if p.Answer == nil {
		return nil
	}
	p.mu.Unlock()
	defer p.mu.Lock()
	return p.Answer(Call{Worker: p.Name, Op: op})
}

func (p provider) Set(ctx context.Context, _ string, password secret.Value) error {
	return p.do(p.Name, "setter.set", func() error {
		if e := p.refusal("setter.set"); e != nil {
			return e
		}
		if p.live.Equal(password) {
			return &rotation.Error{Kind: rotation.Repeat, Provider: "model", Op: "Set", Code: "Repeat"}
		}
		if lands(ctx) {
			p.landed = password
		} else {
			p.sent(password)
		}
		p.live = password
		p.accepted = append(p.accepted, password)
		return nil
	})
}

// landing is the key of what Landing says.
type landing struct{}

// Landing is the context of a call that takes effect long after it was sent: Sent or AskedFor has held what the journal must
// have then, and by now another run may have closed it.
func Landing(ctx context.Context) context.Context { return context.WithValue(ctx, landing{}, true) }

func lands(ctx context.Context) bool { return ctx.Value(landing{}) != nil }

// Sent holds what must be true when a Setter is called.
func (w *World) Sent(password secret.Value) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent(password)
}

func (w *World) sent(password secret.Value) {
	if !slices.ContainsFunc(w.Journal().Candidates, func(c rotation.Candidate) bool { return c.Value.Equal(password) }) {
		w.violate("a candidate was sent that the journal does not hold")
	}
}

// AskedFor holds what must be true when an Issuer is called.
func (w *World) AskedFor() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.askedFor()
}

func (w *World) askedFor() {
	if rec := w.Journal(); rec.State != rotation.Open || !answerable(rec) {
		w.violate("a password was issued without an intent in the journal")
	}
}

// answerable reports that a journal holds an intent that has no value yet. It need not be the last entry: the late value of
// an earlier intent may have come after it.
func answerable(rec rotation.Record) bool {
	return slices.ContainsFunc(rec.Candidates, func(intent rotation.Candidate) bool {
		return intent.State == rotation.Intent && !slices.ContainsFunc(rec.Candidates, func(c rotation.Candidate) bool {
			return !c.Value.IsZero() && c.Number == intent.Number
		})
	})
}

func (p provider) Issue(ctx context.Context, _ string) (issued rotation.Issued, err error) {
	err = p.do(p.Name, "issuer.issue", func() error {
		if e := p.refusal("issuer.issue"); e != nil {
			return e
		}
		late := lands(ctx)
		if !late {
			p.askedFor()
		}
		issued = rotation.Issued{Password: p.newPassword(), Synced: true}
		p.live = issued.Password
		if late {
			p.landed = issued.Password
		}
		p.accepted = append(p.accepted, issued.Password)
		return nil
	})
	if err != nil {
		return rotation.Issued{}, err // a lost reply shows nothing
	}
	return issued, nil
}

func (p provider) Verify(_ context.Context, _ string, password secret.Value) (v rotation.Verdict, err error) {
	err = p.do(p.Name, "verifier.verify", func() error {
		v = rotation.Refused
		if p.live.Equal(password) || p.identities != nil && slices.ContainsFunc(slices.Collect(maps.Values(p.identities)), password.Equal) {
			v = rotation.Works
		}
		return nil
	})
	return v, err
}

// ChangeByHand does what a person does at the provider's console.
func (w *World) ChangeByHand(password secret.Value) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.live, w.byHand = password, password
	w.accepted = append(w.accepted, password)
}

func (w *World) newPassword() secret.Value {
	w.passwords++
	return secret.New(fmt.Sprintf("password-%d", w.passwords))
}

func (w *World) everAccepted(password secret.Value) bool {
	return slices.ContainsFunc(w.accepted, password.Equal)
}
