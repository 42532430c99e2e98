package outbox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/redisx"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var pager = Place{"webhook.pager", "shop"}

// newBox is a Box on a Redis of its own, with the rights that keyturn has there.
func newBox(t *testing.T) *Box {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{
		Addr: devenvtest.Redis(t).Addr, ContextTimeoutEnabled: true, Username: devenvtest.RedisUser, Password: devenvtest.RedisPassword,
	})
	t.Cleanup(func() { _ = rdb.Close() })
	return New(rdb)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// event is the id of one that was noted so long ago.
func event(ago time.Duration, n int) string {
	return fmt.Sprintf("%d-%d", time.Now().Add(-ago).UnixMilli(), n)
}

// deliver drains, and returns what was sent.
func deliver(t *testing.T, b *Box, p Place, fail func(id string) error) ([]string, Delivery) {
	t.Helper()
	var sent []string
	d := b.Drain(t.Context(), p, false, time.Now, func(_ context.Context, id string) error {
		if err := fail(id); err != nil {
			return err
		}
		sent = append(sent, id)
		return nil
	})
	return sent, d
}

func ok(string) error { return nil }

func TestEventsOfOneSubjectAreToldInTheirOrderAndOnceEach(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	want := []string{event(time.Hour, 0), event(time.Minute, 2), event(time.Minute, 10)}
	for _, i := range []int{2, 0, 1, 2} {
		must(t, b.Add(t.Context(), want[i], pager, Place{pager.Sink, "shop-2"}, Place{"webhook.other", "shop"}))
	}
	sent, d := deliver(t, b, pager, ok)
	if !slices.Equal(sent, want) || d.Told != 3 || d.Err != nil || d.After != 0 {
		t.Errorf("sent %v, want %v: %+v", sent, want, d)
	}
	if again, _ := deliver(t, b, pager, ok); len(again) > 0 {
		t.Errorf("told twice: %v", again)
	}
	if neighbour, _ := deliver(t, b, Place{pager.Sink, "shop-2"}, ok); len(neighbour) != 3 {
		t.Errorf("the neighbour has %v", neighbour)
	}
	counts, err := b.Counts(t.Context(), pager.Sink, "webhook.other")
	must(t, err)
	if counts[0].Waiting != 0 || counts[1].Waiting != 3 {
		t.Errorf("%+v", counts)
	}
}

func TestWhatFailsIsTriedAgainBeforeWhatCameAfterItAndAfterAPauseThatGrows(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	down := errors.New("down")
	for ago, pause := range map[time.Duration]time.Duration{0: shortest, time.Minute: time.Minute, 10 * time.Hour: longest} {
		p := Place{pager.Sink, fmt.Sprint("subject-", int(ago.Seconds()))}
		first, second := event(ago, 0), event(ago, 1)
		must(t, b.Add(t.Context(), first, p))
		must(t, b.Add(t.Context(), second, p))
		sent, d := deliver(t, b, p, func(string) error { return down })
		if len(sent) > 0 || !errors.Is(d.Err, down) || (d.After-pause).Abs() > 2*time.Second {
			t.Errorf("%s: sent %v: %+v", ago, sent, d)
		}
		if sent, d = deliver(t, b, p, ok); len(sent) > 0 || d.After < pause-5*time.Second || d.Err != nil {
			t.Errorf("%s: sent in the pause: %v: %+v", ago, sent, d)
		}
		must(t, b.rdb.Del(t.Context(), redisx.Turn(p.Sink, p.Subject)).Err()) // the pause is over
		if sent, _ = deliver(t, b, p, ok); !slices.Equal(sent, []string{first, second}) {
			t.Errorf("%s: sent %v", ago, sent)
		}
	}
}

func TestOneWorkerAtATimeTellsOfASubject(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	must(t, b.Add(t.Context(), event(0, 0), pager))
	sent, _ := deliver(t, b, pager, func(string) error {
		if other, d := deliver(t, b, pager, ok); len(other) > 0 || d.After <= 0 || d.Err != nil {
			t.Errorf("another worker sent %v: %+v", other, d)
		}
		return nil
	})
	if len(sent) != 1 {
		t.Errorf("sent %v", sent)
	}
}

func TestAWorkerThatStopsLeavesTheRestToOthersAtOnce(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	must(t, b.Add(t.Context(), event(time.Hour, 0), pager))
	ctx, cancel := context.WithCancel(t.Context())
	d := b.Drain(ctx, pager, false, time.Now, func(context.Context, string) error { cancel(); return context.Canceled })
	if d.Err == nil {
		t.Error("it counts as told")
	}
	if sent, d := deliver(t, b, pager, ok); len(sent) != 1 {
		t.Errorf("%+v", d)
	}
}

