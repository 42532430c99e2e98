package rotationtest

import (
	"context"
	"time"

	"keyturn/internal/rotation"
)

type limiter struct{ *Worker }

func (l limiter) Take(ctx context.Context, _ string, _ int, _ bool) (rotation.Turns, error) {
	return turns(l), l.do(l.Name, "limiter.take", func() error { return ctxErr(ctx) })
}

type turns struct{ *Worker }

func (t turns) Await(ctx context.Context, _ int) error {
	return t.do(t.Name, "turns.await", func() error { return ctxErr(ctx) })
}

func (l limiter) Penalise(context.Context, string, time.Duration) error {
	return l.do(l.Name, "limiter.penalise", func() error { return nil })
}

type agenda struct{ *Worker }

func (a agenda) Hold(_ context.Context, _ *rotation.Credential, quiet time.Duration, force bool) error {
	return a.do(a.Name, "agenda.hold", func() error {
		if rest := a.heldUntil.Sub(a.now); rest > 0 && !force {
			return &rotation.WaitError{After: rest, Reason: "held"}
		}
		a.heldUntil = a.now.Add(quiet)
		return nil
	})
}

func (a agenda) Park(context.Context, *rotation.Credential, time.Duration) error {
	return a.do(a.Name, "agenda.park", func() error { a.heldUntil = time.Time{}; return nil })
}

func (a agenda) Settle(_ context.Context, _ *rotation.Credential, end rotation.Ending) error {
	return a.do(a.Name, "agenda.settle", func() error {
		a.heldUntil = time.Time{}
		a.Endings = append(a.Endings, end)
		return nil
	})
}

func (a agenda) Ask(_ context.Context, _ *rotation.Credential, reason rotation.Reason, _ time.Duration) error {
	return a.do(a.Name, "agenda.ask", func() error { a.Asked = append(a.Asked, reason); return nil })
}

func (a agenda) Block(context.Context, string, *rotation.Error) error {
	return a.do(a.Name, "agenda.block", func() error { return nil })
}

type notices struct{ *Worker }

func (n notices) Note(_ context.Context, _ *rotation.Credential, notice rotation.Notice) error {
	return n.do(n.Name, "notices.note", func() error { n.Noticed = append(n.Noticed, notice.Kind); return nil })
}

type clock struct{ *Worker }

func (c clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c clock) Sleep(ctx context.Context, d time.Duration) error {
	c.Advance(d)
	return ctx.Err()
}

type observer struct{ *Worker }

func (observer) Called(*rotation.Credential, string, error, time.Duration) {}

func (observer) Verified(*rotation.Credential, rotation.Verdict, time.Duration) {}

func (observer) Exposed(*rotation.Credential, time.Duration) {}

func (o observer) LostGeneration(*rotation.Credential) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.Lost++
}
