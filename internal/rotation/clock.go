package rotation

import (
	"context"
	"sync"
	"time"
)

// WallClock is the machine's own clock: the one place where keyturn reads it. It may be wrong, so it measures how long
// something takes and signs requests; what is compared across machines comes from Redis's clock.
type WallClock struct{}

// ahead is by how much the clock is wrong. Nothing sets it but the linker, for the rig of lab/chaos: a program that is
// linked statically cannot be given a wrong clock in another way.
var ahead string

var wrongBy = sync.OnceValue(func() time.Duration {
	d, _ := time.ParseDuration(ahead) // "" is 0
	return d
})

// Now implements Clock.
func (WallClock) Now() time.Time { return time.Now().Add(wrongBy()).UTC() } //nolint:forbidigo // this is the clock that is injected

// Sleep implements Clock.
func (WallClock) Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