func TestWhatCannotBeToldForADayIsKeptAndCanBeSentAgain(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	old, final, fine := event(25*time.Hour, 0), event(time.Minute, 0), event(0, 0)
	for _, id := range []string{old, final, fine} {
		must(t, b.Add(t.Context(), id, pager))
	}
	sent, d := deliver(t, b, pager, func(id string) error {
		return map[string]error{old: errors.New("down"), final: fmt.Errorf("gone: %w", ErrFinal)}[id]
	})
	if !slices.Equal(sent, []string{fine}) || d.Dead != 2 || !errors.Is(d.Cause, ErrFinal) || d.Err != nil {
		t.Errorf("sent %v: %+v", sent, d)
	}
	dead, err := b.Dead(t.Context(), pager.Sink)
	must(t, err)
	if len(dead) != 2 || dead[0].Event != old && dead[1].Event != old || dead[0].Subject != "shop" || dead[0].Since.IsZero() {
		t.Fatalf("%+v", dead)
	}
	for _, one := range dead {
		if one.Event == old && one.Cause != "down" {
			t.Errorf("%+v", one)
		}
	}
	lost := errors.New("redis is away")
	if _, err := b.Revive(t.Context(), pager, old, func() error { return lost }); !errors.Is(err, lost) {
		t.Errorf("got %v", err)
	}
	if dead, err = b.Dead(t.Context(), pager.Sink); err != nil || len(dead) != 2 {
		t.Errorf("what was not asked for is dead no more: %v %+v", err, dead)
	}
	if found, err := b.Revive(t.Context(), pager, old, func() error { return nil }); err != nil || !found {
		t.Errorf("%v %v", found, err)
	}
	if found, err := b.Revive(t.Context(), pager, fine, func() error { return nil }); err != nil || found {
		t.Errorf("what is not dead is revived: %v %v", found, err)
	}
	if sent, _ := deliver(t, b, pager, ok); !slices.Equal(sent, []string{old}) {
		t.Errorf("sent %v", sent)
	}
	if dead, err = b.Dead(t.Context(), pager.Sink); err != nil || len(dead) != 1 {
		t.Errorf("%v %+v", err, dead)
	}
}

func TestOfWhatIsDeadAThousandAreKept(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	now := time.Now()
	for i := range maxDead + 3 {
		must(t, b.Bury(t.Context(), pager, event(0, i), strings.Repeat("x", 1000), now.Add(time.Duration(i)*time.Millisecond)))
	}
	dead, err := b.Dead(t.Context(), pager.Sink)
	must(t, err)
	causes, err := b.rdb.HLen(t.Context(), redisx.Key(pager.Sink, redisx.Causes)).Result()
	must(t, err)
	if len(dead) != maxDead || causes != maxDead || len(dead[0].Cause) != maxCause {
		t.Errorf("%d are kept, with %d causes of %d bytes", len(dead), causes, len(dead[0].Cause))
	}
}

func TestWhatTheStreamDoesNotKeepAnyMoreHoldsNothingUp(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	gone, fine := event(time.Minute, 0), event(0, 0)
	must(t, b.Add(t.Context(), gone, pager))
	must(t, b.Add(t.Context(), fine, pager))
	sent, d := deliver(t, b, pager, func(id string) error {
		if id == gone {
			return ErrGone
		}
		return nil
	})
	if !slices.Equal(sent, []string{fine}) || d.Dead != 1 || !errors.Is(d.Cause, ErrGone) {
		t.Errorf("sent %v: %+v", sent, d)
	}
}

func TestRestartsThatWaitAreOne(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	const n = 3 * atOnce
	for i := range n {
		must(t, b.Add(t.Context(), event(0, i), pager))
	}
	calls := 0
	d := b.Drain(t.Context(), pager, true, time.Now, func(_ context.Context, id string) error {
		calls++
		if !strings.HasSuffix(id, fmt.Sprint("-", n-1)) {
			t.Errorf("restarted for %s, which is not the newest", id)
		}
		return nil
	})
	if calls != 1 || d.Told != 1 || d.After != 0 {
		t.Errorf("%d calls: %+v", calls, d)
	}
}

// A worker that stood still must not tell of what another one has told of meanwhile.
func TestAWorkerWhoseTurnIsOverTellsNoMore(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	for i := range 3 {
		must(t, b.Add(t.Context(), event(0, i), pager))
	}
	sent, d := deliver(t, b, pager, func(string) error {
		return b.rdb.Set(t.Context(), redisx.Turn(pager.Sink, pager.Subject), "another", time.Minute).Err()
	})
	if len(sent) != 1 || !errors.Is(d.Err, errTurn) {
		t.Errorf("sent %v: %+v", sent, d)
	}
	if turn := b.rdb.Get(t.Context(), redisx.Turn(pager.Sink, pager.Subject)).Val(); turn != "another" {
		t.Errorf("the turn is %q", turn)
	}
}

func TestAStopDuringAnOldDeliveryGivesNothingUp(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	must(t, b.Add(t.Context(), event(25*time.Hour, 0), pager))
	ctx, cancel := context.WithCancel(t.Context())
	d := b.Drain(ctx, pager, false, time.Now, func(context.Context, string) error { cancel(); return context.Canceled })
	if d.Dead != 0 || d.Err == nil {
		t.Errorf("%+v", d)
	}
}

// What a person sends again may come while something newer of its subject is being told.
func TestWhatIsPutBackDuringADeliveryIsToldToo(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	older, newer := event(time.Hour, 0), event(0, 0)
	must(t, b.Add(t.Context(), newer, pager))
	sent, _ := deliver(t, b, pager, func(id string) error {
		if id == newer {
			return b.Add(t.Context(), older, pager)
		}
		return nil
	})
	if !slices.Equal(sent, []string{newer, older}) {
		t.Errorf("sent %v", sent)
	}
}
