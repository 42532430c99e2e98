package app

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"keyturn/internal/due"
	"keyturn/internal/observe"
	"keyturn/internal/rotation"
)

// countingHouse takes what is counted.
type countingHouse struct {
	away  error
	taken []map[string]due.Tally
}

func (h *countingHouse) Tallied(_ context.Context, tallies map[string]due.Tally) error {
	if h.away == nil {
		h.taken = append(h.taken, tallies)
	}
	return h.away
}

// settled is an Agenda that only ends rotations.
type settled struct{ rotation.Agenda }

func (settled) Settle(context.Context, *rotation.Credential, rotation.Ending) error { return nil }

func TestWhatIsCountedIsHandedOverNowAndThenAndAtTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		house := &countingHouse{away: errors.New("redis is away")}
		tallies := &Tallies{Observer: observe.NewMetrics(), index: house, clock: rotation.WallClock{}, log: slog.New(slog.DiscardHandler)}
		agenda := tallied{settled{}, tallies}
		cred := &rotation.Credential{ID: "a", Account: "mail", Verify: &rotation.Verification{}}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			tallies.Run(ctx)
			close(done)
		}()
		rotate := func(end rotation.Ending) {
			tallies.Called(cred, "set", nil, time.Millisecond)
			tallies.Exposed(cred, 15*time.Millisecond)
			if err := agenda.Settle(t.Context(), cred, end); err != nil {
				t.Error(err)
			}
		}
		rotate(rotation.Ending{Promoted: true})
		tallies.Called(cred, "set", &rotation.Error{Kind: rotation.RateLimited}, time.Millisecond)
		<-time.After(20 * time.Second) // it is not taken, and kept
		synctest.Wait()
		house.away = nil
		rotate(rotation.Ending{State: rotation.Quarantined})
		if err := agenda.Settle(t.Context(), cred, rotation.Ending{State: rotation.Quarantined, Found: true}); err != nil {
			t.Error(err)
		}
		<-time.After(15 * time.Second)
		synctest.Wait()
		want := due.Tally{Rotated: 1, Quarantined: 1, Calls: 3, Limited: 1}
		want.Exposed[1] = 2
		if len(house.taken) != 1 || house.taken[0]["mail"] != want {
			t.Errorf("%+v, want %+v", house.taken, want)
		}
		<-time.After(time.Hour)
		synctest.Wait()
		if len(house.taken) != 1 {
			t.Error("an idle worker hands over nothing all the same")
		}
		rotate(rotation.Ending{Promoted: true})
		cancel()
		<-done
		if len(house.taken) != 2 || house.taken[1]["mail"].Rotated != 1 {
			t.Errorf("at the end: %+v", house.taken)
		}
	})
}
