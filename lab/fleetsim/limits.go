package fleetsim

import (
	"context"
	"time"

	"keyturn/internal/ratelimit"
	"keyturn/internal/rotation"
	"keyturn/internal/smtpauth"
)

// slots is ratelimit.Slots as a process reaches it.
type slots struct{ *process }

// Reserve implements ratelimit.Slots.
func (s slots) Reserve(ctx context.Context, account string, windows []ratelimit.Window, want ratelimit.Want) (ratelimit.Reply, error) {
	if err := s.reach(ctx, account, "reserve"); err != nil {
		return ratelimit.Reply{}, err
	}
	return s.Sim.slots.Reserve(ctx, account, windows, want) //nolint:staticcheck // slots is also what s is
}

// Restrain implements ratelimit.Slots.
func (s slots) Restrain(ctx context.Context, account string, r ratelimit.Restraint) error {
	if err := s.reach(ctx, account, "restrain"); err != nil {
		return err
	}
	return s.Sim.slots.Restrain(ctx, account, r) //nolint:staticcheck // slots is also what s is
}

// ledger is smtpauth.Ledger as a process reaches it.
type ledger struct {
	*process
	of *mailServer
}

// Book implements smtpauth.Ledger.
func (l ledger) Book(ctx context.Context, login string, n int, urgency rotation.Urgency) (int, error) {
	if err := l.reach(ctx, login, "book"); err != nil {
		return 0, &rotation.WaitError{After: 5 * time.Second, Reason: "the budget is away"}
	}
	return l.of.ledger.Book(ctx, login, n, urgency)
}

// Answer implements smtpauth.Ledger.
func (l ledger) Answer(ctx context.Context, a smtpauth.Answer) (smtpauth.Judgement, error) {
	if err := l.reach(ctx, a.Login, "answer"); err != nil {
		return smtpauth.Judgement{}, err
	}
	j, err := l.of.ledger.Answer(ctx, ratelimit.Answer{
		Login: a.Login, ID: a.ID, Verdict: a.Verdict, Trouble: ratelimit.Trouble(a.Trouble), Took: a.Took, Routine: a.Routine,
	})
	return smtpauth.Judgement{Standing: smtpauth.Standing(j.Standing), Recent: j.Recent, Pause: j.Pause, Witnesses: j.Witnesses}, err
}

// Inquired implements smtpauth.Ledger.
func (l ledger) Inquired(ctx context.Context, refused bool) (bool, error) {
	if err := l.reach(ctx, l.of.address, "inquired"); err != nil {
		return false, err
	}
	return l.of.ledger.Inquired(ctx, refused)
}

// Strike implements smtpauth.Ledger.
func (l ledger) Strike(ctx context.Context, login string) (bool, error) {
	if err := l.reach(ctx, login, "strike"); err != nil {
		return false, err
	}
	return l.of.ledger.Strike(ctx, login)
}

// Forget implements smtpauth.Ledger.
func (l ledger) Forget(ctx context.Context, id string) error {
	if err := l.reach(ctx, id, "forget"); err != nil {
		return err
	}
	return l.of.ledger.Forget(ctx, id)
}
