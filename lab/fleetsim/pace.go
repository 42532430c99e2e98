package fleetsim

import (
	"context"
	"time"

	"keyturn/internal/rotation"
)

// alert is for how long after something changed for better or worse loops go at their real pace.
const alert = 12 * time.Minute

// stretched is how much longer loops rest in quiet times: a minute for a second, six hours for the rest between sweeps.
const (
	stretchedRest  = 40
	stretchedSweep = 36
	sweepRest      = 10 * time.Minute
)

// redisClock is rotation.Clock by Redis's time, as internal/queue keeps it. Sleeps are the machine's own.
type redisClock struct{ *Sim }

// Now implements rotation.Clock.
func (c redisClock) Now() time.Time { return c.redisNow() }

// Sleep implements rotation.Clock.
func (c redisClock) Sleep(ctx context.Context, d time.Duration) error { return sleep(ctx, d) }

// loopClock is that of a loop, which rests longer while nothing is wrong, until something is.
type loopClock struct {
	redisClock
	name string
}

// Sleep implements rotation.Clock.
func (c loopClock) Sleep(ctx context.Context, d time.Duration) error {
	// Several may wake up at once: what each does next must not depend on who comes first.
	nth := c.again(c.name, "rest")
	if err := sleep(ctx, c.between(d, d+time.Millisecond, c.name, "rest", nth)); err != nil || !c.quiet() {
		return err
	}
	more := d * (stretchedRest - 1)
	if d >= sweepRest {
		more = d * (stretchedSweep - 1)
	}
	timer := time.NewTimer(more)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-c.alarm():
	case <-timer.C:
	}
	return sleep(ctx, c.between(0, time.Millisecond, c.name, "wake up", nth))
}

// ownClock is a machine's, off by a constant; for what only measures how long something takes, which Go does by a clock
// that never jumps.
type ownClock struct{ off time.Duration }

var _ rotation.Clock = ownClock{}

// Now implements rotation.Clock.
func (c ownClock) Now() time.Time { return virtual().Add(c.off) }

// Sleep implements rotation.Clock.
func (c ownClock) Sleep(ctx context.Context, d time.Duration) error { return sleep(ctx, d) }

// virtual is the time in the bubble.
func virtual() time.Time { return time.Now().UTC() }
