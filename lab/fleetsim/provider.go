package fleetsim

import (
	"context"
	"errors"
	"time"

	"keyturn/internal/rotation"
	"keyturn/internal/rotation/rotationtest"
	"keyturn/internal/secret"
)

// provider is one credential at its provider, as a process calls it.
type provider struct {
	*cell
	p    *process
	real rotation.Client
}

// Set implements rotation.Setter.
func (v provider) Set(ctx context.Context, target string, password secret.Value) error {
	_, err := v.call(ctx, func() { v.Sent(password) }, func(ctx context.Context) (rotation.Issued, error) {
		return rotation.Issued{}, v.real.Setter.Set(ctx, target, password)
	})
	return v.variant.accepted(v.p, err)
}

// Issue implements rotation.Issuer.
func (v provider) Issue(ctx context.Context, target string) (rotation.Issued, error) {
	return v.call(ctx, v.AskedFor, func(ctx context.Context) (rotation.Issued, error) { return v.real.Issuer.Issue(ctx, target) })
}

// call is one call of the provider's API: the account's limit and troubles come before what it does. Sent holds what must be
// true when it is sent, where it takes effect much later.
func (v provider) call(ctx context.Context, sent func(), do func(context.Context) (rotation.Issued, error)) (rotation.Issued, error) {
	if v.pass(ctx, 20*time.Millisecond, 80*time.Millisecond, v.p.name+v.cred.ID, "call the provider") != nil {
		return rotation.Issued{}, errors.New("the call was cut off")
	}
	if refused := v.refuses(); refused != nil {
		v.happened("%s the provider refuses: %s", v.p.name, refused.Kind)
		v.excused(refused)
		if refused.RetryAfter >= time.Minute {
			v.pause(v.account.name, refused.RetryAfter)
		}
		return rotation.Issued{}, refused
	}
	v.spend(work{sends: 1})
	if v.on(lateCalls, v.account.name) && v.oneIn(4, v.cred.ID, "late") {
		sent()
		return v.late(do) //nolint:contextcheck // it lands after ctx has ended
	}
	issued, err := do(ctx)
	v.changed()
	v.happened("%s the provider answers: %v", v.p.name, err)
	return issued, err
}

// late has a call land after its sender has given up.
func (v provider) late(do func(context.Context) (rotation.Issued, error)) (rotation.Issued, error) {
	v.excuse(work{rotations: 1, sends: 2, logins: 12, vault: 24})
	v.blame("a call lands late")
	lies := v.between(10*time.Second, time.Minute, v.cred.ID, "late for", v.again(v.cred.ID, "late for"))
	v.running.Go(func() {
		defer func() { _ = recover() }() // where its process is dead by then, so is the model's call
		if sleep(v.ctx, lies) == nil {
			_, _ = do(rotationtest.Landing(v.ctx))
			v.changed()
			v.happened("a late call lands")
		}
	})
	return rotation.Issued{}, errors.New("no answer in time")
}

// refuses is what the provider answers instead of doing anything.
func (v provider) refuses() *rotation.Error {
	a := v.account.name
	refusal := func(kind rotation.Kind, after time.Duration) *rotation.Error {
		return &rotation.Error{Kind: kind, Provider: "model", Op: "Change", Code: kind.String(), RetryAfter: after}
	}
	switch {
	case v.on(unauthorized, a):
		return refusal(rotation.Unauthorized, 0)
	case v.on(providerAway, a):
		return refusal(rotation.NotSent, 0)
	case v.on(unavailable, a):
		return refusal(rotation.Unavailable, 0)
	case v.on(throttled, a) && v.below(2, a, "throttle", v.again(a, "throttle")) == 0:
		return refusal(rotation.RateLimited, []time.Duration{0, 5 * time.Second, time.Minute, time.Hour}[v.below(4, a, "retry", v.again(a, "retry"))])
	case v.on(targetGone, v.cred.ID):
		v.blame("the provider does not know the target")
		return refusal(rotation.Target, 0)
	case v.on(ruled, v.cred.ID):
		v.blame("the provider refuses every password by rule")
		return refusal(rotation.Rejected, 0)
	}
	if !v.meter(v.account) {
		v.violate(v.cell, "the rate limit of account %s is broken", a)
	}
	return nil
}

// excused allows for what a refusal costs.
func (v provider) excused(refused *rotation.Error) {
	switch refused.Kind {
	case rotation.RateLimited, rotation.Unavailable, rotation.NotSent, rotation.Unauthorized:
		v.excuse(work{vault: 6})
	default:
		v.spend(work{sends: 1})
	}
}

// meter counts the calls of an account, and reports whether the provider bears them: a fifth more than is configured,
// because calls take a while to arrive.
func (s *Sim) meter(a *account) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := virtual()
	calls := append(s.calls[a.name], now)
	for now.Sub(calls[0]) >= a.rate.Per {
		calls = calls[1:]
	}
	s.calls[a.name] = calls
	return len(calls) <= a.rate.Requests+max(1, a.rate.Requests/5)
}

// counting counts the questions that were asked about a credential.
type counting struct {
	smtp
	c *cell
}

// smtp is what smtpauth.Verifier is to a rotation.
type smtp interface {
	rotation.Verifier
	rotation.Reserver
	rotation.Timed
}

// Verify implements rotation.Verifier.
func (v counting) Verify(ctx context.Context, login string, password secret.Value) (rotation.Verdict, error) {
	verdict, err := v.smtp.Verify(ctx, login, password)
	var wait *rotation.WaitError
	if errors.As(err, &wait) {
		v.c.excuse(work{vault: 6})
	} else {
		v.c.spend(work{logins: 1})
	}
	if err != nil {
		v.c.happened("the verifier cannot say: %v", err)
	}
	return verdict, err
}

// readBack asks the provider itself.
type readBack struct {
	*cell
	real rotation.Verifier
}

// Verify implements rotation.Verifier.
func (v readBack) Verify(ctx context.Context, login string, password secret.Value) (rotation.Verdict, error) {
	if err := v.pass(ctx, 20*time.Millisecond, 80*time.Millisecond, v.cred.ID, "read back"); err != nil {
		return rotation.Unknown, err
	}
	v.spend(work{logins: 1})
	refused := provider{cell: v.cell, p: &process{name: "read-back"}}.refuses()
	if refused != nil {
		return rotation.Unknown, refused
	}
	return v.real.Verify(ctx, login, password)
}
