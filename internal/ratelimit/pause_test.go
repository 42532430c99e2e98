package ratelimit

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"keyturn/internal/devenv/devenvtest"
	"keyturn/internal/rotation"
)

func TestAPauseIsShownUntilItEnds(t *testing.T) {
	t.Parallel()
	rdb := redis.NewClient(&redis.Options{Addr: devenvtest.Redis(t).Addr, Username: devenvtest.RedisUser, Password: devenvtest.RedisPassword})
	t.Cleanup(func() { _ = rdb.Close() })
	l, err := New(rdb, rotation.WallClock{}, map[string][]rotation.Rate{"a": {{Requests: 20, Per: time.Second}}, "b": {{Requests: 20, Per: time.Second}}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	p := NewPauses(rdb)
	until := func(account string) time.Time {
		t.Helper()
		at, err := p.Until(t.Context(), account)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	if err := l.Penalise(t.Context(), "a", time.Hour); err != nil {
		t.Fatal(err)
	}
	now, err := rdb.Time(t.Context()).Result()
	if err != nil {
		t.Fatal(err)
	}
	if rest := until("a").Sub(now); rest < 59*time.Minute || rest > time.Hour {
		t.Errorf("a goes on in %s, want an hour", rest)
	}
	if at := until("b"); !at.IsZero() {
		t.Errorf("b was never paused, and goes on at %s", at)
	}

	// One that is over is none, and neither is what another program wrote.
	for _, past := range []any{now.Add(-time.Minute).UnixMicro(), "soon"} {
		if err := rdb.HSet(t.Context(), limitKey("a"), "until", past).Err(); err != nil {
			t.Fatal(err)
		}
		if at := until("a"); !at.IsZero() {
			t.Errorf("%v: %s", past, at)
		}
	}
}
