package explore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/secret"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func rotationID(nth int32) string { return fmt.Sprintf("rotation-%d", nth) }

var errAway = errors.New("model: no answer")

// err is the answer as the caller of a store, of Redis or of a verifier sees it.
func (a answer) err() error {
	switch a.failure {
	case fine:
		return nil
	case stale:
		return rotation.ErrStale
	case ended:
		return context.Canceled
	case busy:
		return &rotation.WaitError{After: a.rest, Reason: "held"}
	default:
		return errAway
	}
}

// refusal is the answer as the caller of a provider sees it.
func (a answer) refusal() error {
	switch a.failure {
	case fine:
		return nil
	case ended:
		return &rotation.Error{Kind: rotation.NotSent, Provider: "model", Op: "change"}
	case away:
		return &rotation.Error{Kind: rotation.InDoubt, Provider: "model", Op: "change"}
	default:
		return &rotation.Error{Kind: kinds[Fault(a.failure-refusals)], Provider: "model", Op: "change", Code: "Injected"}
	}
}

type journals struct{ *performance }

func (j journals) Load(ctx context.Context, _ *rotation.Credential) (rotation.Record, error) {
	a := j.ask(ctx, opLoad, 0, 0)
	rec := j.records.values[a.value].Record
	rec.Candidates = slices.Clone(rec.Candidates)
	return rec, a.err()
}

func (j journals) Save(ctx context.Context, _ *rotation.Credential, rec rotation.Record, cas int) (int, error) {
	var id int32
	if rec.Version = cas + 1; !j.scripted() {
		id = j.record(rec)
	}
	a := j.ask(ctx, opSave, id, int64(cas))
	return int(a.value), a.err()
}

// Deleter is what the model's journal can do beside: delete like KV v2, without check-and-set. The state machine has no
// use for it; a broken one may.
type Deleter interface {
	Delete(ctx context.Context) error
}

func (j journals) Delete(ctx context.Context) error { return j.ask(ctx, opDelete, 0, 0).err() }

type secrets struct{ *performance }

func (s secrets) Read(ctx context.Context, _ rotation.Place) (rotation.Entry, error) {
	a := s.ask(ctx, opRead, 0, 0)
	return s.entries.values[a.value].Entry, a.err()
}

func (s secrets) Password(ctx context.Context, _ rotation.Place, version int) (secret.Value, error) {
	a := s.ask(ctx, opPassword, 0, int64(version))
	return s.password(a.value), a.err()
}

func (s secrets) Write(ctx context.Context, _ rotation.Place, e rotation.Entry) error {
	cas, id := e.Version, int32(0)
	if e.Version++; !s.scripted() {
		id = s.entry(e, 0)
	}
	return s.ask(ctx, opWrite, id, int64(cas)).err()
}

func (s secrets) Fence(ctx context.Context, _ rotation.Place, e rotation.Entry) error {
	return s.ask(ctx, opFence, 0, int64(e.Version)).err()
}

type limiter struct{ *performance }

func (l limiter) Take(ctx context.Context, _ string, _ int, _ bool) (rotation.Turns, error) {
	return turns(l), l.ask(ctx, opTake, 0, 0).err()
}

type turns struct{ *performance }

func (t turns) Await(ctx context.Context, _ int) error { return t.ask(ctx, opAwait, 0, 0).err() }

func (l limiter) Penalise(ctx context.Context, _ string, _ time.Duration) error {
	return l.ask(ctx, opPenalise, 0, 0).err()
}

type agenda struct{ *performance }

func (a agenda) Hold(ctx context.Context, _ *rotation.Credential, quiet time.Duration, force bool) error {
	var forced int32
	if force {
		forced = 1
	}
	return a.ask(ctx, opHold, forced, int64(quiet)).err()
}

func (a agenda) Park(ctx context.Context, _ *rotation.Credential, d time.Duration) error {
	return a.ask(ctx, opPark, 0, int64(d)).err()
}

func (a agenda) Settle(ctx context.Context, _ *rotation.Credential, _ rotation.Ending) error {
	return a.ask(ctx, opSettle, 0, 0).err()
}

