package app

import (
	"context"
	"slices"
	"strings"
	"time"

	"keyturn/internal/config"
	"keyturn/internal/due"
	"keyturn/internal/rotation"
	"keyturn/internal/tracing"
)

// hide has ids of credentials left out of a tracer's spans that hold the local part of an address of theirs. The
// configuration in force says which those are.
func hide(tracer *tracing.Tracer, cfg func() *config.Config) {
	tracer.Hide(func(id string) bool { return hides(cfg(), id) })
}

// hides reports whether an id is left out. What a configuration does not have may be a credential that it had.
func hides(cfg *config.Config, id string) bool {
	if cred, ok := cfg.Credential(id); ok {
		return tells(cred)
	}
	return !slices.ContainsFunc(cfg.Verifications, func(v config.Verification) bool { return v.Name == id })
}

// tells reports whether a credential's id holds the local part of an address that is a target or a login of its own.
func tells(cred *rotation.Credential) bool {
	names := []string{cred.Target, cred.Username, cred.Verify.SMTP.Username}
	if cred.Pair != nil {
		for _, a := range cred.Pair.Targets {
			names = append(names, a.Target, a.Username)
		}
	}
	for _, name := range names {
		if local, _, address := strings.Cut(strings.ToLower(name), "@"); address && strings.Contains(cred.ID, local) {
			return true
		}
	}
	return false
}

// Claims is a scheduler's queue, with a trace that begins with each job that it claims.
func (p *Process) Claims(q due.Queue) due.Queue { return claims{q, p.Tracer} }

type claims struct {
	due.Queue
	tracer *tracing.Tracer
}

// Enqueue implements due.Queue.
func (c claims) Enqueue(ctx context.Context, account, id string, slot time.Time, reason rotation.Reason, now bool) error {
	return claim(ctx, c.tracer, account, id, reason, func(ctx context.Context) error {
		return c.Queue.Enqueue(ctx, account, id, slot, reason, now)
	})
}

// Ask implements due.Queue.
func (c claims) Ask(ctx context.Context, account, id string, reason rotation.Reason, after time.Duration) error {
	return claim(ctx, c.tracer, account, id, reason, func(ctx context.Context) error {
		return c.Queue.Ask(ctx, account, id, reason, after)
	})
}

// Enqueue is how what recurs beside rotations is enqueued.
type Enqueue func(ctx context.Context, account, id string, slot time.Time) error

// Round is an Enqueue with a trace that begins with each job.
func (p *Process) Round(enqueue Enqueue) Enqueue {
	return func(ctx context.Context, account, id string, slot time.Time) error {
		return claim(ctx, p.Tracer, account, id, rotation.ReasonScheduled, func(ctx context.Context) error {
			return enqueue(ctx, account, id, slot)
		})
	}
}

func claim(ctx context.Context, tracer *tracing.Tracer, account, id string, reason rotation.Reason, enqueue func(context.Context) error) error {
	ctx, span := tracer.Begin(ctx, tracing.Parent{}, tracing.Internal, "claim")
	span.Job(account, id, string(reason))
	err := enqueue(ctx)
	span.End(err)
	return err
}