func (a agenda) Ask(ctx context.Context, _ *rotation.Credential, reason rotation.Reason, after time.Duration) error {
	id := a.reasons.id([]byte(reason), func() rotation.Reason { return reason })
	return a.ask(ctx, opAsk, id, int64(after)).err()
}

func (a agenda) Block(ctx context.Context, _ string, _ *rotation.Error) error {
	return a.ask(ctx, opBlock, 0, 0).err()
}

// provider is Setter, Issuer and Verifier in one.
type provider struct{ *performance }

func (p provider) Set(ctx context.Context, target string, password secret.Value) error {
	return p.askAbout(ctx, target, opSet, p.passwordID(password), 0).refusal()
}

func (p provider) Issue(ctx context.Context, target string) (rotation.Issued, error) {
	a := p.askAbout(ctx, target, opIssue, 0, 0)
	if a.failure != fine {
		return rotation.Issued{}, a.refusal()
	}
	return rotation.Issued{Password: p.password(a.value), Synced: !a.odd}, nil
}

func (p provider) Mint(ctx context.Context, target string, _ rotation.Label) (rotation.Identity, error) {
	a := p.askAbout(ctx, target, opMint, 0, 0)
	if a.failure != fine {
		return rotation.Identity{}, a.refusal()
	}
	return rotation.Identity{ID: identityName(a.value), Username: usernameOf(identityName(a.value)), Password: p.password(a.value), Synced: true}, nil
}

func (p provider) Identities(ctx context.Context, target, _ string, turn func(context.Context) error) (ids []string, err error) {
	if err := turn(ctx); err != nil {
		return nil, err
	}
	a := p.askAbout(ctx, target, opList, 0, 0)
	for _, n := range p.sets.values[a.value] {
		ids = append(ids, identityName(n))
	}
	return ids, a.refusal()
}

func (p provider) Retire(ctx context.Context, target, id string) error {
	return p.askAbout(ctx, target, opRetire, identityNumber(id), 0).refusal()
}

func (p provider) Disable(ctx context.Context, target, id string) error {
	return p.askAbout(ctx, target, opDisable, identityNumber(id), 0).refusal()
}

func (p provider) Enable(ctx context.Context, target, id string) error {
	return p.askAbout(ctx, target, opEnable, identityNumber(id), 0).refusal()
}

// Own is never asked where the model lists all identities.
func (p provider) Own(string) bool { return false }

type keys struct{ *performance }

func (k keys) Leave(ctx context.Context, _ *rotation.Credential, id string) (used bool, err error) {
	a := k.ask(ctx, opLeave, identityNumber(id), 0)
	return a.value != 0, a.err()
}

func (k keys) Missed(ctx context.Context, _ *rotation.Credential, id string) (bool, error) {
	a := k.ask(ctx, opMissed, identityNumber(id), 0)
	return a.value != 0, a.err()
}

func (k keys) Stay(ctx context.Context, _ *rotation.Credential, id string) error {
	return k.ask(ctx, opStay, identityNumber(id), 0).err()
}

func (p provider) Verify(ctx context.Context, login string, password secret.Value) (rotation.Verdict, error) {
	a := p.askAbout(ctx, login, opVerify, p.passwordID(password), 0)
	return rotation.Verdict(a.value), a.err()
}

type clock struct{ *performance }

func (c clock) Now() time.Time { return start.Add(c.now) }

func (c clock) Sleep(ctx context.Context, d time.Duration) error {
	return c.ask(ctx, opSleep, 0, int64(d)).err()
}

// notices go nowhere: nothing in the protocol depends on one.
type notices struct{}

func (notices) Note(context.Context, *rotation.Credential, rotation.Notice) error { return nil }

type observer struct{}

func (observer) Called(*rotation.Credential, string, error, time.Duration) {}

func (observer) Verified(*rotation.Credential, rotation.Verdict, time.Duration) {}

func (observer) Exposed(*rotation.Credential, time.Duration) {}

func (observer) LostGeneration(*rotation.Credential) {}
